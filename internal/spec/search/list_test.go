package search

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestListOfAProviderThatIsDeafToItsContext(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		release := make(chan struct{})
		r := secrets.New(&deafLister{release}, secrets.WithLogger(nil))
		defer r.Close()
		defer close(release)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		var err error
		for _, err = range r.List(ctx, "") {
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Less(t, time.Since(start), 2*time.Second)
	})(t)
}

type deafLister struct{ release chan struct{} }

func (d *deafLister) Fetch(context.Context, secrets.Ref) (secrets.Value, error) {
	return secrets.Value{}, secrets.ErrNotFound
}

func (d *deafLister) List(context.Context, string) iter.Seq2[string, error] {
	return func(func(string, error) bool) { <-d.release }
}

// A lister lists what its pages say, whatever prefix is asked for, and counts
// how many of them were taken.
type lister struct {
	secrets.Provider
	pages []page
	taken int
}

type page struct {
	name string
	err  error
}

func (l *lister) List(context.Context, string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, p := range l.pages {
			l.taken++
			if !yield(p.name, p.err) {
				return
			}
		}
	}
}

func TestList(t *testing.T) {
	t.Run("yields names as Get takes them, whatever the base of the provider", func(t *testing.T) {
		docs := map[string]string{"prod/db/user": "u", "prod/db/password": "p", "prod/api": "k", "production/db/x": "x", "db/y": "y"}
		for base, want := range map[string][]string{
			"prod":    {"db/password", "db/user"},
			"prod/db": nil,
			"":        {"db/y"},
		} {
			r := spectest.Open(t, spectest.Scheme(t, spectest.NewPolled(docs))+"://"+base)
			names, err := spectest.Listed(r.List(t.Context(), "db/"))
			require.NoError(t, err)
			assert.Equal(t, want, names, base)
			for _, name := range names {
				spectest.Get(t, r, name)
			}
		}
	})

	t.Run("yields what several providers have once", func(t *testing.T) {
		one, two := spectest.NewPolled(map[string]string{"a": "1", "b": "1"}), spectest.NewPolled(map[string]string{"b": "2", "c": "2"})
		r := spectest.Open(t, spectest.Scheme(t, one)+":// "+spectest.Scheme(t, two)+"://")
		names, err := spectest.Listed(r.List(t.Context(), ""))
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "c"}, names)
		assert.Zero(t, one.Calls().Reads+two.Calls().Reads, "values are not read")
	})

	t.Run("tells once what a provider says, under no name and with its scheme, and goes on with the next", func(t *testing.T) {
		off := spectest.NewPolled(map[string]string{"a": "1"})
		off.Disable(secretstest.List)
		broken := errors.New("the disk is gone")
		for what, test := range map[string]struct {
			p     func(t *testing.T) string
			class error
		}{
			"cannot list":                         {func(t *testing.T) string { return spectest.Scheme(t, spectest.Singly(spectest.NewPolled(nil))) }, secrets.ErrInvalid},
			"says that what it wraps cannot list": {func(t *testing.T) string { return spectest.Scheme(t, off) }, secrets.ErrInvalid},
			"cannot be opened": {func(t *testing.T) string {
				_, name := spectest.Opener(t, func() (secrets.Provider, error) { return nil, broken })
				return name
			}, secrets.ErrUnavailable},
			"may not list": {func(t *testing.T) string {
				p := spectest.NewPolled(nil)
				p.Fail(secretstest.All, secrets.ErrPermission)
				return spectest.Scheme(t, p)
			}, secrets.ErrPermission},
			"fails among the names": {func(t *testing.T) string {
				return spectest.Scheme(t, &lister{pages: []page{{err: broken}, {name: "late"}}})
			}, secrets.ErrUnavailable},
		} {
			t.Run("that "+what, func(t *testing.T) {
				s := test.p(t)
				r := spectest.Open(t, s+":// "+spectest.Scheme(t, spectest.NewPolled(map[string]string{"db": "1"}))+"://")
				var said []string
				for name, err := range r.List(t.Context(), "") {
					said = append(said, name)
					if name != "" {
						assert.NoError(t, err)
						continue
					}
					require.ErrorIs(t, err, test.class)
					for _, other := range []error{secrets.ErrNotFound, secrets.ErrInvalid, secrets.ErrUnavailable, secrets.ErrPermission} {
						assert.Equal(t, other == test.class, errors.Is(err, other), other)
					}
					var e *secrets.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, s, e.Provider)
				}
				assert.Equal(t, []string{"", "db"}, said)
			})
		}
	})

	t.Run("yields what came before a failure", func(t *testing.T) {
		l := &lister{pages: []page{{name: "a"}, {err: secrets.ErrThrottled}, {name: "late"}}}
		names, err := spectest.Listed(spectest.Open(t, spectest.Scheme(t, l)+"://").List(t.Context(), ""))
		require.ErrorIs(t, err, secrets.ErrThrottled)
		assert.Equal(t, []string{"a"}, names)
		assert.Equal(t, 2, l.taken, "nothing is asked of a provider that has failed")
	})

	t.Run("reads no further than its caller does", func(t *testing.T) {
		one, two := &lister{pages: []page{{name: "a"}, {name: "b"}}}, &lister{pages: []page{{name: "c"}}}
		r := spectest.Open(t, spectest.Scheme(t, one)+":// "+spectest.Scheme(t, two)+"://")
		for range r.List(t.Context(), "") {
			break
		}
		assert.Equal(t, 1, one.taken)
		assert.Zero(t, two.taken)

		one.pages[0] = page{err: secrets.ErrUnavailable}
		for range r.List(t.Context(), "") {
			break
		}
		assert.Equal(t, 2, one.taken)
		assert.Zero(t, two.taken)
	})
}
