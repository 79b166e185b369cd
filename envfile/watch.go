package envfile

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	debounce    = 10 * time.Millisecond  // of quiet, before what changed is read
	maxDebounce = 100 * time.Millisecond // however unquiet it is
	checkTime   = 5 * time.Second        // one read of a watched document
)

// A watcher serves watches with one system watcher. It watches directories,
// never files nor ..data: a watch on those follows what they were when it was
// made, and is silent after the first swap. An event only says that something
// happened in a directory; whether a document changed is told by reading it.
type watcher struct {
	system *fsnotify.Watcher
	ctx    context.Context
	stop   context.CancelFunc
	done   chan struct{} // closed when both goroutines have ended
	wake   chan struct{} // has one token while the mailbox has something

	box struct {
		sync.Mutex
		mailbox
	}

	// These belong to the loop. Whatever happens costs in proportion to what it
	// touches, never to how much is watched.
	watches map[*watch]bool
	dirs    map[string]os.FileInfo     // what is watched, and its identity then
	within  map[string]map[string]bool // of dirs: those in a directory
	needing map[string]map[*watch]bool // by directory: the watches that depend on it
	loose   map[string]bool            // directories that a watch has stopped to depend on
}

// A mailbox holds what the loop has to do.
type mailbox struct {
	added, removed []*watch
	touched        map[string]bool // directories with events
	lost           map[string]bool // directories that were themselves replaced, perhaps
	overflow       bool            // events were dropped
}

func newWatcher(system *fsnotify.Watcher) *watcher {
	ctx, stop := context.WithCancel(context.Background())
	return &watcher{
		system: system, ctx: ctx, stop: stop,
		done: make(chan struct{}), wake: make(chan struct{}, 1),
		watches: make(map[*watch]bool), dirs: make(map[string]os.FileInfo),
		within: make(map[string]map[string]bool), needing: make(map[string]map[*watch]bool), loose: make(map[string]bool),
	}
}

// run starts the goroutines of a watcher.
func (w *watcher) run() {
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		w.collect()
	}()
	go func() {
		defer close(w.done)
		w.loop()
		_ = w.system.Close()
		<-collected
	}()
}

// mail puts something into the mailbox.
func (w *watcher) mail(put func(*mailbox)) {
	w.box.Lock()
	put(&w.box.mailbox)
	w.box.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// collect takes events from the system, so that it is never kept waiting: on
// some systems adding a watch needs that.
func (w *watcher) collect() {
	events, errs := w.system.Events, w.system.Errors
	for events != nil || errs != nil {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			w.mail(func(m *mailbox) {
				m.touch(filepath.Dir(e.Name), false)
				m.touch(e.Name, e.Has(fsnotify.Create) || e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename))
			})
		case _, ok := <-errs:
			if !ok {
				errs = nil
				continue
			}
			w.mail(func(m *mailbox) { m.overflow = true })
		}
	}
}

// loop adds and removes watches, and checks those with events.
func (w *watcher) loop() {
	for {
		select {
		case <-w.wake:
		case <-w.ctx.Done():
			return
		}
		box := w.take()
		if box.touched != nil || box.overflow {
			w.await(&box)
		}
		for dir := range box.lost {
			w.forget(dir)
		}
		for _, watch := range box.removed {
			delete(w.watches, watch)
			w.depend(watch, nil)
		}
		for _, watch := range box.added {
			w.start(watch)
		}
		for watch := range w.touched(&box) {
			if w.ctx.Err() == nil {
				w.check(watch)
			}
		}
		w.prune()
	}
}

// take empties the mailbox.
func (w *watcher) take() mailbox {
	w.box.Lock()
	defer w.box.Unlock()
	box := w.box.mailbox
	w.box.mailbox = mailbox{}
	return box
}

// await waits for the events to pause, and gathers them.
func (w *watcher) await(box *mailbox) {
	end := time.NewTimer(maxDebounce)
	defer end.Stop()
	for {
		quiet := time.NewTimer(debounce)
		select {
		case <-w.wake:
			quiet.Stop()
			box.merge(w.take())
			if len(box.added) > 0 {
				return // its caller waits
			}
		case <-quiet.C:
			return
		case <-end.C:
			return
		case <-w.ctx.Done():
			return
		}
	}
}

// touch notes that something happened in a directory; lost: or to it.
func (m *mailbox) touch(dir string, lost bool) {
	if m.touched == nil {
		m.touched, m.lost = make(map[string]bool), make(map[string]bool)
	}
	m.touched[dir] = true
	if lost {
		m.lost[dir] = true
	}
}

