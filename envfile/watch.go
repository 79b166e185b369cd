package envfile

import (
	"context"
	"errors"
	"io/fs"
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

// A watcher serves watches with one system watcher. It watches directories, not
// files nor ..data: a watch on those follows what they were when it was made,
// and is silent after the first swap. The exceptions are a file that was
// mounted by itself, whose directory hears nothing of it and which nothing can
// be swapped for, and one in a directory that may not be listed. An event only
// says that something happened; whether a document changed is told by reading
// it.
type watcher struct {
	system *fsnotify.Watcher
	poll   func(w *watch, last [32]byte, why error) error // for what the system refuses to watch
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
	twins   map[identity][]string      // of dirs: what is there under several paths; the system knows the first
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
		within: make(map[string]map[string]bool), twins: make(map[identity][]string), needing: make(map[string]map[*watch]bool), loose: make(map[string]bool),
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
	need := func(dir string) {
		for watch := range w.needing[dir] {
			if w.watches[watch] {
				found[watch] = true
			}
		}
	}
	for dir := range box.touched {
		need(dir)
		for _, twin := range w.twins[identityOf(w.dirs[dir])] {
			need(twin)
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
	err := w.follow(watch)
	watch.last = w.read(watch)
	w.watches[watch] = true
	if err != nil {
		watch.polled, watch.refused = true, w.poll(watch, watch.last, err)
	}
}

// check follows the links of a watched document to where they lead now, reads
// it, and calls changed if it differs.
func (w *watcher) check(watch *watch) {
	err := w.follow(watch)
	now := w.read(watch)
	if err != nil && !watch.polled {
		watch.polled = true
		_ = w.poll(watch, now, err)
	}
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

// follow watches everything that the document depends on, and returns why that
// is not possible. Adding a watch may come too late for a change, so it looks
// again until nothing is new.
func (w *watcher) follow(watch *watch) (refused error) {
	for range 10 {
		t := newTrail()
		for _, p := range watch.places() {
			t.follow(p)
		}
		w.depend(watch, t.watched)
		news, gone := false, false
		refused = nil
		for _, at := range slices.Sorted(maps.Keys(t.watched)) { // each after the one above it
			added, err := w.ensure(at)
			if errors.Is(err, fs.ErrPermission) && w.ensureFiles(watch, t.files[at]) {
				continue
			}
			news = news || added
			switch {
			case errors.Is(err, fs.ErrNotExist):
				gone = true
			case err != nil:
				refused = err
			}
		}
		if !news && !gone {
			return refused
		}
	}
	return refused // it changes faster than we look; there will be an event
}

// ensureFiles watches files by themselves, since their directory cannot be
// watched. It reports whether there are any and the system watches them.
func (w *watcher) ensureFiles(watch *watch, files map[string]bool) bool {
	for file := range files {
		if _, err := w.ensure(file); err != nil {
			return false
		}
		insert(w.needing, file, watch)
		watch.dirs[file] = true
	}
	return len(files) > 0
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
	id := identityOf(fi)
	for len(w.twins[id]) > 0 {
		twin := w.twins[id][0]
		if now, err := os.Stat(twin); err == nil && os.SameFile(now, fi) {
			break
		}
		w.forget(twin) // is gone, and its number was given to this one
	}
	if len(w.twins[id]) == 0 {
		if err := w.system.Add(dir); err != nil {
			return false, err
		}
	}
	if id != (identity{}) {
		w.twins[id] = append(w.twins[id], dir)
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
	fi, ok := w.dirs[dir]
	if !ok {
		return
	}
	w.drop(dir)
	id := identityOf(fi)
	twins := w.twins[id]
	i := slices.Index(twins, dir)
	if i > 0 {
		w.twins[id] = slices.Delete(twins, i, i+1)
		return // another path has the watch
	}
	_ = w.system.Remove(dir) // gone already, most often
	delete(w.twins, id)
	for _, twin := range twins[min(1, len(twins)):] {
		w.drop(twin)
		w.mail(func(m *mailbox) { m.touch(twin, false) }) // documents that need it watch it again
	}
}

// drop forgets a directory, and leaves the system's watch.
func (w *watcher) drop(dir string) {
	delete(w.dirs, dir)
	drop(w.within, filepath.Dir(dir), dir)
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
