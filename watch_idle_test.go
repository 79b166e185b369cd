package secrets_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// What was idle for hours is as old, and is waited for as Get waits for it.
func TestWhoFollowsANameThatWasIdle(t *testing.T) {
	const document = `{"user":"%s"}`
	for what, first := range map[string]func(t *testing.T, r *secrets.Resolver) string{
		"Watch": func(t *testing.T, r *secrets.Resolver) string {
			w := watch(t, r, "db#user")
			time.Sleep(200 * time.Millisecond)
			return w.all()[0]
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
			t.Run("begins with what is there now: "+what+" after "+name, in(func(t *testing.T) {
				r, p := polled(t, map[string]string{"db": fmt.Sprintf(document, "one")})
				value(t, r, name)
				time.Sleep(time.Hour)
				p.Set("db", fmt.Sprintf(document, "two"))
				p.Delay("db", 100*time.Millisecond)
				assert.Equal(t, "two", first(t, r))
			}))
		}

		t.Run("begins with what is held when the backend takes more than a second, and has the rest when it comes: "+what, in(func(t *testing.T) {
			r, p := polled(t, map[string]string{"db": fmt.Sprintf(document, "one")})
			value(t, r, "db#user")
			time.Sleep(time.Hour)
			p.Set("db", fmt.Sprintf(document, "two"))
			p.Delay("db", 3*time.Second)
			w := watch(t, r, "db#user")
			assert.Empty(t, w.all())
			time.Sleep(1100 * time.Millisecond)
			assert.Equal(t, "one", first(t, r))
			time.Sleep(3 * time.Second)
			assert.Equal(t, []string{"one", "two"}, w.all())
		}))
	}
}

func TestAFollowedNameThatMovesToItsIdleParentIsKeptFresh(t *testing.T) {
	in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": `{"password":"one","user":"u"}`, "db/password": "one"}, secrets.WithTTL(time.Minute))
		value(t, r, "db#user")
		w := watch(t, r, "db/password")
		l, err := secrets.Bind[string](t.Context(), r, "db/password", nil)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		p.Delete("db/password")
		time.Sleep(2 * time.Minute)
		p.Set("db", `{"password":"two","user":"u"}`)
		time.Sleep(61 * time.Second)
		assert.Equal(t, []string{"one", "two"}, w.all())
		assert.Equal(t, "two", l.Get())
	})(t)
}

func TestAFollowedNameThatMovesToAnIdleDocumentIsKeptFresh(t *testing.T) {
	in(func(t *testing.T) {
		one, two := quiet(map[string]string{"k": "same"}), quiet(map[string]string{"k": "same"})
		second := scheme(t, two)
		r := open(t, scheme(t, one)+":// "+second+"://", secrets.WithTTL(time.Minute),
			secrets.WithReferences(map[string]string{"alias": second + "://k"}))
		value(t, r, "alias")
		w := watch(t, r, "k")
		time.Sleep(time.Hour)
		one.Delete("k")
		time.Sleep(2 * time.Minute)
		assert.Equal(t, []string{"same"}, w.all())
		two.Set("k", "new")
		time.Sleep(61 * time.Second)
		assert.Equal(t, []string{"same", "new"}, w.all())
	})(t)
}
