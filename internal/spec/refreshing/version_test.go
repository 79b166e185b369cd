package refreshing

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestOneVersionOfADocument(t *testing.T) {
	// One reader holds the resolver to its word while it takes a new version
	// for a thousand names, which takes it a while.
	t.Run("is what all of its names show, to who reads them while it changes", func(t *testing.T) {
		const fields = 1000
		document := func(n int) string {
			var b strings.Builder
			for i := range fields {
				fmt.Fprintf(&b, `,"f%d":"%d"`, i, n)
			}
			return "{" + b.String()[1:] + "}"
		}
		r, p := spectest.Polled(t, map[string]string{"db": document(0)})
		for range 3 {
			for i := range fields {
				spectest.Get(t, r, fmt.Sprint("db#f", i))
			}
		}
		number := func(name string) int {
			s, err := r.Get(context.Background(), name)
			if err != nil {
				return -1
			}
			n, err := strconv.Atoi(s.Reveal())
			if err != nil {
				return -1
			}
			return n
		}
		first, last := "db#f0", fmt.Sprint("db#f", fields-1)
		var done atomic.Bool
		var mixed atomic.Int64
		var wg sync.WaitGroup
		for _, pair := range [][2]string{{first, last}, {last, first}} {
			wg.Go(func() {
				for !done.Load() {
					if a, b := number(pair[0]), number(pair[1]); b < a {
						mixed.Add(1)
					}
					runtime.Gosched()
				}
			})
		}
		for n := 1; n <= 20; n++ {
			p.Set("db", document(n))
			_, err := r.Refresh(t.Context(), "db")
			assert.NoError(t, err)
			assert.Equal(t, n, number(last))
		}
		done.Store(true)
		wg.Wait()
		assert.Zero(t, mixed.Load(), "who has seen the new version by one name sees none older by another")
	})
}

func TestChangeWhileADocumentIsRead(t *testing.T) {
	t.Run("has it read once more, and no more after that", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Pushed(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		time.Sleep(time.Second)
		p.ResetCalls()
		p.Delay("db", 100*time.Millisecond)
		p.Set("db", "two") // it is told of that
		time.Sleep(50 * time.Millisecond)
		p.Set("db", "three")
		time.Sleep(10 * time.Second)
		require.Equal(t, secrets.StateFresh, spectest.StatusOf(t, r, "db").State)
		assert.Equal(t, "three", spectest.Get(t, r, "db"))
		assert.Equal(t, 2, p.Reads("db"))
	}))
}

func TestPrevious(t *testing.T) {
	t.Run("is the last different bytes, one step back", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		refresh := func() secrets.Secret {
			s, err := r.Refresh(t.Context(), "db")
			require.NoError(t, err)
			return s
		}
		_, ok := refresh().Previous()
		assert.False(t, ok)
		p.Set("db", "two")
		refresh()
		p.Set("db", "two") // a new version of the same bytes
		s := refresh()
		old, ok := s.Previous()
		require.True(t, ok)
		assert.Equal(t, "one", old.Reveal())
		p.Set("db", "three")
		old, _ = refresh().Previous()
		assert.Equal(t, "two", old.Reveal())
		_, ok = old.Previous()
		assert.False(t, ok)
	}))
}

func TestDerivedVersion(t *testing.T) {
	t.Run("is the same for the same bytes, another for others, and 16 hex digits to print", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil)
		version := func(data string) string {
			p.SetValue("db", secrets.Value{Data: []byte(data)})
			s, err := r.Refresh(t.Context(), "db")
			require.NoError(t, err)
			return s.Version()
		}
		one, two := version("one"), version("two")
		assert.NotEqual(t, one, two)
		assert.Equal(t, one, version("one"))
		assert.Regexp(t, `^[0-9a-f]{16}$`, one)
	}))
}
