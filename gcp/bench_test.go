package gcp_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

// raw returns what a program would use without this package.
func raw(t testing.TB, s *gcpfake.Server) *secretmanager.Client {
	t.Helper()
	conn, err := grpc.NewClient(s.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	client, err := secretmanager.NewClient(context.Background(), option.WithGRPCConn(conn))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func access(t testing.TB, client *secretmanager.Client, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := client.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: parent + id + "/versions/latest"})
	require.NoError(t, err)
}

// BenchmarkColdGet reads a secret that is not held, in turns with the raw
// client and with a resolver, and reports the medians: at most 3 % and 20 µs
// more is what a cold Get may cost.
func BenchmarkColdGet(b *testing.B) {
	for _, latency := range []time.Duration{0, 5 * time.Millisecond} {
		b.Run(fmt.Sprint("backend=", latency), func(b *testing.B) {
			s := start(b)
			s.Put(parent+"db", []byte("a value of some length, as passwords are"))
			client := raw(b, s)
			// Nothing is kept, so every Get is a cold one.
			r := resolver(b, s, secrets.WithTTL(0))
			get := func() {
				_, err := r.Get(context.Background(), "db")
				require.NoError(b, err)
			}
			access(b, client, "db")
			get()
			s.SetLatency(latency)
			var raws, gets []time.Duration
			for b.Loop() {
				began := time.Now()
				access(b, client, "db")
				between := time.Now()
				get()
				raws, gets = append(raws, between.Sub(began)), append(gets, time.Since(between))
			}
			r50, g50 := median(raws), median(gets)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(micro(r50), "raw-µs")
			b.ReportMetric(micro(g50), "get-µs")
			b.ReportMetric(micro(g50-r50), "extra-µs")
			b.ReportMetric(100*float64(g50-r50)/float64(r50), "extra-%")
		})
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// eightAtOnce reads every id with the raw client, as fast as eight calls in
// flight allow.
func eightAtOnce(t testing.TB, client *secretmanager.Client, ids []string) {
	next := make(chan string)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for id := range next {
				access(t, client, id)
			}
		})
	}
	for _, id := range ids {
		next <- id
	}
	close(next)
	all.Wait()
}

// startUp returns 100 ids on a server that takes 5 ms for a call.
func startUp(t testing.TB) (s *gcpfake.Server, client *secretmanager.Client, ids []string) {
	s = start(t)
	ids = make([]string, 100)
	for i := range ids {
		ids[i] = fmt.Sprintf("key-%d", i)
		s.Put(parent+ids[i], []byte("v"))
	}
	client = raw(t, s)
	access(t, client, ids[0])
	s.SetLatency(5 * time.Millisecond)
	return s, client, ids
}

// preload reads every id with a resolver of its own, connection included.
func preload(t testing.TB, s *gcpfake.Server, ids []string) time.Duration {
	r, err := secrets.Open(context.Background(), "gcp://my-project?endpoint="+s.Addr())
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	began := time.Now()
	require.NoError(t, r.Preload(context.Background(), ids...))
	return time.Since(began)
}

func TestAHundredSecretsTakeAtMost120PercentOfTheIdeal(t *testing.T) {
	if testing.Short() {
		t.Skip("measures times")
	}
	s, client, ids := startUp(t)
	best, ideal := time.Hour, time.Hour
	for round := 0; round < 5 || round < 40 && best >= ideal*12/10; round++ { // the best of some, for what else runs on the machine
		began := time.Now()
		eightAtOnce(t, client, ids)
		ideal = min(ideal, time.Since(began))
		best = min(best, preload(t, s, ids))
	}
	t.Logf("Preload %v, eight calls of the raw client at once %v", best, ideal)
	assert.Less(t, best, ideal*12/10)
	assert.LessOrEqual(t, s.Peak(), 8)
}

// BenchmarkAHundredSecrets is how long a program waits at its start.
func BenchmarkAHundredSecrets(b *testing.B) {
	s, client, ids := startUp(b)
	b.Run("preload", func(b *testing.B) {
		for b.Loop() {
			preload(b, s, ids)
		}
	})
	b.Run("raw, eight at once", func(b *testing.B) {
		for b.Loop() {
			eightAtOnce(b, client, ids)
		}
	})
	b.Run("raw, one after the other", func(b *testing.B) {
		for b.Loop() {
			for _, id := range ids {
				access(b, client, id)
			}
		}
	})
}
