package bench_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/bench/internal/fake"
	"github.com/go-secrets/secrets/bench/internal/load"
	"github.com/go-secrets/secrets/bench/internal/peer"
)

// starts are the ways to have a hundred secrets at a program's start. Each
// opens everything anew, connections included.
var starts = []struct {
	peer  string
	calls int // that are wanted of us and of the ideal; 0: whatever it takes
	start func(names []string) error
}{
	{"ideal-awssm", 5, func(names []string) error {
		client, err := peer.SecretsManager(backend)
		if err != nil {
			return err
		}
		return chunks(names, 20, func(names []string) error {
			out, err := client.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: names})
			if err == nil && len(out.SecretValues) != len(names) {
				return errors.New("some are missing")
			}
			return err
		})
	}},
	{"ours-awssm", 5, func(names []string) error { return preload("awssm://?region=eu-west-1&endpoint="+backend.AWS, names) }},
	{"ideal-ssm", 10, func(names []string) error {
		client, err := peer.SSM(backend)
		if err != nil {
			return err
		}
		return chunks(names, 10, func(names []string) error {
			paths := make([]string, len(names))
			for i, name := range names {
				paths[i] = "/" + name
			}
			out, err := client.GetParameters(ctx, &ssm.GetParametersInput{Names: paths, WithDecryption: aws.Bool(true)})
			if err == nil && len(out.Parameters) != len(names) {
				return errors.New("some are missing")
			}
			return err
		})
	}},
	{"ours-ssm", 10, func(names []string) error { return preload("ssm:///?region=eu-west-1&endpoint="+backend.AWS, names) }},
	{"raw-in-turn", 0, func(names []string) error { return readAll(peer.Raw, names) }},
	{"raw-at-once", 0, func(names []string) error { return readAtOnce(peer.Raw, names) }},
	{"awscache", 0, func(names []string) error { return readAll(peer.AWSCache, names) }},
	{"runtimevar", 0, func(names []string) error { return readAtOnce(peer.RuntimeVar, names) }},
	{"setec", 0, func(names []string) error {
		r, err := peer.Open(peer.Setec, backend, peer.Options{Names: names})
		if err != nil {
			return err
		}
		return r.Close()
	}},
}

// chunks does n names at a time, all at once.
func chunks(names []string, n int, do func([]string) error) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for chunk := range slices.Chunk(names, n) {
		all.Go(func() {
			err := do(chunk)
			mu.Lock()
			errs = append(errs, err)
			mu.Unlock()
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func preload(uri string, names []string) error {
	r, err := secrets.Open(ctx, uri)
	if err != nil {
		return err
	}
	return errors.Join(r.Preload(ctx, names...), r.Close())
}

func readAll(which string, names []string) error {
	r, err := peer.Open(which, backend, peer.Options{})
	if err != nil {
		return err
	}
	return errors.Join(peer.ReadAll(ctx, r, names), r.Close())
}

func readAtOnce(which string, names []string) error {
	r, err := peer.Open(which, backend, peer.Options{})
	if err != nil {
		return err
	}
	err = chunks(names, 1, func(names []string) error { return peer.ReadAll(context.Background(), r, names) })
	return errors.Join(err, r.Close())
}

// startOnce times one start.
func startOnce(tb testing.TB, start func([]string) error) (time.Duration, int) {
	tb.Helper()
	require.NoError(tb, backend.Reset())
	began := time.Now()
	require.NoError(tb, start(load.Names("start", 100)))
	return time.Since(began), calls(tb)
}

// BenchmarkStart is how long a program with a hundred secrets waits at its
// start, on a backend that takes 5 ms for a call.
func BenchmarkStart(b *testing.B) {
	for _, s := range starts {
		b.Run("peer="+s.peer, func(b *testing.B) {
			slow(b, 5*time.Millisecond)
			n := 1
			if s.calls > 0 {
				n = max(1, *samples/5)
			}
			var all []time.Duration
			var called int
			for range n {
				took, c := startOnce(b, s.start)
				all, called = append(all, took), c
			}
			b.ReportMetric(float64(load.Median(all)), "ns/op")
			b.ReportMetric(float64(called), "calls/op")
		})
	}
}

// BenchmarkStartPair times us and the same batches written by hand, in turns.
func BenchmarkStartPair(b *testing.B) {
	for i, backendName := range []string{"awssm", "ssm"} {
		b.Run("backend="+backendName, func(b *testing.B) {
			slow(b, 5*time.Millisecond)
			ideal, ours := starts[2*i], starts[2*i+1]
			var ideals, all []time.Duration
			for n := range *samples {
				first, second := ideal.start, ours.start
				if n%2 == 1 {
					first, second = second, first
				}
				a, _ := startOnce(b, first)
				c, _ := startOnce(b, second)
				if n%2 == 1 {
					a, c = c, a
				}
				ideals, all = append(ideals, a), append(all, c)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(load.Median(ideals)), "ideal-ns")
			b.ReportMetric(float64(load.Median(all)), "ours-ns")
		})
	}
}

func TestAHundredSecretsAreAsManyCallsAsBatchesByHand(t *testing.T) {
	for _, s := range starts {
		t.Run(s.peer, func(t *testing.T) {
			restore(t)
			_, called := startOnce(t, s.start)
			if s.calls > 0 {
				assert.Equal(t, s.calls, called)
			} else {
				assert.GreaterOrEqual(t, called, 100)
			}
		})
	}
	assert.Equal(t, fake.Size, len(fake.Value("start-0000", 7)))
}
