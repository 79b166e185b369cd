package secrets_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

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
