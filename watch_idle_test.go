package secrets_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// What was idle for hours is as old, and is waited for as Get waits for it.
func TestWhoFollowsANameThatWasIdle(t *testing.T) {
	for what, first := range map[string]func(t *testing.T, r *secrets.Resolver) string{
		"Watch": func(t *testing.T, r *secrets.Resolver) string {
			w := watch(t, r, "db")
			time.Sleep(200 * time.Millisecond)
			return w.all()[0]
		},
		"Bind": func(t *testing.T, r *secrets.Resolver) string {
			l, err := secrets.Bind[string](t.Context(), r, "db", nil)
			require.NoError(t, err)
			return l.Get()
		},
		"BindStruct": func(t *testing.T, r *secrets.Resolver) string {
			l, err := secrets.BindStruct[struct {
				DB string `secret:"db"`
			}](t.Context(), r)
			require.NoError(t, err)
			return l.Get().DB
		},
	} {
		t.Run("begins with what is there now: "+what, in(func(t *testing.T) {
			r, p := polled(t, map[string]string{"db": "one"})
			value(t, r, "db")
			time.Sleep(time.Hour)
			p.Set("db", "two")
			p.Delay("db", 100*time.Millisecond)
			assert.Equal(t, "two", first(t, r))
		}))

		t.Run("begins with what is held when the backend takes more than a second, and has the rest when it comes: "+what, in(func(t *testing.T) {
			r, p := polled(t, map[string]string{"db": "one"})
			value(t, r, "db")
			time.Sleep(time.Hour)
			p.Set("db", "two")
			p.Delay("db", 3*time.Second)
			w := watch(t, r, "db")
			assert.Empty(t, w.all())
			time.Sleep(1100 * time.Millisecond)
			assert.Equal(t, "one", first(t, r))
			time.Sleep(3 * time.Second)
			assert.Equal(t, []string{"one", "two"}, w.all())
		}))
	}
}
