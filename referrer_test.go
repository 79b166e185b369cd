package secrets_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// led returns a resolver whose names are values that refer elsewhere.
func led(t *testing.T, opts ...secrets.Option) (r *secrets.Resolver, values, elsewhere *secretstest.Provider, to func(path string) string) {
	elsewhere = quiet(map[string]string{"x": "one", "y": "two"})
	name := scheme(t, elsewhere)
	to = func(path string) string { return name + "://" + path }
	values = quiet(map[string]string{"db": to("x")})
	return open(t, scheme(t, values)+"://?references=any", append([]secrets.Option{secrets.WithTTL(time.Minute)}, opts...)...), values, elsewhere, to
}

// askOthers asks for a hundred other names, one each time.
func askOthers(t *testing.T, r *secrets.Resolver, values *secretstest.Provider, each time.Duration) {
	t.Helper()
	for i := range 100 {
		time.Sleep(each)
		name := fmt.Sprint("other", i)
		values.Set(name, "v")
		value(t, r, name)
	}
}

func TestAValueThatRefersElsewhereIsKeptFresh(t *testing.T) {
	t.Run("while its name is in use", in(func(t *testing.T) {
		r, values, _, to := led(t)
		value(t, r, "db")
		keepUsing(t, r, "db")
		time.Sleep(time.Hour)
		values.Set("db", to("y"))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "two", value(t, r, "db"))
		values.Set("db", "plain")
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "plain", value(t, r, "db"))
		values.Set("db", to("x"))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "one", value(t, r, "db"))
		values.Delete("db")
		time.Sleep(time.Minute + 2*time.Second)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
	}))

	t.Run("while somebody follows its name", in(func(t *testing.T) {
		r, values, _, to := led(t)
		w := watch(t, r, "db")
		time.Sleep(time.Hour)
		values.Set("db", to("y"))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, []string{"one", "two"}, w.all())
	}))

	for what, opts := range map[string][]secrets.Option{"when its name was idle": nil, "on demand": {secrets.WithOnDemand()}} {
		for how, use := range map[string]func(t *testing.T, r *secrets.Resolver) string{
			"Get": func(t *testing.T, r *secrets.Resolver) string { return value(t, r, "db") },
			"Load": func(t *testing.T, r *secrets.Resolver) string {
				var c struct {
					DB string `secret:"db"`
				}
				require.NoError(t, r.Load(t.Context(), &c))
				return c.DB
			},
		} {
			t.Run(what+", for "+how, in(func(t *testing.T) {
				r, values, elsewhere, to := led(t, opts...)
				value(t, r, "db")
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

	t.Run("for each of its names", in(func(t *testing.T) {
		r, values, _, to := led(t)
		values.Set("db", fmt.Sprintf(`{"a":%q,"b":%q}`, to("x"), to("x")))
		value(t, r, "db/a")
		value(t, r, "db/b")
		keepUsing(t, r, "db/a", "db/b")
		values.Set("db", fmt.Sprintf(`{"a":"plain","b":%q}`, to("x")))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "plain", value(t, r, "db/a"))
		values.Set("db", fmt.Sprintf(`{"a":"plain","b":%q}`, to("y")))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "two", value(t, r, "db/b"))
	}))

	t.Run("and is waited for a second at most", in(func(t *testing.T) {
		r, values, elsewhere, to := led(t)
		value(t, r, "db")
		time.Sleep(time.Hour)
		values.Set("db", to("y"))
		values.Delay("db", 200*time.Millisecond)
		elsewhere.Delay("y", 3*time.Second)
		start := time.Now()
		assert.Equal(t, "one", value(t, r, "db"))
		assert.Equal(t, 1200*time.Millisecond, time.Since(start))
	}))

	t.Run("and not when nobody asks for its name", in(func(t *testing.T) {
		r, values, _, _ := led(t)
		value(t, r, "db")
		time.Sleep(time.Hour)
		values.ResetCalls()
		time.Sleep(24 * time.Hour)
		assert.Zero(t, values.Calls().Reads)
	}))

	t.Run("and stays held as long as its name is in use, beside any number of others", in(func(t *testing.T) {
		r, values, _, to := led(t, secrets.WithMaxEntries(20))
		value(t, r, "db")
		keepUsing(t, r, "db")
		askOthers(t, r, values, time.Minute)
		values.Set("db", to("y"))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "two", value(t, r, "db"))
	}))

	t.Run("for one of its names when another is held no longer", in(func(t *testing.T) {
		r, values, elsewhere, to := led(t, secrets.WithMaxEntries(20))
		elsewhere.Set("z", "three")
		values.Set("db", fmt.Sprintf(`{"a":%q,"b":%q}`, to("x"), to("y")))
		value(t, r, "db/a")
		value(t, r, "db/b")
		keepUsing(t, r, "db/b")
		askOthers(t, r, values, time.Minute)
		for _, s := range r.Status() {
			require.NotContains(t, s.Names, "db/a")
		}
		values.Set("db", fmt.Sprintf(`{"a":%q,"b":%q}`, to("x"), to("z")))
		time.Sleep(time.Minute + 2*time.Second)
		assert.Equal(t, "three", value(t, r, "db/b"))
	}))
}

func TestWhatIsHeldOfAValueThatRefersElsewhere(t *testing.T) {
	t.Run("and not held where nothing is kept", in(func(t *testing.T) {
		r, _, _, _ := led(t, secrets.WithTTL(0))
		assert.Equal(t, "one", value(t, r, "db"))
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names)
	}))

	t.Run("and goes with its name when there is no room", in(func(t *testing.T) {
		r, values, _, to := led(t, secrets.WithMaxEntries(20))
		value(t, r, "db")
		askOthers(t, r, values, time.Hour)
		for _, s := range r.Status() {
			assert.False(t, strings.HasSuffix(s.Document, "://db"), s.Document)
		}
		values.Set("db", to("y"))
		assert.Equal(t, "two", value(t, r, "db"), "it is searched for anew")
		documents, names, _ := r.Held()
		assert.LessOrEqual(t, documents+names, 20)
	}))
}
