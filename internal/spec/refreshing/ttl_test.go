package refreshing

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestTTLOfANanosecond(t *testing.T) {
	t.Run("is no TTL that never ends", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Nanosecond))
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		time.Sleep(time.Second)
		p.Set("db", "two")
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))

	t.Run("is none that never ends on demand either", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Nanosecond), secrets.WithOnDemand())
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		time.Sleep(time.Second)
		p.Set("db", "two")
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))
}

// One document may be asked for with two TTLs, by two references: the shorter
// one counts for both, from then on.
func TestTheShorterTTLOfTwoCounts(t *testing.T) {
	// shared returns a resolver on whose document db the names long and short
	// are, each with its TTL; short: "" is zero.
	shared := func(t *testing.T, docs map[string]string, short string) (*secrets.Resolver, *secretstest.Provider) {
		p := spectest.NewPolled(docs)
		s := spectest.Scheme(t, p)
		ttl := 5 * time.Minute
		if short == "" {
			ttl = 0
		}
		return spectest.Open(t, s+"://", secrets.WithReferences(map[string]string{
			"long": s + "://db?ttl=1h", "short": s + "://db" + short, "other/": s + "://?ttl=30m",
		}), secrets.WithTTL(ttl)), p
	}
	t.Run("and a read is made within it, though others are due before the longer one was", spectest.Bubble(func(t *testing.T) {
		docs := map[string]string{"db": "one"}
		for _, name := range spectest.Numbered("o", 10) {
			docs[name] = "v"
		}
		r, p := shared(t, docs, "?ttl=1m")
		assert.Equal(t, "one", spectest.Get(t, r, "long"))
		for _, name := range spectest.Numbered("o", 10) {
			spectest.Get(t, r, "other/"+name)
		}
		time.Sleep(time.Second)
		assert.Equal(t, "one", spectest.Get(t, r, "short"))
		assert.Equal(t, 1, p.Reads("db"))
		spectest.KeepUsing(t, r, "long")
		p.Set("db", "two")
		time.Sleep(61 * time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "long"))
		assert.Equal(t, 2, p.Reads("db"))
	}))
	t.Run("and never the longer one of who asks later", spectest.Bubble(func(t *testing.T) {
		r, p := shared(t, map[string]string{"db": "one"}, "?ttl=1m")
		spectest.Get(t, r, "short")
		spectest.Get(t, r, "long")
		spectest.KeepUsing(t, r, "long")
		p.Set("db", "two")
		time.Sleep(61 * time.Second)
		assert.Equal(t, "two", spectest.Get(t, r, "long"))
	}))
	for _, second := range []string{"plain", "fast"} {
		t.Run("and be it another field of the document that is asked for later: "+second, spectest.Bubble(func(t *testing.T) {
			p := secretstest.NewProvider(map[string]string{"db": `{"password":"p1","user":"u1"}`})
			p.Disable(secretstest.Watch)
			name := spectest.Scheme(t, p)
			r, err := secrets.Open(t.Context(), name+"://", secrets.WithLogger(nil), secrets.WithTTL(5*time.Minute), secrets.WithReferences(map[string]string{
				"slow":  name + "://db?ttl=10h#password",
				"plain": name + "://db#user",
				"fast":  name + "://db?ttl=1m#user",
			}))
			require.NoError(t, err)
			defer r.Close()
			require.Equal(t, "p1", spectest.Get(t, r, "slow"))
			require.Equal(t, "u1", spectest.Get(t, r, second))
			spectest.KeepUsing(t, r, second)
			p.Set("db", `{"password":"p2","user":"u2"}`)
			time.Sleep(6 * time.Minute)
			assert.Equal(t, "u2", spectest.Get(t, r, second))
		}))
	}
	t.Run("and one of zero keeps nothing", spectest.Bubble(func(t *testing.T) {
		r, p := shared(t, map[string]string{"db": "one"}, "")
		spectest.Get(t, r, "long")
		spectest.Get(t, r, "short")
		p.Set("db", "two")
		assert.Equal(t, "two", spectest.Get(t, r, "long"))
		before := p.Reads("db")
		spectest.Get(t, r, "long")
		assert.Equal(t, before+1, p.Reads("db"))
	}))
	t.Run("and one of zero has what was held read anew by all, from the moment that it is asked for", spectest.Bubble(func(t *testing.T) {
		r, p := shared(t, map[string]string{"db": "one"}, "")
		spectest.Get(t, r, "long")
		p.Set("db", "two")
		release := p.Block("db")
		go func() { _, _ = r.Get(t.Context(), "short") }()
		time.Sleep(time.Millisecond)
		got := make(chan string)
		go func() { got <- spectest.Get(t, r, "long") }()
		time.Sleep(time.Second)
		release()
		assert.Equal(t, "two", <-got)
	}))
	t.Run("but a lease is kept and renewed by its own time", spectest.Bubble(func(t *testing.T) {
		for _, short := range []string{"", "?ttl=1m"} {
			r, p := shared(t, nil, short)
			spectest.Lend(p, "db", 10*time.Minute, 5*time.Minute)
			first := spectest.Get(t, r, "long")
			assert.Equal(t, first, spectest.Get(t, r, "short"), short)
			time.Sleep(4 * time.Minute)
			assert.Equal(t, first, spectest.Get(t, r, "long"), short)
			assert.Equal(t, 1, p.Reads("db"), short)
			assert.Zero(t, p.Calls().Renewals, short)
			time.Sleep(2 * time.Minute)
			assert.Equal(t, 1, p.Calls().Renewals, short)
		}
	}))
	t.Run("and an outage is not asked about more often for it", spectest.Bubble(func(t *testing.T) {
		r, p := shared(t, map[string]string{"db": "one"}, "?ttl=1m")
		spectest.Get(t, r, "long")
		spectest.KeepUsing(t, r, "long")
		time.Sleep(50 * time.Minute)
		p.Fail("db", secrets.ErrUnavailable)
		time.Sleep(30 * time.Minute) // the backoff is at its longest
		before := p.Reads("db")
		spectest.Get(t, r, "short")
		time.Sleep(5 * time.Minute)
		assert.LessOrEqual(t, p.Reads("db")-before, 60)
	}))
}

