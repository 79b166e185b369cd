package secrets_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestANameThatGetsADocumentOfItsOwn(t *testing.T) {
	for what, opts := range map[string][]secrets.Option{"that is refreshed": nil, "that is read on demand": {secrets.WithOnDemand()}, "that is idle each time": {secrets.WithIdle(time.Second)}} {
		t.Run(what+" moves there", spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": `{"password":"old"}`}, append(opts, secrets.WithTTL(time.Minute))...)
			require.Equal(t, "old", spectest.Get(t, r, "db/password"))
			p.Set("db/password", "new")
			for range 12 {
				time.Sleep(time.Minute)
				spectest.Get(t, r, "db/password")
				require.NoError(t, r.Preload(t.Context(), "db/password"))
			}
			assert.Equal(t, "new", spectest.Get(t, r, "db/password"))
		}))
	}

	t.Run("that is preloaded on demand moves there", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"old"}`}, secrets.WithTTL(time.Minute), secrets.WithOnDemand())
		require.Equal(t, "old", spectest.Get(t, r, "db/password"))
		p.Set("db/password", "new")
		for range 12 {
			time.Sleep(time.Minute)
			require.NoError(t, r.Preload(t.Context(), "db/password"))
		}
		assert.Equal(t, "new", spectest.Get(t, r, "db/password"))
	}))

	t.Run("that refers elsewhere moves to where that says", spectest.Bubble(func(t *testing.T) {
		r, values, _, to := spectest.Led(t)
		values.Set("db", `{"password":"old"}`)
		w := spectest.Watch(t, r, "db/password")
		time.Sleep(time.Second)
		values.Set("db/password", to("y"))
		time.Sleep(12 * time.Minute)
		assert.Equal(t, []string{"old", "two"}, w.All())
	}))

	t.Run("is looked for once in ten reads on demand, too", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"old"}`}, secrets.WithTTL(time.Minute), secrets.WithOnDemand())
		spectest.Get(t, r, "db/password")
		require.Equal(t, 1, p.Reads("db/password"))
		for n := 1; n <= 20; n++ {
			time.Sleep(time.Minute)
			spectest.Get(t, r, "db/password")
			synctest.Wait()
			assert.Equal(t, 1+n/10, p.Reads("db/password"), "after %d reads of its parent", n)
		}
	}))

	t.Run("is not looked for where that is switched off", spectest.Bubble(func(t *testing.T) {
		p := spectest.NewPolled(map[string]string{"db": `{"password":"old"}`})
		r := spectest.Open(t, spectest.Scheme(t, p)+"://?search=parent", secrets.WithTTL(time.Minute))
		require.Equal(t, "old", spectest.Get(t, r, "db/password"))
		spectest.KeepUsing(t, r, "db/password")
		time.Sleep(time.Hour)
		assert.Zero(t, p.Reads("db/password"))
	}))

	t.Run("that is empty stays where it was, as long as that may be served", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one"}`}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour))
		spectest.Get(t, r, "db/password")
		p.Set("db/password", "")
		_, err := r.Refresh(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "has become empty")
		stop := spectest.KeepUsing(t, r, "db/password")
		time.Sleep(30 * time.Minute)
		assert.Equal(t, "one", spectest.Get(t, r, "db/password"))
		stop()
		time.Sleep(2 * time.Hour)
		assert.Empty(t, spectest.Get(t, r, "db/password"))
	}))
}
