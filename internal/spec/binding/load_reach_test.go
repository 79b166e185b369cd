package binding

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

// The race detector is what fails here.
func TestLoadSetsTheTaggedFieldsAndNothingElse(t *testing.T) {
	t.Run("so that others may change meanwhile", func(t *testing.T) {
		t.Parallel()
		var dst struct {
			mu       sync.Mutex
			Served   int
			Password string `secret:"password"`
			In       struct {
				Count atomic.Int64
				Key   string `secret:"key"`
			}
			Ptr *struct {
				Count int
				Key   string `secret:"key"`
			}
		}
		r := spectest.On(t, spectest.NewPolled(map[string]string{"password": "pw", "key": "k"}))
		require.NoError(t, r.Load(t.Context(), &dst))
		ptr := dst.Ptr
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 1000 {
				dst.mu.Lock()
				dst.Served++
				ptr.Count++
				dst.In.Count.Add(1)
				dst.mu.Unlock()
				runtime.Gosched()
			}
		}()
		for range 50 {
			require.NoError(t, r.Load(t.Context(), &dst))
		}
		<-done
		assert.Equal(t, 1000, dst.Served)
		assert.Equal(t, 1000, dst.Ptr.Count)
		assert.EqualValues(t, 1000, dst.In.Count.Load())
		assert.Equal(t, "pw", dst.Password)
	})

	t.Run("and leaves a lock as it is", func(t *testing.T) {
		t.Parallel()
		var dst struct {
			sync.Mutex
			Password string `secret:"password"`
		}
		p := spectest.NewPolled(map[string]string{"password": "pw"})
		r := spectest.On(t, p, secrets.WithTTL(0))
		release := p.Block("password")
		loaded := make(chan error)
		go func() { loaded <- r.Load(t.Context(), &dst) }()
		for p.Calls().Reads == 0 {
			runtime.Gosched()
		}
		dst.Lock()
		release()
		require.NoError(t, <-loaded)
		assert.False(t, dst.TryLock(), "it was locked meanwhile")
	})
}

type (
	login struct {
		Password string `secret:"password"`
		Note     string
	}
	Login    login
	reaching struct {
		Password string `secret:"password"`
		DB       any
	}
	chained2 struct {
		Password string `secret:"password"`
		Next     *chained2
	}
)

func TestLoadFillsEveryTagThatItCanReach(t *testing.T) {
	t.Parallel()
	docs := map[string]string{"password": "top", "db/password": "pw"}

	t.Run("below a nil pointer to a struct", func(t *testing.T) {
		t.Parallel()
		dst, err := loaded[struct {
			DB *login `secret:"db/"`
		}](t, docs)
		require.NoError(t, err)
		assert.Equal(t, "pw", dst.DB.Password)
	})

	t.Run("below a set one, whose other fields stay", func(t *testing.T) {
		t.Parallel()
		inner := &login{Password: "old", Note: "mine"}
		dst := struct {
			DB *login `secret:"db/"`
		}{inner}
		require.NoError(t, spectest.On(t, spectest.NewPolled(docs)).Load(t.Context(), &dst))
		assert.Same(t, inner, dst.DB)
		assert.Equal(t, login{"pw", "mine"}, *inner)
	})

	t.Run("below pointers to pointers, structs and pointers again", func(t *testing.T) {
		t.Parallel()
		dst, err := loaded[struct {
			A **struct {
				B struct {
					C *login `secret:"db/"`
				}
			}
		}](t, docs)
		require.NoError(t, err)
		assert.Equal(t, "pw", (*dst.A).B.C.Password)
	})

	t.Run("in an embedded pointer", func(t *testing.T) {
		t.Parallel()
		dst, err := loaded[struct{ *Login }](t, docs)
		require.NoError(t, err)
		assert.Equal(t, "top", dst.Password)
	})

	t.Run("in an embedded struct that is not exported", func(t *testing.T) {
		t.Parallel()
		dst, err := loaded[struct{ login }](t, docs)
		require.NoError(t, err)
		assert.Equal(t, "top", dst.Password)
	})

	t.Run("and leaves a pointer nil when nothing below it is there", func(t *testing.T) {
		t.Parallel()
		dst, err := loaded[struct {
			DB *struct {
				Password string `secret:"password,optional"`
			} `secret:"gone/"`
		}](t, docs)
		require.NoError(t, err)
		assert.Nil(t, dst.DB)
	})

	t.Run("and leaves alone what says so, whatever is in it, and what has no tags", func(t *testing.T) {
		t.Parallel()
		type cache struct{ Last *login }
		dst, err := loaded[struct {
			Password string  `secret:"password"`
			Later    []login `secret:"-"`
			cache    *cache  `secret:"-"`
			Current  atomic.Pointer[login]
			Live     *secrets.Live[login]
			Any      any
			Plain    []struct{ A string }
			Func     func() login
		}](t, docs)
		require.NoError(t, err)
		assert.Equal(t, "top", dst.Password)
		assert.Nil(t, dst.Later)
		assert.Nil(t, dst.cache)
	})

	t.Run("in BindStruct, too", func(t *testing.T) {
		t.Parallel()
		live, err := secrets.BindStruct[struct {
			DB *login `secret:"db/"`
		}](t.Context(), spectest.On(t, spectest.NewPolled(docs)))
		require.NoError(t, err)
		assert.Equal(t, "pw", live.Get().DB.Password)
	})
}

