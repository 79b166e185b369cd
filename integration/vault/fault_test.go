package vault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/line"
)

// bad are the faults, each of which the service has to outlive.
var bad = map[string]func(t testing.TB, l *line.Line) (mend func()){
	"slow": func(t testing.TB, l *line.Line) func() {
		return l.Add(t, "downstream", "latency", `"latency":800,"jitter":200`)
	},
	"trickling": func(t testing.TB, l *line.Line) func() {
		return l.Add(t, "downstream", "bandwidth", `"rate":0`)
	},
	"cut in the middle of an answer": func(t testing.TB, l *line.Line) func() {
		return l.Add(t, "downstream", "limit_data", `"bytes":100`)
	},
	"reset": func(t testing.TB, l *line.Line) func() {
		return l.Add(t, "downstream", "reset_peer", `"timeout":0`)
	},
	"half open": func(t testing.TB, l *line.Line) func() {
		// What is sent vanishes, and no end of it is ever told.
		return l.Add(t, "upstream", "timeout", `"timeout":0`)
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

func outlive(t *testing.T, scheme string, spoil func(testing.TB, *line.Line) func()) {
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol, "token_ttl": "1h"})
	target := shared.Addr
	if scheme == "https" {
		target = shared.TLSAddr
	}
	l := line.New(t, target)
	r := open(t, kv, scheme+"://"+l.Addr, role.options()+"&ca_cert="+shared.CAFile, secrets.WithTTL(300*time.Millisecond), secrets.WithTimeout(2*time.Second))
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
	l := line.New(t, shared.Addr)
	r := open(t, kv, "http://"+l.Addr, role.options()+"&timeout=500ms")
	require.Equal(t, "x", reveal(t, r, "k"))
	mend := bad["half open"](t, l)
	go func() { <-time.After(time.Second); mend() }()
	start := time.Now()
	assert.Equal(t, "z", reveal(t, r, "other"), "a cold read tries again")
	assert.Less(t, time.Since(start), 5*time.Second)
}
