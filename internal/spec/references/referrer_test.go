package references

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestAValueThatRefersElsewhereIsKeptFresh(t *testing.T) {
	t.Run("while its name is in use", spectest.Bubble(func(t *testing.T) {
		r, values, _, to := spectest.Led(t)
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		time.Sleep(time.Hour)
		values.Set("db", to("y"))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
		values.Set("db", "plain")
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "plain", spectest.Get(t, r, "db"))
		values.Set("db", to("x"))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		values.Delete("db")
		time.Sleep(time.Minute + 2*time.Second)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
	}))

	t.Run("while somebody follows its name", spectest.Bubble(func(t *testing.T) {
		r, values, _, to := spectest.Led(t)
		w := spectest.Watch(t, r, "db")
		time.Sleep(time.Hour)
		values.Set("db", to("y"))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, []string{"one", "two"}, w.All())
	}))

	for what, opts := range map[string][]secrets.Option{"when its name was idle": nil, "on demand": {secrets.WithOnDemand()}} {
		for how, use := range map[string]func(t *testing.T, r *secrets.Resolver) string{
			"Get": func(t *testing.T, r *secrets.Resolver) string { return spectest.Get(t, r, "db") },
			"Load": func(t *testing.T, r *secrets.Resolver) string {
				var c struct {
					DB string `secret:"db"`
				}
				require.NoError(t, r.Load(t.Context(), &c))
				return c.DB
			},
		} {
			t.Run(what+", for "+how, spectest.Bubble(func(t *testing.T) {
				r, values, elsewhere, to := spectest.Led(t, opts...)
				spectest.Get(t, r, "db")
				time.Sleep(time.Hour)
				values.Set("db", to("y"))
				values.Delay("db", 200*time.Millisecond)
				elsewhere.Delay("y", 300*time.Millisecond)
				start := time.Now()
				got := use(t, r)
				assert.LessOrEqual(t, time.Since(start), time.Second)
				if how == "Get" {
					assert.Equal(t, "two", got)
					assert.Equal(t, 500*time.Millisecond, time.Since(start))
				}
				time.Sleep(time.Second)
				assert.Equal(t, "two", use(t, r))
			}))
		}
	}

	t.Run("for each of its names", spectest.Bubble(func(t *testing.T) {
		r, values, _, to := spectest.Led(t)
		values.Set("db", fmt.Sprintf(`{"a":%q,"b":%q}`, to("x"), to("x")))
		spectest.Get(t, r, "db/a")
		spectest.Get(t, r, "db/b")
		spectest.KeepUsing(t, r, "db/a", "db/b")
		values.Set("db", fmt.Sprintf(`{"a":"plain","b":%q}`, to("x")))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "plain", spectest.Get(t, r, "db/a"))
		values.Set("db", fmt.Sprintf(`{"a":"plain","b":%q}`, to("y")))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db/b"))
	}))

	t.Run("and is waited for a second at most", spectest.Bubble(func(t *testing.T) {
		r, values, elsewhere, to := spectest.Led(t)
		spectest.Get(t, r, "db")
		time.Sleep(time.Hour)
		values.Set("db", to("y"))
		values.Delay("db", 200*time.Millisecond)
		elsewhere.Delay("y", 3*time.Second)
		start := time.Now()
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Equal(t, 1200*time.Millisecond, time.Since(start))
	}))

	t.Run("and not when nobody asks for its name", spectest.Bubble(func(t *testing.T) {
		r, values, _, _ := spectest.Led(t)
		spectest.Get(t, r, "db")
		time.Sleep(time.Hour)
		values.ResetCalls()
		time.Sleep(24 * time.Hour)
		assert.Zero(t, values.Calls().Reads)
	}))

	t.Run("and stays held as long as its name is in use, beside any number of others", spectest.Bubble(func(t *testing.T) {
		r, values, _, to := spectest.Led(t, secrets.WithMaxEntries(20))
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		spectest.AskOthers(t, r, values, time.Minute)
		values.Set("db", to("y"))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))

	t.Run("for one of its names when another is held no longer", spectest.Bubble(func(t *testing.T) {
		r, values, elsewhere, to := spectest.Led(t, secrets.WithMaxEntries(20))
		elsewhere.Set("z", "three")
		values.Set("db", fmt.Sprintf(`{"a":%q,"b":%q}`, to("x"), to("y")))
		spectest.Get(t, r, "db/a")
		spectest.Get(t, r, "db/b")
		spectest.KeepUsing(t, r, "db/b")
		spectest.AskOthers(t, r, values, time.Minute)
		for _, s := range r.Status() {
			require.NotContains(t, s.Names, "db/a")
		}
		values.Set("db", fmt.Sprintf(`{"a":%q,"b":%q}`, to("x"), to("z")))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "three", spectest.Get(t, r, "db/b"))
	}))
}

func TestReferenceThatComesToNameAnotherField(t *testing.T) {
	t.Run("of the document that it named before is followed by the next Refresh", spectest.Bubble(func(t *testing.T) {
		there := spectest.Scheme(t, spectest.NewPolled(map[string]string{"prod/db": `{"user":"u","password":"p"}`}))
		here := spectest.NewPolled(map[string]string{"db": there + "://prod/db#user"})
		r := spectest.Open(t, spectest.Scheme(t, here)+"://?references=any")
		assert.Equal(t, "u", spectest.Get(t, r, "db"))
		here.Set("db", there+"://prod/db#password")
		s, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		assert.Equal(t, "p", s.Reveal())
		assert.Equal(t, "p", spectest.Get(t, r, "db"))
		before, _ := s.Previous()
		assert.Equal(t, "u", before.Reveal())
	}))
}
