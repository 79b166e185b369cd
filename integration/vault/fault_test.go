package vault_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// A line is the network between a client and a server, which can be made bad.
type line struct {
	proxy *toxiproxy.Proxy
	addr  string
}

func newLine(t testing.TB, target string) *line {
	t.Helper()
	_, upstream, _ := strings.Cut(target, "://")
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, unique("line"), "127.0.0.1:0", upstream)
	require.NoError(t, proxy.Start())
	t.Cleanup(proxy.Stop)
	return &line{proxy: proxy, addr: proxy.Listen}
}

func (l *line) add(t testing.TB, stream, kind, attributes string) (remove func()) {
	t.Helper()
	name := unique(kind)
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(
		fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"attributes":{%s}}`, name, kind, stream, attributes)))
	require.NoError(t, err)
	return func() { assert.NoError(t, l.proxy.Toxics.RemoveToxic(context.Background(), name)) }
}

// bad are the faults, each of which the service has to outlive.
var bad = map[string]func(t testing.TB, l *line) (mend func()){
	"slow": func(t testing.TB, l *line) func() {
		return l.add(t, "downstream", "latency", `"latency":800,"jitter":200`)
	},
	"trickling": func(t testing.TB, l *line) func() {
		return l.add(t, "downstream", "bandwidth", `"rate":0`)
	},
	"cut in the middle of an answer": func(t testing.TB, l *line) func() {
		return l.add(t, "downstream", "limit_data", `"bytes":100`)
	},
	"reset": func(t testing.TB, l *line) func() {
		return l.add(t, "downstream", "reset_peer", `"timeout":0`)
	},
	"half open": func(t testing.TB, l *line) func() {
		// What is sent vanishes, and no end of it is ever told.
		return l.add(t, "upstream", "timeout", `"timeout":0`)
	},
}

func TestABadNetworkNeverSlowsOrFailsAHeldSecretAndIsOutlived(t *testing.T) {
	t.Parallel()
	for name, spoil := range bad {
		for _, scheme := range []string{"http", "https"} {
			t.Run(name+" over "+scheme, func(t *testing.T) {
				t.Parallel()
				outlive(t, scheme, spoil)
			})
		}
	}
}

func outlive(t *testing.T, scheme string, spoil func(testing.TB, *line) func()) {
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol, "token_ttl": "1h"})
	target := shared.Addr
	if scheme == "https" {
		target = shared.TLSAddr
	}
	l := newLine(t, target)
	r := open(t, kv, scheme+"://"+l.addr, role.options()+"&ca_cert="+shared.CAFile, secrets.WithTTL(300*time.Millisecond), secrets.WithTimeout(2*time.Second))
	require.Equal(t, "x", reveal(t, r, "k"))

	mend := spoil(t, l)
	put(t, shared, kv, 2, "k", map[string]any{"value": "y"})
	end := time.Now().Add(5 * time.Second)
	for time.Now().Before(end) {
		start := time.Now()
		_, err := r.Get(t.Context(), "k")
		require.NoError(t, err)
		require.Less(t, time.Since(start), 500*time.Millisecond, "a held secret is served at once")
		<-time.After(10 * time.Millisecond)
	}
	mend()
	require.Eventually(t, func() bool { return reveal(t, r, "k") == "y" }, 40*time.Second, 50*time.Millisecond,
		"it sees the new version once the network is mended")
}

func TestALineThatDiesBetweenTwoReadsCostsOneTimeout(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	put(t, shared, kv, 2, "other", map[string]any{"value": "z"})
	role := newAppRole(t, shared, map[string]any{"token_policies": pol, "token_ttl": "1h"})
	l := newLine(t, shared.Addr)
	r := open(t, kv, "http://"+l.addr, role.options()+"&timeout=500ms")
	require.Equal(t, "x", reveal(t, r, "k"))
	mend := bad["half open"](t, l)
	go func() { <-time.After(time.Second); mend() }()
	start := time.Now()
	assert.Equal(t, "z", reveal(t, r, "other"), "a cold read tries again")
	assert.Less(t, time.Since(start), 5*time.Second)
}
