package watching

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// What was idle for hours is as old, and is waited for as Get waits for it.
func TestWhoFollowsANameThatWasIdle(t *testing.T) {
	const document = `{"user":"%s"}`
	for what, first := range map[string]func(t *testing.T, r *secrets.Resolver) string{
		"Watch": func(t *testing.T, r *secrets.Resolver) string {
			w := spectest.Watch(t, r, "db#user")
			time.Sleep(200 * time.Millisecond)
			return w.All()[0]
		},
		"Bind": func(t *testing.T, r *secrets.Resolver) string {
			l, err := secrets.Bind[string](t.Context(), r, "db#user", nil)
			require.NoError(t, err)
			return l.Get()
		},
		"BindStruct": func(t *testing.T, r *secrets.Resolver) string {
			l, err := secrets.BindStruct[struct {
				DB string `secret:"db#user"`
			}](t.Context(), r)
			require.NoError(t, err)
			return l.Get().DB
		},
	} {
		for _, name := range []string{"db#user", "db"} { // the name itself, and another of its document
			t.Run("begins with what is there now: "+what+" after "+name, spectest.Bubble(func(t *testing.T) {
				r, p := spectest.Polled(t, map[string]string{"db": fmt.Sprintf(document, "one")})
				spectest.Get(t, r, name)
				time.Sleep(time.Hour)
				p.Set("db", fmt.Sprintf(document, "two"))
				p.Delay("db", 100*time.Millisecond)
				assert.Equal(t, "two", first(t, r))
			}))
		}

		t.Run("begins with what is held when the backend takes more than a second, and has the rest when it comes: "+what, spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": fmt.Sprintf(document, "one")})
			spectest.Get(t, r, "db#user")
			time.Sleep(time.Hour)
			p.Set("db", fmt.Sprintf(document, "two"))
			p.Delay("db", 3*time.Second)
			w := spectest.Watch(t, r, "db#user")
			assert.Empty(t, w.All())
			time.Sleep(1100 * time.Millisecond)
			assert.Equal(t, "one", first(t, r))
			time.Sleep(3 * time.Second)
			assert.Equal(t, []string{"one", "two"}, w.All())
		}))
	}
}

func TestAFollowedNameThatMovesToItsIdleParentIsKeptFresh(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one","user":"u"}`, "db/password": "one"}, secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db#user")
		w := spectest.Watch(t, r, "db/password")
		l, err := secrets.Bind[string](t.Context(), r, "db/password", nil)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		p.Delete("db/password")
		time.Sleep(2 * time.Minute)
		p.Set("db", `{"password":"two","user":"u"}`)
		time.Sleep(61 * time.Second)
		assert.Equal(t, []string{"one", "two"}, w.All())
		assert.Equal(t, "two", l.Get())
	})(t)
}

func TestAFollowedNameThatMovesToAnIdleDocumentIsKeptFresh(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(map[string]string{"k": "same"}), spectest.NewPolled(map[string]string{"k": "same"})
		second := spectest.Scheme(t, two)
		r := spectest.Open(t, spectest.Scheme(t, one)+":// "+second+"://", secrets.WithTTL(time.Minute),
			secrets.WithReferences(map[string]string{"alias": second + "://k"}))
		spectest.Get(t, r, "alias")
		w := spectest.Watch(t, r, "k")
		time.Sleep(time.Hour)
		one.Delete("k")
		time.Sleep(2 * time.Minute)
		assert.Equal(t, []string{"same"}, w.All())
		two.Set("k", "new")
		time.Sleep(61 * time.Second)
		assert.Equal(t, []string{"same", "new"}, w.All())
	})(t)
}