func TestLoadRefusesATagThatItCannotReach(t *testing.T) {
	t.Parallel()
	//lint:ignore U1000 Load looks for it by reflection
	type held struct{ inner login }
	for what, dst := range map[string]any{
		"in a slice":             &struct{ DBs []login }{},
		"in a slice of pointers": &struct{ DBs []*login }{},
		"in a slice with a prefix": &struct {
			DBs []login `secret:"db/"`
		}{},
		"in an array":                       &struct{ DBs [2]login }{},
		"in a map's values":                 &struct{ DBs map[string]login }{},
		"in a map's keys":                   &struct{ DBs map[login]int }{},
		"in a slice of slices":              &struct{ DBs [][]struct{ In *login } }{},
		"in a field that is not exported":   &struct{ db login }{},
		"in a pointer that is not exported": &struct{ db *login }{},
		"in an embedded pointer likewise":   &struct{ *login }{},
		"deep in one":                       &struct{ Outer held }{},
		"in a struct read as JSON": &struct {
			DB login `secret:"db"`
		}{},
		"in a pointer read as JSON": &struct {
			DB *login `secret:"db"`
		}{},
		"in a slice read as JSON": &struct {
			DB []login `secret:"db"`
		}{},
		"in what a Live reads as JSON": &struct {
			DB *secrets.Live[login] `secret:"db"`
		}{},
		"in an interface that holds a struct":    &struct{ DB any }{login{}},
		"in an interface that points to one":     &struct{ In reaching }{reaching{DB: &login{}}},
		"in a struct without an end":             &chained2{},
		"in one that is set, but still has none": &chained2{Next: &chained2{}},
		"in a struct whose prefix is not exported": &struct {
			db login `secret:"db/"`
		}{},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r, p := spectest.Polled(t, map[string]string{"password": "top", "db": `{"password":"pw"}`})
			err := r.Load(t.Context(), dst)
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.Zero(t, p.Calls().Reads, "before anything is read")
		})
	}
	t.Run("in Bind without a decode, which reads JSON", func(t *testing.T) {
		t.Parallel()
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"pw"}`})
		_, err := secrets.Bind[login](t.Context(), r, "db", nil)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "BindStruct")
		assert.Zero(t, p.Calls().Reads)
	})
	t.Run("and says how to mend it", func(t *testing.T) {
		t.Parallel()
		_, err := loaded[struct {
			DB login `secret:"db"`
		}](t, nil)
		assert.ErrorContains(t, err, "db/")
		_, err = loaded[struct{ db login }](t, nil)
		assert.ErrorContains(t, err, `secret:"-"`)
	})
}
