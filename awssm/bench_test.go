package awssm

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// anyName answers every name with a short value.
func anyName(r awstest.Request) awstest.Reply {
	if ids := r.Texts("SecretIdList"); ids != nil {
		var values []any
		for _, id := range ids {
			values = append(values, awstest.SecretEntry(id, "a value"))
		}
		return awstest.OK(map[string]any{"SecretValues": values})
	}
	return awstest.OK(awstest.SecretEntry(r.Text("SecretId"), "a value"))
}

// BenchmarkColdGet compares a Get of a name never held with the SDK's call
// for it, in turns, and reports the medians and their difference.
func BenchmarkColdGet(b *testing.B) {
	for _, latency := range []time.Duration{0, 5 * time.Millisecond} {
		b.Run(fmt.Sprintf("backend=%v", latency), func(b *testing.B) {
			server := awstest.NewServer(b, anyName)
			server.Latency = latency
			client := clientOf(server)
			r := secrets.New(New(client))
			defer func() { _ = r.Close() }()
			ctx := b.Context()
			var raw, ours []time.Duration
			for i := 0; b.Loop(); i++ {
				name := fmt.Sprintf("name-%d", i)
				one := func() {
					raw = append(raw, timed(b, func() error {
						_, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(name), VersionStage: aws.String(current)})
						return err
					}))
				}
				two := func() {
					ours = append(ours, timed(b, func() error {
						_, err := r.Get(ctx, name)
						return err
					}))
				}
				if i%2 == 0 {
					one()
					two()
				} else {
					two()
					one()
				}
				server.Reset()
			}
			report(b, raw, ours)
		})
	}
}

func timed(b *testing.B, call func() error) time.Duration {
	start := time.Now()
	if err := call(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func report(b *testing.B, raw, ours []time.Duration) {
	slices.Sort(raw)
	slices.Sort(ours)
	r, o := raw[len(raw)/2], ours[len(ours)/2]
	b.ReportMetric(float64(r)/1e3, "µs-sdk")
	b.ReportMetric(float64(o)/1e3, "µs-get")
	b.ReportMetric(float64(o-r)/1e3, "µs-more")
	b.ReportMetric(100*float64(o-r)/float64(r), "%-more")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkHundredSecrets starts a program with 100 secrets at 5 ms from the
// backend: through Preload, as batches of the SDK side by side (the ideal), and
// as single calls of the SDK, one after the other.
func BenchmarkHundredSecrets(b *testing.B) {
	names := awstest.Names("secret", 100)
	for _, way := range []struct {
		name string
		read func(context.Context, *secretsmanager.Client) error
	}{
		{"preload", func(ctx context.Context, client *secretsmanager.Client) error {
			r := secrets.New(New(client))
			defer func() { _ = r.Close() }()
			return r.Preload(ctx, names...)
		}},
		{"ideal", func(ctx context.Context, client *secretsmanager.Client) error {
			var wg sync.WaitGroup
			errs := make([]error, len(names)/perCall)
			for i := range errs {
				wg.Go(func() {
					_, errs[i] = client.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: names[i*perCall : (i+1)*perCall]})
				})
			}
			wg.Wait()
			return errs[0]
		}},
		{"singly", func(ctx context.Context, client *secretsmanager.Client) error {
			for _, name := range names {
				if _, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(name)}); err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			server := awstest.NewServer(b, anyName)
			server.Latency = 5 * time.Millisecond
			client := clientOf(server)
			if err := way.read(b.Context(), client); err != nil { // connections are there
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				server.Reset()
				if err := way.read(b.Context(), client); err != nil {
					b.Fatal(err)
				}
				n = len(server.Calls())
			}
			b.ReportMetric(float64(n), "calls")
		})
	}
}
