package gcp

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// hundred puts 100 secrets and returns their names' refs.
func hundred(t testing.TB, put func(resource string, data []byte) int) []secrets.Ref {
	t.Helper()
	refs := make([]secrets.Ref, 100)
	for i := range refs {
		name := fmt.Sprintf("app/key-%d", i)
		put(global(fmt.Sprintf("app-key-%d", i)), []byte(name))
		refs[i] = named(name)
	}
	return refs
}

func TestABatchOf100HasAtMostEightCallsInFlight(t *testing.T) {
	t.Parallel()
	s := server(t)
	refs := hundred(t, s.Put)
	s.SetLatency(2 * time.Millisecond)
	results := provider(t, s).FetchBatch(soon(t), refs)
	require.Len(t, results, len(refs))
	for i, r := range results {
		require.NoError(t, r.Err)
		assert.Equal(t, refs[i].Path, string(r.Value.Data), "results are aligned with refs")
	}
	assert.Equal(t, 100, s.Calls("AccessSecretVersion"))
	assert.Equal(t, 8, s.Peak())
}

func TestBatchesAtOnceShareTheEightCalls(t *testing.T) {
	t.Parallel()
	s := server(t)
	refs := hundred(t, s.Put)
	s.SetLatency(2 * time.Millisecond)
	p := provider(t, s)
	done := make(chan []secrets.Result)
	for half := range 2 {
		go func() { done <- p.FetchBatch(soon(t), refs[half*50:half*50+50]) }()
	}
	for range 2 {
		for _, r := range <-done {
			assert.NoError(t, r.Err)
		}
	}
	assert.Equal(t, 8, s.Peak())
}

func TestAFailureInABatchIsOnlyItsOwn(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("a"), []byte("v"))
	s.Put(global("b"), []byte("v"))
	results := provider(t, s).FetchBatch(soon(t), []secrets.Ref{named("a"), named("missing"), named("no.id"), named("b")})
	assert.NoError(t, results[0].Err)
	onlyClass(t, results[1].Err, secrets.ErrNotFound)
	onlyClass(t, results[2].Err, secrets.ErrInvalid)
	assert.NoError(t, results[3].Err)
}

func TestABatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := server(t)
	refs := hundred(t, s.Put)
	called := hang(s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for range maxParallel {
			<-called
		}
		cancel()
	}()
	results := provider(t, s).FetchBatch(ctx, refs)
	for _, r := range results {
		require.ErrorIs(t, r.Err, context.Canceled)
		onlyClass(t, r.Err, secrets.ErrUnavailable)
	}
	assert.Equal(t, 8, s.Calls("AccessSecretVersion"), "what waits for its turn is not called any more")
}

func TestAnEmptyBatchIsNoCall(t *testing.T) {
	t.Parallel()
	s := server(t)
	assert.Empty(t, provider(t, s).FetchBatch(soon(t), nil))
	assert.Zero(t, s.Calls("AccessSecretVersion"))
}