func (m *mailbox) merge(o mailbox) {
	m.added = append(m.added, o.added...)
	m.removed = append(m.removed, o.removed...)
	m.overflow = m.overflow || o.overflow
	for _, pair := range []struct {
		to   *map[string]bool
		from map[string]bool
	}{{&m.touched, o.touched}, {&m.lost, o.lost}} {
		if *pair.to == nil {
			*pair.to = pair.from
			continue
		}
		for dir := range pair.from {
			(*pair.to)[dir] = true
		}
	}
}

// touched returns the watches that depend on a directory with events.
func (w *watcher) touched(box *mailbox) map[*watch]bool {
	if box.overflow {
		return maps.Clone(w.watches)
	}
	found := make(map[*watch]bool)
	for dir := range box.touched {
		for watch := range w.needing[dir] {
			if w.watches[watch] {
				found[watch] = true
			}
		}
	}
	return found
}

// depend notes which directories a watch depends on from now on.
func (w *watcher) depend(watch *watch, dirs map[string]bool) {
	for dir := range watch.dirs {
		if !dirs[dir] {
			drop(w.needing, dir, watch)
			w.loose[dir] = true
		}
	}
	for dir := range dirs {
		insert(w.needing, dir, watch)
	}
	watch.dirs = dirs
}

// insert and drop are for sets in a map.
func insert[K, V comparable](sets map[K]map[V]bool, key K, value V) {
	if sets[key] == nil {
		sets[key] = make(map[V]bool)
	}
	sets[key][value] = true
}

func drop[K, V comparable](sets map[K]map[V]bool, key K, value V) {
	delete(sets[key], value)
	if len(sets[key]) == 0 {
		delete(sets, key)
	}
}

// start begins a watch, and tells its caller.
func (w *watcher) start(watch *watch) {
	defer close(watch.ready)
	if watch.ctx.Err() != nil {
		return
	}
	if watch.failed = w.follow(watch); watch.failed != nil {
		w.depend(watch, nil)
		return
	}
	watch.last = w.read(watch)
	w.watches[watch] = true
}

// check follows the links of a watched document to where they lead now, reads
// it, and calls changed if it differs.
func (w *watcher) check(watch *watch) {
	_ = w.follow(watch) // what cannot be watched any more is polled
	now := w.read(watch)
	if now == watch.last || w.ctx.Err() != nil || watch.ctx.Err() != nil {
		return
	}
	watch.last = now
	watch.changed()
}

func (w *watcher) read(watch *watch) [32]byte {
	ctx, cancel := context.WithTimeout(w.ctx, checkTime)
	defer cancel()
	return watch.digest(ctx)
}

// follow watches every directory that the document depends on. Adding one may
// come too late for a change in it, so it looks again until nothing is new.
func (w *watcher) follow(watch *watch) error {
	for range 10 {
		dirs := make(map[string]bool)
		for _, p := range watch.places() {
			t := trail{dirs: dirs}
			t.follow(p)
		}
		w.depend(watch, dirs)
		news, watched := false, false
		var failure error
		for _, dir := range slices.Sorted(maps.Keys(dirs)) { // each after the one above it
			added, err := w.ensure(dir)
			news = news || added
			watched = watched || err == nil
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				failure = err
			}
		}
		if !watched && failure != nil {
			return failure
		}
		if !news && watched {
			return nil
		}
	}
	return nil // it changes faster than we look; there will be an event
}

// ensure watches a directory; added is false if it was watched before.
func (w *watcher) ensure(dir string) (added bool, err error) {
	fi, err := os.Stat(dir)
	if err != nil {
		return false, err
	}
	if before, ok := w.dirs[dir]; ok {
		if os.SameFile(before, fi) {
			return false, nil
		}
		w.forget(dir)
	}
	if err := w.system.Add(dir); err != nil {
		return false, err
	}
	w.dirs[dir] = fi
	insert(w.within, filepath.Dir(dir), dir)
	w.doubt(dir)
	return true, nil
}

// doubt has the directories in dir that are watched looked at again. That one
// of them is gone is told by the watch of dir alone as soon as there is one,
// and it may have gone just before, so that nothing told. Made again, it may
// even have its identity from before, and look as if it were still watched.
func (w *watcher) doubt(dir string) {
	for below := range w.within[dir] {
		if below != dir {
			w.mail(func(m *mailbox) { m.touch(below, true) })
		}
	}
}

// forget drops the system's watch of a directory, which may be of another
// that had its path before.
func (w *watcher) forget(dir string) {
	if _, ok := w.dirs[dir]; ok {
		delete(w.dirs, dir)
		drop(w.within, filepath.Dir(dir), dir)
		_ = w.system.Remove(dir) // gone already, most often
	}
}

// prune drops the directories that no document depends on any more.
func (w *watcher) prune() {
	for dir := range w.loose {
		if len(w.needing[dir]) == 0 {
			w.forget(dir)
		}
	}
	clear(w.loose)
}
