package vault_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/vaultserver"
)

func TestWhileSealedTheHeldValueIsServedAndAfterUnsealingItRecovers(t *testing.T) {
	t.Parallel()
	s := vaultserver.Start(t)
	kv := kvMount(t, s, 2)
	put(t, s, kv, 2, "held", map[string]any{"value": "one"})
	role := newAppRole(t, s, map[string]any{"token_policies": reader(t, s, kv), "token_ttl": "1h"})
	r := open(t, kv, s.Addr, role.options(), secrets.WithTTL(200*time.Millisecond))
	assert.Equal(t, "one", reveal(t, r, "held"))

	s.Seal(t)
	require.Eventually(t, func() bool {
		assert.Equal(t, "one", reveal(t, r, "held"))
		return r.Status()[0].State == secrets.StateStale
	}, 10*time.Second, 20*time.Millisecond)
	assert.Contains(t, r.Status()[0].LastError, "sealed")
	assert.Equal(t, "unavailable", r.Status()[0].Class)

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := r.Get(ctx, "never-held")
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.ErrorContains(t, err, "sealed", "also with 300 ms to say it")

	s.Unseal(t)
	put(t, s, kv, 2, "held", map[string]any{"value": "two"})
	require.Eventually(t, func() bool { return reveal(t, r, "held") == "two" }, 40*time.Second, 50*time.Millisecond)
}

func TestALoginAtASealedServerSaysSealed(t *testing.T) {
	t.Parallel()
	s := vaultserver.Start(t)
	role := newAppRole(t, s, nil)
	s.Seal(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := open(t, "secret", s.Addr, role.options()).Get(ctx, "x")
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.ErrorContains(t, err, "sealed")
}

func TestARestartUnderTrafficFailsNoGet(t *testing.T) {
	t.Parallel()
	s := vaultserver.Start(t)
	kv := kvMount(t, s, 2)
	put(t, s, kv, 2, "k", map[string]any{"value": "before"})
	role := newAppRole(t, s, map[string]any{"token_policies": reader(t, s, kv), "token_ttl": "1h"})
	r := open(t, kv, s.Addr, role.options(), secrets.WithTTL(200*time.Millisecond))
	assert.Equal(t, "before", reveal(t, r, "k"))

	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, err := r.Get(context.Background(), "k")
					assert.NoError(t, err)
					<-time.After(time.Millisecond)
				}
			}
		})
	}
	s.Kill()
	<-time.After(time.Second)
	s.Restart(t)
	put(t, s, kv, 2, "k", map[string]any{"value": "after"})
	require.Eventually(t, func() bool { return reveal(t, r, "k") == "after" }, 40*time.Second, 50*time.Millisecond)
	close(stop)
	wg.Wait()
}

// A service through a minute of its life: its token is renewed and replaced
// over and over, and the server is sealed for a while in between.
func TestAMinuteOnNineSecondTokensFailsNoGet(t *testing.T) {
	t.Parallel()
	const length = time.Minute
	s := vaultserver.Start(t)
	kv := kvMount(t, s, 2)
	names := []string{"a", "b", "c", "d", "e"}
	for _, name := range names {
		put(t, s, kv, 2, name, map[string]any{"value": name})
	}
	role := newAppRole(t, s, map[string]any{"token_policies": reader(t, s, kv), "token_ttl": "9s", "token_max_ttl": "20s"})

	g := newGateway(t, s.Addr)
	var mu sync.Mutex
	tokens := map[string]bool{}
	g.set(func(g *gateway) {
		g.answer = func(_ http.ResponseWriter, r *http.Request) bool {
			if token := r.Header.Get("X-Vault-Token"); token != "" {
				mu.Lock()
				tokens[token] = true
				mu.Unlock()
			}
			return false
		}
	})
	r := open(t, kv, g.URL, role.options(), secrets.WithTTL(time.Second))
	require.NoError(t, r.Preload(t.Context(), names...))

	var gets atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	for i := range 50 {
		wg.Go(func() {
			name := names[i%len(names)]
			for ctx.Err() == nil {
				s, err := r.Get(context.Background(), name)
				if !assert.NoError(t, err) || !assert.Equal(t, name, s.Reveal()) {
					return
				}
				gets.Add(1)
				<-time.After(5 * time.Millisecond)
			}
		})
	}
	<-time.After(length / 2)
	s.Seal(t)
	<-time.After(4 * time.Second)
	s.Unseal(t)
	wg.Wait()

	mu.Lock()
	defer mu.Unlock()
	logins := g.count("/login")
	t.Logf("%d gets, %d reads, %d renewals, %d logins, %d tokens", gets.Load(), g.count("/data/"), g.count("renew-self"), logins, len(tokens))
	assert.GreaterOrEqual(t, len(tokens), 3)
	// While sealed a login may be refused: those are tries, of which each makes
	// no token. A token takes at least 11 of its 20 seconds to reach its end.
	assert.LessOrEqual(t, len(tokens), int(length/(11*time.Second))+2)
	assert.LessOrEqual(t, logins, len(tokens)+4)
	for _, status := range r.Status() {
		assert.Equal(t, secrets.StateFresh, status.State, status.Document)
	}
}

func TestCloseLeavesNoGoroutineAndRevokesTheToken(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, role.options())
	assert.Equal(t, "x", reveal(t, r, "k"))
	require.NoError(t, r.Close())
	assert.Equal(t, 1, g.count("revoke-self"))
	after := g.count("")
	_, err := r.Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrClosed)
	assert.Equal(t, after, g.count(""))
}

func TestCloseWaitsForASilentServerOnlyAWhile(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, role.options())
	assert.Equal(t, "x", reveal(t, r, "k"))
	g.set(func(g *gateway) { g.delay = time.Minute })
	start := time.Now()
	assert.Error(t, r.Close(), "that the token lives on is said")
	assert.Less(t, time.Since(start), 6*time.Second)
}
