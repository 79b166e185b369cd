package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/cache"
)

var (
	errClosed  = errors.New("closed")
	errDown    = errors.New("down")
	errMissing = errors.New("missing")
)

// A shelf is a Source in memory.
type shelf struct {
	mu    sync.Mutex
	docs  map[string]string // by path
	down  bool
	batch int
	reads []string // the paths of each call, joined
	block chan struct{}
}

func (s *shelf) Open(context.Context) (int, error) { return s.batch, nil }
func (s *shelf) Batch() int                        { return s.batch }
func (s *shelf) Watches() bool                     { return false }

func (s *shelf) Watch(context.Context, cache.Place, func()) cache.Watched { return cache.Watched{} }
func (s *shelf) Revoke(context.Context, *cache.Version)                   {}

func (s *shelf) Renew(context.Context, *cache.Version) (cache.Answer, bool) {
	return cache.Answer{}, false
}

func (s *shelf) Read(ctx context.Context, at []cache.Place) (a cache.Answer) {
	if s.block != nil {
		select {
		case <-s.block:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var paths []string
	for _, place := range at {
		paths = append(paths, place.Path)
		text, ok := s.docs[place.Path]
		switch {
		case s.down:
			a.Outcomes = append(a.Outcomes, cache.Outcome{Err: errDown, Kind: cache.Unavailable})
		case !ok:
			a.Outcomes = append(a.Outcomes, cache.Outcome{Err: errMissing, Kind: cache.Missing})
		default:
			a.Outcomes = append(a.Outcomes, cache.Outcome{Version: cache.NewVersion(cache.Fetched{Data: text, ID: text})})
		}
	}
	s.reads = append(s.reads, strings.Join(paths, "+"))
	return a
}

func (s *shelf) put(path, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[path] = text
}

func (s *shelf) fail(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// A log is an Owner with one name for each document, which notes what it is
// told.
type log struct {
	used    map[string]bool
	changes []string
}

func (l *log) Prepare(*cache.Version, uint8) {}

func (l *log) Accept(cache.Tx, *cache.Doc, *cache.Version) cache.Outcome { return cache.Outcome{} }

func (l *log) Changed(_ cache.Tx, d *cache.Doc, c cache.Change) {
	words := map[cache.Change]string{
		cache.Replaced: "replaced", cache.Confirmed: "confirmed", cache.Failed: "failed", cache.Gone: "gone",
		cache.Withdrawn: "withdrawn", cache.Expired: "expired", cache.Hinted: "hinted",
	}
	l.changes = append(l.changes, d.Path()+" "+words[c])
}

func (l *log) Settled(cache.Tx) {}

func (l *log) Used(_ cache.Tx, d *cache.Doc, clear bool) bool {
	used := l.used[d.Path()]
	if clear {
		l.used[d.Path()] = false
	}
	return used
}

func (l *log) Followed(cache.Tx, *cache.Doc) bool           { return false }
func (l *log) Dependents(cache.Tx, *cache.Doc) []*cache.Doc { return nil }
func (l *log) Along(cache.Tx, *cache.Doc) []*cache.Doc      { return nil }
func (l *log) Moved(*cache.Doc)                             {}
func (l *log) Tick(cache.Tx)                                {}
func (l *log) Report(cache.Tx, cache.Event)                 {}
func (l *log) ReportRead(cache.Tx, cache.Call)              {}
func (l *log) Evict(tx cache.Tx, d *cache.Doc)              { d.Names = nil; tx.AddNames(-1) }

// idle is a Task that nobody continues.
type idle struct{}

func (idle) Continue()        {}
func (idle) Abandon(cache.Tx) {}

// A desk is a Cache on a shelf.
type desk struct {
	*cache.Cache
	shelf *shelf
	log   *log
	space *cache.Space
}

func open(t *testing.T, c cache.Config) *desk {
	t.Helper()
	config := cache.Config{
		TTL: time.Minute, MaxStale: time.Hour, Timeout: 10 * time.Second, NegativeTTL: 2 * time.Second, MaxEntries: 1000,
		Clock: cache.SystemClock(),
		Errors: cache.Errors{
			Closed: errClosed, Exited: errDown, Abandoned: errDown, Timeout: fmt.Errorf("%w", context.DeadlineExceeded),
			Expired: func(time.Time) error { return errDown },
		},
	}
	if c.MaxEntries > 0 {
		config.MaxEntries = c.MaxEntries
	}
	config.OnDemand = c.OnDemand
	d := &desk{shelf: &shelf{docs: map[string]string{}, batch: 100}, log: &log{used: map[string]bool{}}}
	d.Cache = cache.New(config, d.log)
	tx := d.Lock()
	d.space = tx.AddSpace(tx.Add(d.shelf), nil)
	tx.Unlock()
	t.Cleanup(func() {
		tx := d.Lock()
		tx.Close()
		tx.Unlock()
		d.Drain(context.Background(), false)
	})
	return d
}

// read returns a document as a search finds it out.
func (d *desk) read(paths ...string) (texts []string, errs []error) {
	w := cache.NewWaiter(true)
	tx := d.Lock()
	q := cache.Query{Since: tx.LastRead(), Began: tx.Now()}
	tx.Unlock()
	for {
		tx := d.Lock()
		tx.Reset(w)
		texts, errs = nil, nil
		for _, path := range paths {
			doc := tx.Doc(d.space, path, 0)
			known, ok := tx.Known(doc, q)
			switch {
			case !ok:
				tx.Claim(w, doc)
			case known.Err != nil:
				errs = append(errs, known.Err)
			default:
				if doc.Names == nil {
					doc.Names = path
					tx.AddNames(1)
				}
				tx.NoteServed(doc)
				texts = append(texts, known.Version.Data())
			}
		}
		more, closed := tx.Claimed(w), tx.Closed()
		tx.Unlock()
		if closed {
			return nil, []error{errClosed}
		}
		if !more {
			return texts, errs
		}
		if _, goOn := d.Wait(w, idle{}); !goOn {
			return nil, []error{errClosed}
		}
	}
}

// use does what a Get of a published name does.
func (d *desk) use(path string) {
	tx := d.Lock()
	d.log.used[path] = true
	tx.Unlock()
}

// changes returns what the Owner was told of a document.
func (d *desk) changes(path string) (said []string) {
	tx := d.Lock()
	defer tx.Unlock()
	for _, c := range d.log.changes {
		if p, what, _ := strings.Cut(c, " "); p == path {
			said = append(said, what)
		}
	}
	return said
}

func (d *desk) status(path string) cache.Status {
	tx := d.Lock()
	defer tx.Unlock()
	return tx.Status(tx.Peek(d.space, path))
}

func TestATxThatIsUsedAfterUnlockPanics(t *testing.T) {
	d := open(t, cache.Config{})
	tx := d.Lock()
	tx.Unlock()
	assert.Panics(t, func() { tx.Full() })
	assert.Panics(t, func() { tx.Unlock() })
}

func TestADocumentIsReadOnceHoweverManyWantIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, cache.Config{})
		d.shelf.put("a", "1")
		d.shelf.block = make(chan struct{})
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				texts, _ := d.read("a")
				assert.Equal(t, []string{"1"}, texts)
			})
		}
		synctest.Wait()
		close(d.shelf.block)
		all.Wait()
		assert.Equal(t, []string{"a"}, d.shelf.reads)
	})
}

func TestWhatIsWantedTogetherIsReadTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, cache.Config{})
		d.shelf.put("a", "1")
		d.shelf.put("b", "2")
		texts, errs := d.read("a", "b", "c")
		assert.Equal(t, []string{"1", "2"}, texts)
		assert.Equal(t, []error{errMissing}, errs)
		assert.Equal(t, []string{"a+b+c"}, d.shelf.reads)
	})
}

func TestADocumentInUseIsReadAheadAndAnIdleOneIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, cache.Config{})
		d.shelf.put("used", "1")
		d.shelf.put("idle", "1")
		_, _ = d.read("used")
		_, _ = d.read("idle")
		d.shelf.put("used", "2")
		for range 10 {
			d.use("used")
			time.Sleep(time.Minute)
		}
		assert.Contains(t, d.changes("used"), "replaced")
		assert.Equal(t, "withdrawn", d.changes("idle")[len(d.changes("idle"))-1], "it is left alone in the end")
		tx := d.Lock()
		defer tx.Unlock()
		assert.True(t, tx.Idle(tx.Peek(d.space, "idle")))
		assert.False(t, tx.Idle(tx.Peek(d.space, "used")))
	})
}

func TestAVersionOutlivesItsBackendUntilMaxStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, cache.Config{})
		d.shelf.put("a", "1")
		_, _ = d.read("a")
		d.shelf.fail(true)
		for range 59 {
			d.use("a")
			time.Sleep(time.Minute)
		}
		st := d.status("a")
		assert.True(t, st.Servable)
		require.ErrorIs(t, st.Err, errDown)
		assert.Equal(t, cache.Unavailable, st.Kind)
		d.use("a")
		time.Sleep(2 * time.Minute)
		assert.False(t, d.status("a").Servable)
		assert.Contains(t, d.changes("a"), "expired")
		d.shelf.fail(false)
		time.Sleep(time.Minute)
		assert.True(t, d.status("a").Servable, "it is read again, since it was in use")
	})
}

