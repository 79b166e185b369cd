package vault_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/vault"
)

// The tests of cost compare with vault/api itself, on the same server and in
// one run, pair by pair: the machine's load hits both. They run alone.

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func TestAColdGetCostsWhatVaultsOwnReadCosts(t *testing.T) {
	const rounds = 1500
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"user": "app", "password": "0123456789abcdef", "host": "db.example.test"})
	client := shared.Client(t)
	client.SetMaxRetries(0)
	p := newProvider(t, client)
	r := secrets.New(p, secrets.WithTTL(0)) // every Get is cold
	defer r.Close()

	ours := func() time.Duration {
		start := time.Now()
		_, err := r.Get(context.Background(), kv+"/k#password")
		d := time.Since(start)
		require.NoError(t, err)
		return d
	}
	theirs := func() time.Duration {
		start := time.Now()
		s, err := client.KVv2(kv).Get(context.Background(), "k")
		d := time.Since(start)
		require.NoError(t, err)
		require.NotNil(t, s.Data["password"])
		return d
	}
	for range 200 {
		ours()
		theirs()
	}
	// The least of several medians: whatever else the machine does adds, and
	// never subtracts.
	var best struct{ ours, theirs time.Duration }
	ok := func() bool { return best.ours <= best.theirs+best.theirs*3/100+10*time.Microsecond }
	for try := 0; try < 8 && (try == 0 || !ok()); try++ {
		var a, b []time.Duration
		for i := range rounds {
			if i%2 == 0 {
				a, b = append(a, ours()), append(b, theirs())
			} else {
				b, a = append(b, theirs()), append(a, ours())
			}
		}
		x, y := median(a), median(b)
		t.Logf("a cold Get %v, vault/api's read %v", x, y)
		if best.ours == 0 || x-y < best.ours-best.theirs {
			best.ours, best.theirs = x, y
		}
	}
	assert.True(t, ok(), "a cold Get costs at most 3 %% and 10 µs more: %v to %v", best.ours, best.theirs)
}

func TestAHundredSecretsStartInTheTimeOfEightAtOnce(t *testing.T) {
	const n, at = 100, 8
	kv := kvMount(t, shared, 2)
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("s%02d", i))
		put(t, shared, kv, 2, names[i], map[string]any{"value": names[i]})
	}
	g := newGateway(t, shared.Addr)
	g.set(func(g *gateway) { g.delay = 5 * time.Millisecond })

	client := shared.Client(t)
	require.NoError(t, client.SetAddress(g.URL))
	eightAtOnce := func() time.Duration {
		start := time.Now()
		next := make(chan string)
		var wg sync.WaitGroup
		for range at {
			wg.Go(func() {
				for name := range next {
					_, err := client.KVv2(kv).Get(context.Background(), name)
					assert.NoError(t, err)
				}
			})
		}
		for _, name := range names {
			next <- name
		}
		close(next)
		wg.Wait()
		return time.Since(start)
	}
	preload := func() time.Duration {
		c := shared.Client(t)
		require.NoError(t, c.SetAddress(g.URL))
		r := secrets.New(vault.New(c), secrets.WithReferences(nil))
		defer r.Close()
		refs := make([]string, n)
		for i, name := range names {
			refs[i] = kv + "/" + name
		}
		start := time.Now()
		require.NoError(t, r.Preload(context.Background(), refs...))
		return time.Since(start)
	}
	eightAtOnce() // connections
	preload()
	var ratio float64 = 100
	for try := 0; try < 8 && ratio > 1.2; try++ {
		a, b := preload(), eightAtOnce()
		t.Logf("preload %v, vault/api eight at once %v", a, b)
		ratio = min(ratio, float64(a)/float64(b))
	}
	assert.LessOrEqual(t, ratio, 1.2)
}

var _ api.AuthMethod = (*vault.AppRole)(nil)
