package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/bench/internal/fake"
	"github.com/go-secrets/secrets/bench/internal/load"
	"github.com/go-secrets/secrets/bench/internal/peer"
)

// cold are the backends with the raw client of each, and with us.
var cold = []struct {
	backend string
	raw     func(*fake.Backend) (peer.Reader, error)
	ours    func(*fake.Backend) string
}{
	{"awssm", func(b *fake.Backend) (peer.Reader, error) { return peer.Open(peer.Raw, b, peer.Options{}) },
		func(b *fake.Backend) string { return "awssm://?region=eu-west-1&endpoint=" + b.AWS }},
	{"ssm", peer.OpenSSM, func(b *fake.Backend) string { return "ssm:///?region=eu-west-1&endpoint=" + b.AWS }},
	{"vault", peer.OpenVault, func(b *fake.Backend) string { return "vault://secret?address=" + b.AWS }},
	{"gcp", peer.OpenGCP, func(b *fake.Backend) string { return "gcp://" + fake.Project + "?endpoint=" + b.GCP }},
}

// BenchmarkColdPair reads secrets that are not held with the raw client and
// with us, in turns, and tells the medians of both and of the differences.
func BenchmarkColdPair(b *testing.B) {
	for _, c := range cold {
		for _, latency := range []time.Duration{0, 5 * time.Millisecond} {
			b.Run(fmt.Sprintf("backend=%s/latency=%v", c.backend, latency), func(b *testing.B) {
				restore(b)
				raw := closing(b, must(c.raw(backend))(b))
				ours := closing(b, must(peer.OpenOurs(c.ours(backend), peer.Options{}))(b))
				names := load.Names("gcp", *samples+20)
				for _, name := range names[:20] { // connections, mounts, credentials
					must(raw.Get(ctx, name))(b)
					must(ours.Get(ctx, name))(b)
				}
				slow(b, latency)
				var raws, all, extra []time.Duration
				for i, name := range names[20:] {
					var r, o time.Duration
					if i%2 == 0 {
						r, o = timed(b, raw, name), timed(b, ours, name)
					} else {
						o, r = timed(b, ours, name), timed(b, raw, name)
					}
					raws, all, extra = append(raws, r), append(all, o), append(extra, o-r)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(load.Median(raws)), "raw-ns")
				b.ReportMetric(float64(load.Median(all)), "ours-ns")
				b.ReportMetric(float64(load.Median(extra)), "extra-ns")
			})
		}
	}
}

func timed(tb testing.TB, r peer.Reader, name string) time.Duration {
	start := time.Now()
	_, err := r.Get(ctx, name)
	took := time.Since(start)
	require.NoError(tb, err)
	return took
}

// coldPeers read one secret after the other from Secrets Manager.
var coldPeers = []string{peer.Raw, peer.Ours, peer.AWSCache, peer.RuntimeVar, peer.Setec}

// BenchmarkCold is a read of a secret that is not held.
func BenchmarkCold(b *testing.B) {
	for _, which := range coldPeers {
		for _, latency := range []time.Duration{0, 5 * time.Millisecond} {
			b.Run(fmt.Sprintf("peer=%s/latency=%v", which, latency), func(b *testing.B) {
				restore(b)
				names := load.Names("cold", *samples+1)
				r := open(b, which, peer.Options{Names: names[:1]})
				must(r.Get(ctx, names[0]))(b)
				slow(b, latency)
				var all []time.Duration
				for _, name := range names[1:] {
					all = append(all, timed(b, r, name))
				}
				b.ReportMetric(float64(load.Median(all)), "ns/op")
				b.ReportMetric(float64(calls(b))/float64(len(all)), "calls/op")
			})
		}
	}
}

func TestAColdReadIsOneCall(t *testing.T) {
	for _, c := range cold {
		t.Run(c.backend, func(t *testing.T) {
			restore(t)
			raw := closing(t, must(c.raw(backend))(t))
			ours := closing(t, must(peer.OpenOurs(c.ours(backend), peer.Options{}))(t))
			must(ours.Get(ctx, "gcp-0000"))(t)
			require.NoError(t, backend.Reset())
			assert.Equal(t, must(raw.Get(ctx, "gcp-0001"))(t), must(ours.Get(ctx, "gcp-0001"))(t))
			// Apart from it a client may ask how long its token of Vault lives.
			token := must(backend.Stats())(t).Calls["vault auth"]
			assert.Equal(t, 2, calls(t)-token, "one of the raw client, one of ours")
		})
	}
}