func TestWhatIsGoneIsSaidOnceAndTheVersionIsNotServedBySearches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, cache.Config{})
		d.shelf.put("a", "1")
		_, _ = d.read("a")
		d.shelf.mu.Lock()
		delete(d.shelf.docs, "a")
		d.shelf.mu.Unlock()
		d.use("a")
		time.Sleep(time.Minute)
		assert.Contains(t, d.changes("a"), "gone")
		_, errs := d.read("a")
		assert.Equal(t, []error{errMissing}, errs)
	})
}

func TestTheLongestUnusedIsEvictedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, cache.Config{MaxEntries: 8})
		for _, path := range []string{"a", "b", "c", "d"} {
			d.shelf.put(path, "1")
			_, _ = d.read(path)
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Minute) // all are idle
		_, _ = d.read("a")
		d.shelf.put("e", "1")
		_, _ = d.read("e")
		tx := d.Lock()
		defer tx.Unlock()
		assert.True(t, tx.Evict(tx.Peek(d.space, "e")))
		assert.NotNil(t, tx.Peek(d.space, "a"))
		assert.Nil(t, tx.Peek(d.space, "b"))
	})
}

func TestOnDemandLastsUntilTheTTLAndReadsInTheUsersPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, cache.Config{OnDemand: true})
		d.shelf.put("a", "1")
		_, _ = d.read("a")
		tx := d.Lock()
		doc := tx.Peek(d.space, "a")
		validity, ok := tx.Validity(doc)
		tx.Unlock()
		require.True(t, ok)
		assert.True(t, validity.Covers(d.Clock))
		time.Sleep(time.Minute)
		assert.False(t, validity.Covers(d.Clock))
		tx = d.Lock()
		_, ok = tx.Validity(doc)
		assert.False(t, ok)
		assert.True(t, tx.Overdue(doc))
		tx.Freshen(doc)
		done, _ := tx.BlockedBy(doc)
		tx.Unlock()
		require.NotNil(t, done)
		<-done
		assert.Equal(t, []string{"a", "a"}, d.shelf.reads)
	})
}

func TestAClosedCacheReadsAndKeepsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, cache.Config{})
		d.shelf.put("a", "1")
		d.shelf.block = make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, errs := d.read("a")
			assert.Equal(t, []error{errClosed}, errs)
		}()
		synctest.Wait()
		tx := d.Lock()
		tx.Close()
		tx.Unlock()
		assert.True(t, d.Drain(t.Context(), true))
		tx = d.Lock()
		held, _ := tx.Counts()
		tx.Unlock()
		assert.Zero(t, held)
		<-done
	})
}
