package secretstest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

func ref(path string) secrets.Ref { return secrets.Ref{Scheme: "mem", Path: path} }

func TestProviderHoldsDocuments(t *testing.T) {
	t.Parallel()
	ctx := t.Context()

	t.Run("the zero provider is empty and takes documents", func(t *testing.T) {
		var p secretstest.Provider
		_, err := p.Fetch(ctx, ref("a"))
		require.ErrorIs(t, err, secrets.ErrNotFound)
		p.Set("a", "one")
		v, err := p.Fetch(ctx, ref("a"))
		require.NoError(t, err)
		assert.Equal(t, "one", string(v.Data))
		assert.Equal(t, "v1", v.Version)
	})

	t.Run("the path is what Join gives", func(t *testing.T) {
		p := secretstest.NewProvider(map[string]string{"team/db": "x"})
		_, err := p.Fetch(ctx, secrets.Ref{Base: "team", Path: "db"})
		require.NoError(t, err)
	})

	t.Run("every Set is a new version, also after a Delete", func(t *testing.T) {
		p := secretstest.NewProvider(map[string]string{"a": "one"})
		p.Set("a", "one")
		p.Delete("a")
		_, err := p.Fetch(ctx, ref("a"))
		require.ErrorIs(t, err, secrets.ErrNotFound)
		p.Set("a", "two")
		v, err := p.Fetch(ctx, ref("a"))
		require.NoError(t, err)
		assert.Equal(t, "v3", v.Version)
	})

	t.Run("SetValue hands out all of the value, as it stands", func(t *testing.T) {
		var p secretstest.Provider
		now := time.Now()
		want := secrets.Value{Data: []byte(`{"value":"x"}`), Default: "value", Expires: now.Add(time.Hour), RefreshAt: now.Add(time.Minute), Lease: "lease-1"}
		p.SetValue("a", want)
		got, err := p.Fetch(ctx, ref("a"))
		require.NoError(t, err)
		assert.Equal(t, want, got)
		assert.Equal(t, 1, p.Calls().Leases)
	})

	t.Run("a printed provider shows no document", func(t *testing.T) {
		p := secretstest.NewProvider(map[string]string{"a": "a-value-to-hide"})
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			assert.NotContains(t, fmt.Sprintf(verb, p), "a-value-to-hide")
		}
	})
}

func TestProviderFails(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	newProvider := func() *secretstest.Provider {
		return secretstest.NewProvider(map[string]string{"a": "one", "b": "two"})
	}

	t.Run("a failing path leaves others alone, until it is told to stop", func(t *testing.T) {
		p := newProvider()
		p.Fail("a", secrets.ErrUnavailable)
		_, err := p.Fetch(ctx, ref("a"))
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		_, err = p.Fetch(ctx, ref("b"))
		require.NoError(t, err)
		p.Fail("a", nil)
		_, err = p.Fetch(ctx, ref("a"))
		require.NoError(t, err)
	})

	t.Run("a path's own failure comes before that of All", func(t *testing.T) {
		p := newProvider()
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		p.Fail("a", secrets.ErrPermission)
		_, err := p.Fetch(ctx, ref("a"))
		require.ErrorIs(t, err, secrets.ErrPermission)
		_, err = p.Fetch(ctx, ref("b"))
		require.ErrorIs(t, err, secrets.ErrUnavailable)
	})

	t.Run("FailTimes ends by itself", func(t *testing.T) {
		p := newProvider()
		p.FailTimes(secretstest.All, 2, secrets.ErrUnavailable)
		for _, want := range []error{secrets.ErrUnavailable, secrets.ErrUnavailable, nil} {
			_, err := p.Fetch(ctx, ref("a"))
			require.ErrorIs(t, err, want)
		}
	})

	t.Run("the errors tell what the resolver looks for", func(t *testing.T) {
		var after interface{ RetryAfter() time.Duration }
		require.ErrorAs(t, secretstest.Throttled(3*time.Second), &after)
		assert.Equal(t, 3*time.Second, after.RetryAfter())
		var missing interface{ Permission() string }
		require.ErrorAs(t, secretstest.Denied("db:Read"), &missing)
		assert.Equal(t, "db:Read", missing.Permission())
		var name interface{ Unspellable() bool }
		require.ErrorAs(t, secretstest.Unspellable(), &name)
		assert.True(t, name.Unspellable())
	})

	t.Run("a scripted panic reaches the caller", func(t *testing.T) {
		p := newProvider()
		p.Panic("a", "boom")
		assert.PanicsWithValue(t, "boom", func() { _, _ = p.Fetch(ctx, ref("a")) })
		assert.Zero(t, p.Calls().InFlight)
		p.Panic("a", nil)
		_, err := p.Fetch(ctx, ref("a"))
		require.NoError(t, err)
	})
}

