package vault_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/vault"
)

func TestAColdGetCostsWhatVaultsOwnReadCosts(t *testing.T) {
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"user": "app", "password": "0123456789abcdef", "host": "db.example.test"})
	run := exec.CommandContext(t.Context(), program(t, "cost"), kv)
	run.Env = []string{"VAULT_ADDR=" + shared.Addr, "VAULT_TOKEN=" + shared.Token}
	out, err := run.Output()
	require.NoError(t, err)

	// The best of several rounds: whatever else the machine does adds, and
	// never subtracts.
	most := func(theirs time.Duration) time.Duration { return theirs + theirs*3/100 + 25*time.Microsecond }
	within := false
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		var ours, theirs time.Duration
		_, err := fmt.Sscan(line, &ours, &theirs)
		require.NoError(t, err)
		t.Logf("a cold Get %v, vault/api's read %v", ours, theirs)
		within = within || ours <= most(theirs)
	}
	assert.True(t, within, "a cold Get costs at most 3 %% and 25 µs more")
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

// program builds a program of a directory below this one, stripped, without
// the race detector.
func program(t *testing.T, dir string) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), filepath.Base(dir))
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./"+dir)
	build.Env = append(os.Environ(), "HOME="+realHome)
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}
