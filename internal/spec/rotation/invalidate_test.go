package rotation

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestInvalidate(t *testing.T) {
	t.Run("of the held version reads again, and Get waits for that", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		p.Set("db", "two")
		p.Delay("db", 300*time.Millisecond)
		r.Invalidate(s)
		start := time.Now()
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 300*time.Millisecond, time.Since(start))
		r.Invalidate(s)
		time.Sleep(time.Minute)
		assert.Equal(t, 2, p.Reads("db"), "a newer version is held: nothing happens")
	}))

	t.Run("of a backend that hangs delays Get by a second at most", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		s, _ := r.Get(t.Context(), "db")
		defer p.Block("db")()
		r.Invalidate(s)
		start := time.Now()
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, time.Second, time.Since(start))
	}))

	t.Run("delays Get until its context ends, and no longer", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		s, _ := r.Get(t.Context(), "db")
		defer p.Block("db")()
		r.Invalidate(s)
		start := time.Now()
		get := spectest.Ask(300*time.Millisecond, spectest.Getting(r, "db"))
		<-get.Done
		require.NoError(t, get.Err)
		assert.Equal(t, "one", get.Text)
		assert.Equal(t, 300*time.Millisecond, time.Since(start))
	}))

	t.Run("of what has just gone has Get wait for where it is found next", spectest.Bubble(func(t *testing.T) {
		old, next := spectest.NewPolled(map[string]string{"db": "one"}), spectest.NewPolled(map[string]string{"db": "two"})
		r := spectest.On(t, secrets.Chain(old, next), spectest.Rarely())
		s, _ := r.Get(t.Context(), "db")
		old.Delete("db")
		next.Delay("db", 600*time.Millisecond)
		start := time.Now()
		refresh := spectest.Ask(time.Minute, spectest.Refreshing(r, "db"))
		old.Delay("db", 100*time.Millisecond)
		r.Invalidate(s)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.Equal(t, 600*time.Millisecond, time.Since(start))
		<-refresh.Done
	}))

	t.Run("of what has gone, it is not known where to, has Get wait for the read", spectest.Bubble(func(t *testing.T) {
		old, next := spectest.NewPolled(map[string]string{"db": "one"}), spectest.NewPolled(nil)
		r := spectest.On(t, secrets.Chain(old, next), spectest.Rarely())
		s, _ := r.Get(t.Context(), "db")
		old.Delete("db")
		next.Fail("db", secrets.ErrPermission)
		_, err := r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
		old.Delay("db", 100*time.Millisecond)
		start := time.Now()
		r.Invalidate(s)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, 100*time.Millisecond, time.Since(start))
	}))

	t.Run("of a version that the backend still has reads a few times more, within ten seconds", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		s, _ := r.Get(t.Context(), "db")
		r.Invalidate(s)
		time.Sleep(4 * time.Second)
		p.Set("db", "two")
		time.Sleep(5 * time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		assert.LessOrEqual(t, p.Reads("db"), 9)
	}))

	t.Run("is told in Status", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": `{"password":"one"}`})
		s, _ := r.Get(t.Context(), "db")
		f, err := s.Field("password")
		require.NoError(t, err)
		r.Invalidate(f)
		assert.Equal(t, time.Now(), spectest.StatusOf(t, r, "db").RejectedAt)
	}))

	t.Run("of what has moved to a document whose version is called the same does nothing", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, spectest.Rarely())
		p.SetValue("db", secrets.Value{Data: []byte(`{"password":"one"}`), Version: "1"})
		old, err := r.Get(t.Context(), "db/password")
		require.NoError(t, err)
		p.SetValue("db/password", secrets.Value{Data: []byte("two"), Version: "1"})
		_, err = r.Refresh(t.Context(), "db/password")
		require.NoError(t, err)
		p.ResetCalls()
		r.Invalidate(old)
		time.Sleep(time.Minute)
		assert.Zero(t, p.Calls().Reads)
		start := time.Now()
		require.NoError(t, r.Retry(t.Context(), "db/password", isWrongPassword, newDatabase("two").login))
		assert.Zero(t, time.Since(start))
	}))

	t.Run("of a secret that came from elsewhere does nothing", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		other, _ := spectest.Polled(t, map[string]string{"db": "two", "x": "y"})
		_, _ = other.Refresh(t.Context(), "db")
		s, _ := other.Get(t.Context(), "x")
		r.Invalidate(s)
		r.Invalidate(secrets.Secret{})
		time.Sleep(time.Minute)
		assert.Equal(t, 1, p.Reads("db"))
	}))
}

func TestInvalidateOfAField(t *testing.T) {
	for _, key := range []string{"password", "", "a#b", "#", "/password"} {
		t.Run("reads the document again, whatever the key: "+key, spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one","":"one","a#b":"one","#":"one"}`}, spectest.Rarely())
			s, err := r.Get(t.Context(), "db")
			require.NoError(t, err)
			f, err := s.Field(key)
			require.NoError(t, err)
			p.Set("db", `{"password":"two"}`)
			r.Invalidate(f)
			s, err = r.Get(t.Context(), "db")
			require.NoError(t, err)
			assert.JSONEq(t, `{"password":"two"}`, s.Reveal())
		}))
	}

	t.Run("of a secret that came from nowhere does nothing", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, spectest.Rarely())
		spectest.Get(t, r, "db")
		f, err := secretstest.Value(`{"db":"one"}`).Field("db")
		require.NoError(t, err)
		r.Invalidate(f)
		time.Sleep(time.Minute)
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