func TestProviderTakesItsTime(t *testing.T) {
	t.Parallel()

	t.Run("a blocked read waits for the release and sees what is set meanwhile", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := secretstest.NewProvider(map[string]string{"a": "one"})
			release := p.Block("a")
			got := make(chan string)
			go func() {
				v, _ := p.Fetch(t.Context(), ref("a"))
				got <- string(v.Data)
			}()
			synctest.Wait()
			assert.Equal(t, 1, p.Calls().InFlight)
			p.Set("a", "two")
			release()
			release()
			assert.Equal(t, "two", <-got)
		})
	})

	t.Run("a blocked read ends with its context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := secretstest.NewProvider(map[string]string{"a": "one"})
			p.Block(secretstest.All)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := p.Fetch(ctx, ref("a"))
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})

	t.Run("Heal releases those who wait, and ends every fault", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := secretstest.NewProvider(map[string]string{"a": "one"})
			release := p.Block("a")
			p.Fail(secretstest.All, secrets.ErrThrottled)
			done := make(chan error)
			go func() { _, err := p.Fetch(t.Context(), ref("a")); done <- err }()
			synctest.Wait()
			p.Heal()
			require.NoError(t, <-done)
			release()
		})
	})

	t.Run("a batch takes as long as its slowest path", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := secretstest.NewProvider(map[string]string{"a": "one", "b": "two"})
			p.Delay("a", time.Second)
			p.Delay("b", 3*time.Second)
			begin := time.Now()
			for _, r := range p.FetchBatch(t.Context(), []secrets.Ref{ref("a"), ref("b")}) {
				require.NoError(t, r.Err)
			}
			assert.Equal(t, 3*time.Second, time.Since(begin))
		})
	})
}

func TestProviderCounts(t *testing.T) {
	t.Parallel()
	p := secretstest.NewProvider(map[string]string{"a": "one"})
	ctx := t.Context()
	_, _ = p.Fetch(ctx, ref("a"))
	_ = p.FetchBatch(ctx, []secrets.Ref{ref("a"), ref("b")})
	for range p.List(ctx, "") {
	}
	require.NoError(t, p.Close())
	assert.Equal(t, secretstest.Calls{Fetches: 1, Batches: 1, Reads: 3, Lists: 1, Closes: 1, MaxInFlight: 1}, p.Calls())
	assert.Equal(t, 2, p.Reads("a"))
	assert.Equal(t, 1, p.Reads("b"))
	p.ResetCalls()
	assert.Equal(t, secretstest.Calls{}, p.Calls())
	assert.Zero(t, p.Reads("a"))
}

func TestProviderCapabilities(t *testing.T) {
	t.Parallel()

	t.Run("one that is off is unsupported, and is counted as that alone", func(t *testing.T) {
		p := secretstest.NewProvider(map[string]string{"a": "one"})
		p.Disable(secretstest.Batch | secretstest.List | secretstest.Watch | secretstest.Lease)
		for _, r := range p.FetchBatch(t.Context(), []secrets.Ref{ref("a"), ref("b")}) {
			require.ErrorIs(t, r.Err, errors.ErrUnsupported)
		}
		for _, err := range p.List(t.Context(), "") {
			require.ErrorIs(t, err, errors.ErrUnsupported)
		}
		require.ErrorIs(t, p.Watch(t.Context(), ref("a"), func() {}), errors.ErrUnsupported)
		_, err := p.Renew(t.Context(), secrets.Value{})
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.ErrorIs(t, p.Revoke(t.Context(), secrets.Value{}), errors.ErrUnsupported)
		assert.Equal(t, secretstest.Calls{Unsupported: 5}, p.Calls())

		p.Enable(secretstest.Batch)
		require.NoError(t, p.FetchBatch(t.Context(), []secrets.Ref{ref("a")})[0].Err)
	})

	t.Run("a watch tells of every change of its path, until its context ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := secretstest.NewProvider(map[string]string{"a": "one"})
			ctx, cancel := context.WithCancel(t.Context())
			told := 0
			require.NoError(t, p.Watch(ctx, ref("a"), func() { told++ }))
			p.Set("a", "two")
			p.Set("b", "two")
			p.Delete("a")
			p.Changed("a")
			assert.Equal(t, 3, told)
			cancel()
			synctest.Wait()
			p.Set("a", "three")
			assert.Equal(t, 3, told)
		})
	})

	t.Run("a renewed lease has its whole time again, a revoked one has none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var p secretstest.Provider
			ctx := t.Context()
			p.SetFunc("user", func(context.Context) (secrets.Value, error) {
				return secrets.Value{Data: []byte("u"), Lease: "l", Expires: time.Now().Add(time.Hour), RefreshAt: time.Now().Add(time.Minute)}, nil
			})
			v, err := p.Fetch(ctx, ref("user"))
			require.NoError(t, err)
			time.Sleep(30 * time.Minute)
			v, err = p.Renew(ctx, v)
			require.NoError(t, err)
			assert.Equal(t, time.Now().Add(time.Hour), v.Expires)
			assert.Equal(t, time.Now().Add(time.Minute), v.RefreshAt)

			p.FailRenew(secrets.ErrPermission)
			_, err = p.Renew(ctx, v)
			require.ErrorIs(t, err, secrets.ErrPermission)
			p.FailRenew(nil)

			assert.Equal(t, 1, p.Calls().Leases)
			require.NoError(t, p.Revoke(ctx, v))
			assert.Zero(t, p.Calls().Leases)
			_, err = p.Renew(ctx, v)
			require.ErrorIs(t, err, errors.ErrUnsupported)
		})
	})
}

func TestProviderIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	p := secretstest.NewProvider(map[string]string{"a": "one"})
	ctx := t.Context()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				p.Set("a", "two")
				p.FailTimes("a", 1, secrets.ErrUnavailable)
				_, _ = p.Fetch(ctx, ref("a"))
				_ = p.FetchBatch(ctx, []secrets.Ref{ref("a"), ref("b")})
				p.Block("a")()
				p.Heal()
				p.Delete("a")
				_ = p.Calls()
			}
		})
	}
	wg.Wait()
	assert.Zero(t, p.Calls().InFlight)
}
