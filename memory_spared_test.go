package secrets_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// filled returns n documents of this text.
func filled(n int, text string) map[string]string {
	all := make(map[string]string, n)
	for i := range n {
		all[fmt.Sprint("t", i)] = text
	}
	return all
}

func TestTheBoundHolds(t *testing.T) {
	t.Run("of documents that lack what is asked for", spectest.Bubble(func(t *testing.T) {
		for _, bound := range []int{20, 300} {
			r, p := spectest.Polled(t, filled(200, "{}"), secrets.WithMaxEntries(bound))
			for i := range 200 {
				for _, key := range []string{"a", "b"} {
					_, err := r.Get(t.Context(), fmt.Sprintf("t%d#%s", i, key))
					require.ErrorIs(t, err, secrets.ErrNotFound)
				}
				assert.Equal(t, 1, p.Reads(fmt.Sprint("t", i)), "there is room for one more: older ones go")
				time.Sleep(time.Hour)
				documents, names, _ := r.Held()
				assert.LessOrEqual(t, documents+names, bound)
			}
		}
	}))

	t.Run("of such documents, beside names that are in use", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, filled(40, "{}"), secrets.WithMaxEntries(20))
		for i := range 8 {
			p.Set(fmt.Sprint("used", i), "v")
			spectest.Get(t, r, fmt.Sprint("used", i))
		}
		for i := range 40 {
			_, err := r.Get(t.Context(), fmt.Sprintf("t%d#a", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
			documents, names, _ := r.Held()
			assert.LessOrEqual(t, documents+names, 20)
		}
	}))

	t.Run("of what nobody follows any more", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, filled(200, "v"), secrets.WithMaxEntries(20))
		for i := range 200 {
			l, err := secrets.Bind[string](t.Context(), r, fmt.Sprint("t", i), nil)
			require.NoError(t, err)
			l.Stop()
			time.Sleep(time.Hour)
			documents, names, _ := r.Held()
			assert.LessOrEqual(t, documents+names, 20)
		}
	}))

	t.Run("for new names, and takes none away that was read again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, filled(21, "v"), secrets.WithMaxEntries(20))
		spectest.Get(t, r, "t20")
		for i := range 20 {
			_, err := secrets.Bind[string](t.Context(), r, fmt.Sprint("t", i), nil)
			require.NoError(t, err)
		}
		spectest.Get(t, r, "t20")
		_, err := r.Refresh(t.Context(), "t20")
		require.NoError(t, err)
		p.Fail("t20", secrets.ErrUnavailable)
		assert.Equal(t, "v", spectest.Get(t, r, "t20"))
	}))

	t.Run("with a TTL of zero, which keeps nothing that nobody follows", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"a": "{}", "a/x": "1", "b": "{}", "b/y": "2"}, secrets.WithTTL(0))
		nothing := func() {
			t.Helper()
			documents, names, _ := r.Held()
			assert.Zero(t, documents+names)
		}
		require.NoError(t, r.Preload(t.Context(), "a/x", "b/y"))
		nothing()
		_, err := r.Get(t.Context(), "a#z")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		nothing()
		for range r.Watch(t.Context(), "a/x") {
			break
		}
		nothing()
	}))

	t.Run("with a TTL of zero, which keeps nothing that cannot be decoded", spectest.Bubble(func(t *testing.T) {
		r := spectest.Open(t, spectest.Scheme(t, spectest.NewPolled(map[string]string{"a/x": "!"}))+"://?decode=base64", secrets.WithTTL(0))
		_, err := r.Get(t.Context(), "a/x")
		require.ErrorIs(t, err, secrets.ErrInvalid)
		documents, names, _ := r.Held()
		assert.Zero(t, documents+names)
	}))
}

func TestAPreloadOfManyMissingNames(t *testing.T) {
	t.Run("reads each place once, whatever the bound", spectest.Bubble(func(t *testing.T) {
		nothing, all := spectest.NewPolled(nil), spectest.NewPolled(filled(140, "v"))
		r := spectest.On(t, secrets.Chain(nothing, all), secrets.WithMaxEntries(400))
		var names []string
		for i := range 140 {
			names = append(names, fmt.Sprint("t", i))
		}
		require.NoError(t, r.Preload(t.Context(), names...))
		assert.Equal(t, 140, nothing.Calls().Reads)
		assert.Equal(t, 140, all.Calls().Reads)
		for i := range 70 {
			_, err := r.Get(t.Context(), fmt.Sprint("m", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
		}
		_, _, missing := r.Held()
		assert.LessOrEqual(t, missing, 64, "nobody relies on more any longer")
	}))
}

func TestWhatIsRememberedAsMissingIsForgottenInTime(t *testing.T) {
	t.Run("behind a read that never began, too", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"held": "1"}, secrets.WithTimeout(time.Hour))
		leave := spectest.FillSlots(t, r, p)
		<-spectest.Ask(time.Second, spectest.Getting(r, "late")).Done
		leave()
		spectest.KeepUsing(t, r, "held")
		for i := range 10 {
			_, err := r.Get(t.Context(), fmt.Sprint("m", i))
			require.ErrorIs(t, err, secrets.ErrNotFound)
		}
		time.Sleep(time.Hour)
		_, _, missing := r.Held()
		assert.Zero(t, missing)
	}))
}