func TestADocumentThatIsAskedForAsAParentToo(t *testing.T) {
	t.Run("stays one that is missing for who asked for it", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, nil)
		_, err := r.Get(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		for i := range 3 {
			_, err := r.Get(t.Context(), fmt.Sprint("db/", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
			assert.Equal(t, []string{"db"}, spectest.StatusOf(t, r, "db").Names)
		}
	}))
	t.Run("or asked for its field", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, nil)
		for _, name := range []string{"db#password", "app/db#password"} {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrNotFound)
			document, _, _ := strings.Cut(name, "#")
			assert.Equal(t, []string{document}, spectest.StatusOf(t, r, document).Names)
		}
	}))
	t.Run("is told of by nobody who did not ask for it", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, nil)
		for i := range 3 {
			_, err := r.Get(t.Context(), fmt.Sprint("db/", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
			assert.Len(t, r.Status(), i+1)
		}
	}))
}

// A backend may say when to read again, as Vault does of a static role. What
// the operator says in a URI counts all the same.
func TestATTLInAURIIsNotOutlastedByTheBackendsWord(t *testing.T) {
	told := func(change func(*secrets.Value)) *secretstest.Provider {
		p := spectest.NewPolled(nil)
		n := 0
		p.SetFunc("db", func(context.Context) (secrets.Value, error) {
			n++
			v := secrets.Value{Data: fmt.Append(nil, n), Version: fmt.Sprint(n), RefreshAt: time.Now().Add(24 * time.Hour)}
			change(&v)
			return v, nil
		})
		return p
	}
	plain := func(*secrets.Value) {}

	t.Run("if that would be later", spectest.Bubble(func(t *testing.T) {
		p := told(plain)
		r := spectest.Open(t, spectest.Scheme(t, p)+"://?ttl=1m")
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		time.Sleep(10*time.Minute + time.Second)
		assert.InDelta(t, 11, p.Reads("db"), 2)
	}))
	t.Run("nor on demand", spectest.Bubble(func(t *testing.T) {
		r := spectest.Open(t, spectest.Scheme(t, told(plain))+"://?ttl=1m", secrets.WithOnDemand())
		assert.Equal(t, "1", spectest.Get(t, r, "db"))
		time.Sleep(61 * time.Second)
		assert.Equal(t, "2", spectest.Get(t, r, "db"))
	}))
	t.Run("while a sooner word is obeyed", spectest.Bubble(func(t *testing.T) {
		p := told(func(v *secrets.Value) { v.RefreshAt = time.Now().Add(10 * time.Second) })
		r := spectest.Open(t, spectest.Scheme(t, p)+"://?ttl=1m")
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		time.Sleep(61 * time.Second)
		assert.Equal(t, 7, p.Reads("db"))
	}))
	t.Run("and the TTL of the resolver, which is for what says nothing, gives way", spectest.Bubble(func(t *testing.T) {
		p := told(plain)
		r := spectest.Open(t, spectest.Scheme(t, p)+"://", secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		time.Sleep(time.Hour)
		assert.Equal(t, 1, p.Reads("db"))
	}))
	t.Run("from the moment on when the first URI says one", spectest.Bubble(func(t *testing.T) {
		p := told(plain)
		s := spectest.Scheme(t, p)
		r := spectest.Open(t, s+"://", secrets.WithTTL(30*time.Second), secrets.WithReferences(map[string]string{"short": s + "://db?ttl=1m", "plain": s + "://db"}))
		spectest.Get(t, r, "plain")
		spectest.KeepUsing(t, r, "plain")
		time.Sleep(10 * time.Minute)
		assert.Equal(t, 1, p.Reads("db"))
		spectest.Get(t, r, "short")
		time.Sleep(61 * time.Second)
		assert.GreaterOrEqual(t, p.Reads("db"), 2)
	}))
	t.Run("but a lease is not renewed for it", spectest.Bubble(func(t *testing.T) {
		p := told(func(v *secrets.Value) { v.Lease, v.Expires = 1, time.Now().Add(48*time.Hour) })
		r := spectest.Open(t, spectest.Scheme(t, p)+"://?ttl=1m")
		spectest.Get(t, r, "db")
		time.Sleep(time.Hour)
		assert.Zero(t, p.Calls().Renewals)
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
