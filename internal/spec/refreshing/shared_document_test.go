package refreshing

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestDocumentThatIsAskedForWithAShorterTTL(t *testing.T) {
	t.Run("is refreshed at once, when it is older than that", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Referring(t, map[string]string{"slow": "db?ttl=10h", "fast": "db?ttl=200ms"})
		p.Set("db", "one")
		spectest.Get(t, r, "slow")
		time.Sleep(1500 * time.Millisecond) // the refresher looks every second by itself
		p.Set("db", "two")
		spectest.Get(t, r, "fast")
		synctest.Wait()
		assert.Equal(t, "two", spectest.Get(t, r, "fast"))
		assert.Equal(t, 2, p.Reads("db"))
	}))

	t.Run("is read when the backend says, if that is sooner", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Referring(t, map[string]string{"slow": "db?ttl=10h", "fast": "db?ttl=1h"})
		p.SetFunc("db", func(context.Context) (secrets.Value, error) {
			return secrets.Value{Data: []byte("one"), RefreshAt: time.Now().Add(5 * time.Minute)}, nil
		})
		spectest.Get(t, r, "slow")
		spectest.Get(t, r, "fast")
		time.Sleep(5*time.Minute - time.Millisecond)
		assert.Equal(t, 1, p.Reads("db"))
		time.Sleep(2 * time.Millisecond)
		assert.Equal(t, 2, p.Reads("db"))
	}))

	t.Run("of zero is held no longer for who asks with the longer one", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Referring(t, map[string]string{"slow": "db?ttl=10h", "none": "db"}, secrets.WithTTL(0))
		p.Set("db", "one")
		spectest.Get(t, r, "slow")
		spectest.Get(t, r, "slow")
		require.Equal(t, 1, p.Reads("db"))
		release := p.Block("db")
		said := make(chan string)
		for _, name := range []string{"none", "slow"} {
			go func() {
				s, err := r.Get(t.Context(), name)
				assert.NoError(t, err)
				said <- s.Reveal()
			}()
			synctest.Wait()
		}
		p.Set("db", "two")
		release()
		assert.Equal(t, []string{"two", "two"}, []string{<-said, <-said})
		assert.Equal(t, 2, p.Reads("db"), "they share the one that is under way")
	}))
}

func TestNewNameOfAnIdleDocument(t *testing.T) {
	t.Run("has it refreshed from then on, as one that was held would", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u"}`}, secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db")
		time.Sleep(time.Hour)
		p.Fail("db", &spectest.RetryAfterError{Err: secrets.ErrPermission, After: 2 * time.Minute})
		_, err := r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
		p.Heal()
		p.ResetCalls()
		require.Zero(t, spectest.StatusOf(t, r, "db").NextRead, "it is idle")
		assert.Equal(t, "u", spectest.Get(t, r, "db#user"))
		time.Sleep(2*time.Minute - time.Millisecond)
		assert.Zero(t, p.Reads("db"))
		time.Sleep(2 * time.Millisecond)
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("has it refreshed also when it asks while a read is under way that fails", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u"}`}, secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db")
		time.Sleep(time.Hour)
		p.Fail("db", &spectest.RetryAfterError{Err: secrets.ErrPermission, After: 2 * time.Minute})
		release := p.Block("db")
		said := make(chan error)
		go func() {
			_, err := r.Refresh(t.Context(), "db")
			said <- err
		}()
		synctest.Wait()
		assert.Equal(t, "u", spectest.Get(t, r, "db#user"))
		release()
		require.ErrorIs(t, <-said, secrets.ErrPermission)
		p.Heal()
		p.ResetCalls()
		time.Sleep(2*time.Minute - time.Millisecond)
		assert.Zero(t, p.Reads("db"))
		time.Sleep(2 * time.Millisecond)
		assert.Equal(t, 1, p.Reads("db"))
	}))
}

// Of several searches that wait for one read, the first to look at it lets go
// of it, where nothing is kept.
func TestNamesOfOneDocumentThatIsNotKept(t *testing.T) {
	names := []string{"db#a", "db/b", "db#c", "db", "db/none", "db#none"}
	ask := func(t *testing.T, r *secrets.Resolver, p *secretstest.Provider) {
		release := p.Block("db")
		var wg sync.WaitGroup
		for _, name := range names {
			wg.Go(func() {
				_, err := r.Get(t.Context(), name)
				if strings.HasSuffix(name, "none") {
					assert.ErrorIs(t, err, secrets.ErrNotFound)
				} else {
					assert.NoError(t, err)
				}
			})
		}
		synctest.Wait()
		release()
		wg.Wait()
	}
	docs := func() map[string]string { return map[string]string{"db": `{"a":"1","b":"2","c":"3"}`} }

	t.Run("share one read with a TTL of zero", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs(), secrets.WithTTL(0))
		for n := 1; n <= 3; n++ {
			ask(t, r, p)
			assert.Equal(t, n, p.Reads("db"), "the reads of %d rounds", n)
			for _, s := range r.Status() {
				assert.Equal(t, secrets.StateMissing, s.State, s.Document)
			}
		}
	}))

	t.Run("share one read where there is no room for it", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs(), secrets.WithMaxEntries(1))
		p.Set("held", "one")
		spectest.Get(t, r, "held")
		ask(t, r, p)
		assert.Equal(t, 1, p.Reads("db"))
	}))
}
