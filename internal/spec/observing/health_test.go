package observing

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestHealthy(t *testing.T) {
	t.Run("is a resolver that nobody has asked", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, nil)
		assert.NoError(t, r.Healthy())
	}))
	t.Run("is a name that its parent has, where the policy denies every other document", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"p"}`}, secrets.WithTTL(time.Minute))
		p.Fail("db/password", secrets.ErrPermission)
		require.Equal(t, "p", spectest.Get(t, r, "db/password"))
		assert.NoError(t, r.Healthy())
		spectest.KeepUsing(t, r, "db/password")
		for range 30 { // the exact document is looked for again now and then
			time.Sleep(time.Minute)
			assert.NoError(t, r.Healthy())
		}
		p.Fail("api/key", secrets.ErrPermission)
		_, err := r.Get(t.Context(), "api/key")
		require.ErrorIs(t, err, secrets.ErrPermission)
		assert.ErrorIs(t, r.Healthy(), secrets.ErrPermission, "a name that nothing has")
	}))
	t.Run("is a value that is merely stale", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(time.Hour)
		require.Equal(t, secrets.StateStale, spectest.StatusOf(t, r, "db").State)
		assert.NoError(t, r.Healthy())
	}))
	t.Run("is not one that has expired in use, until it is read again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithMaxStale(time.Hour))
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(61 * time.Minute)
		err := r.Healthy()
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "db")
		p.Heal()
		time.Sleep(time.Minute)
		assert.NoError(t, r.Healthy())
	}))
	t.Run("is one that has expired and nobody uses any more", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithMaxStale(time.Hour))
		spectest.Get(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(24 * time.Hour)
		assert.NoError(t, r.Healthy())
	}))
	t.Run("is not one that was asked for and never read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		p.Fail("db", secrets.ErrUnauthenticated)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
		assert.ErrorIs(t, r.Healthy(), secrets.ErrUnauthenticated)
		p.Heal()
		time.Sleep(time.Minute)
		spectest.Get(t, r, "db")
		assert.NoError(t, r.Healthy())
	}))
	t.Run("is not for ever unhealthy because of a name that was asked for once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Fail("typo", secrets.ErrPermission)
		_, err := r.Get(t.Context(), "typo")
		require.ErrorIs(t, err, secrets.ErrPermission)
		time.Sleep(time.Hour)
		assert.NoError(t, r.Healthy())
	}))
	t.Run("is the absence of a name that nobody watches", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, nil)
		_, err := r.Get(t.Context(), "optional")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.NoError(t, r.Healthy())
	}))
	t.Run("is not the absence of one that is watched", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		spectest.Watch(t, r, "db")
		assert.ErrorIs(t, r.Healthy(), secrets.ErrNotFound)
		p.Set("db", "one")
		time.Sleep(6 * time.Minute)
		assert.NoError(t, r.Healthy())
	}))
	t.Run("tells everything that is wrong, sorted", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.Fail("b", secrets.ErrPermission)
		p.Fail("a", secrets.ErrUnauthenticated)
		for _, name := range []string{"b", "a"} {
			_, err := r.Get(t.Context(), name)
			require.Error(t, err)
		}
		err := r.Healthy()
		assert.ErrorIs(t, err, secrets.ErrPermission)
		assert.ErrorIs(t, err, secrets.ErrUnauthenticated)
		assert.Regexp(t, `(?s)a:.*\n.*b:`, err.Error())
	}))
}

// What Healthy says of a document depends on who asked for it, and on what was
// said of it last.
func TestTheCauseOfBadHealth(t *testing.T) {
	t.Run("is a document that is denied, though a name that would be in it is held from elsewhere", spectest.Bubble(func(t *testing.T) {
		chain := spectest.NewPolled(map[string]string{})
		there := spectest.NewPolled(map[string]string{"prod/db": `{"user":"u"}`})
		r := spectest.Open(t, spectest.Scheme(t, chain)+"://", secrets.WithReferences(map[string]string{"db": spectest.Scheme(t, there) + "://prod/db#user"}))
		assert.Equal(t, "u", spectest.Get(t, r, "db"))
		chain.Fail("db", secrets.ErrPermission)
		_, err := r.Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrPermission)
		assert.ErrorIs(t, r.Healthy(), secrets.ErrPermission)
	}))
	t.Run("is a document that a value refers to and that was never read", spectest.Bubble(func(t *testing.T) {
		there := spectest.NewPolled(nil)
		here := spectest.NewPolled(map[string]string{"db": spectest.Scheme(t, there) + "://prod/db"})
		there.Fail("prod/db", secrets.ErrPermission)
		r := spectest.Open(t, spectest.Scheme(t, here)+"://?references=any")
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
		assert.ErrorIs(t, r.Healthy(), secrets.ErrPermission)
	}))
	t.Run("of what has expired is the last failure", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(10*time.Minute))
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrThrottled)
		time.Sleep(12 * time.Minute)
		err := r.Healthy()
		require.ErrorIs(t, err, secrets.ErrThrottled)
		assert.ErrorContains(t, err, "expired")
	}))
	t.Run("of what has expired without a failure is that it was not read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		p.SetFunc("cert", func(context.Context) (secrets.Value, error) {
			return secrets.Value{Data: []byte("pem"), Expires: time.Now().Add(10 * time.Second)}, nil
		})
		spectest.Watch(t, r, "cert")
		time.Sleep(time.Second)
		p.SetFunc("cert", func(ctx context.Context) (secrets.Value, error) {
			<-ctx.Done() // it is given up after ten seconds
			return secrets.Value{}, ctx.Err()
		})
		var err error
		for range 100 {
			if err = r.Healthy(); err != nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "not read again since")
	}))
}

func TestADeletedSecretInUse(t *testing.T) {
	t.Run("is unhealthy, and has its row, while somebody asks", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one", "other": "o"}, secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "other")
		stop := spectest.KeepUsing(t, r, "db")
		p.Delete("db")
		time.Sleep(70 * time.Second)
		for range 10 {
			_, err := r.Get(t.Context(), "db")
			require.ErrorIs(t, err, secrets.ErrNotFound)
			err = r.Healthy()
			require.ErrorIs(t, err, secrets.ErrNotFound)
			assert.ErrorContains(t, err, "deleted")
			s := spectest.StatusOf(t, r, "db")
			assert.Equal(t, secrets.StateMissing, s.State)
			assert.Equal(t, []string{"db"}, s.Names)
			time.Sleep(time.Minute)
		}
		stop()
		time.Sleep(4 * time.Minute)
		require.NoError(t, r.Healthy())
		for _, s := range r.Status() {
			assert.NotEqual(t, "db", s.Document)
		}
	}))

	t.Run("is healthy once it is there again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db")
		p.Delete("db")
		_, err := r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		require.ErrorIs(t, r.Healthy(), secrets.ErrNotFound)
		p.Set("db", "two")
		time.Sleep(3 * time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		require.NoError(t, r.Healthy())
	}))

	t.Run("that nobody had asked for lately, or that never was, is not told", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db")
		_, err := r.Get(t.Context(), "none")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		time.Sleep(time.Hour)
		p.Delete("db")
		_, err = r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		require.NoError(t, r.Healthy())
	}))
}
