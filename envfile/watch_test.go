package envfile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// A listener counts what a watch tells.
type listener struct {
	t     testing.TB
	hub   *hub
	ctx   context.Context // of the watch alone
	end   context.CancelFunc
	now   func() [32]byte // the digest of what there is
	calls atomic.Int64
}

func listen(t testing.TB, p secrets.WatchProvider, ref secrets.Ref) *listener {
	ctx, cancel := context.WithCancel(t.Context())
	l := &listener{t: t, hub: hubOf(p), ctx: ctx, end: cancel, now: func() [32]byte { return digestOf(p, ref)(t.Context()) }}
	require.NoError(t, p.Watch(ctx, ref, func() { l.calls.Add(1) }))
	t.Cleanup(cancel)
	return l
}

func hubOf(p secrets.WatchProvider) *hub {
	switch p := p.(type) {
	case *Dir:
		return &p.watch
	case *Dotenv:
		return &p.watch
	case *Env:
		return &p.watch
	}
	return nil
}

// hears does something, and waits until the watch has told of it.
func (l *listener) hears(what string, do func()) {
	l.t.Helper()
	before := l.calls.Load()
	do()
	start := time.Now()
	require.Eventually(l.t, func() bool { return l.calls.Load() > before && l.current() }, 5*time.Second, time.Millisecond, what)
	assert.Less(l.t, time.Since(start), 2*time.Second, "%s: a change is seen in well under a second", what)
}

// waitFor waits until the watch has told of what another listener heard.
func (l *listener) waitFor(more int64) {
	l.t.Helper()
	require.Eventually(l.t, func() bool { return l.calls.Load() > more && l.current() }, 5*time.Second, time.Millisecond)
}

// current reports whether the last that the watch has read is what there is.
// It may have told of what came first, of an empty file or of what was there
// in between; if the next change led back to that, it would have no change to
// tell of.
func (l *listener) current() bool {
	now, last := l.now(), [32]byte{}
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	l.hub.mu.Lock()
	watcher := l.hub.watcher
	l.hub.mu.Unlock()
	look := func() []place { // called by the loop, which the watches belong to
		for w := range watcher.watches {
			if w.ctx == l.ctx {
				last = w.last
			}
		}
		return nil
	}
	none := func(context.Context) [32]byte { return [32]byte{} }
	return l.hub.add(ctx, look, none, func() {}) == nil && last == now
}

func TestWatchHearsEveryRotation(t *testing.T) {
	t.Parallel()
	for _, linksFirst := range []bool{false, true} {
		t.Run(fmt.Sprintf("of a volume, links before the swap: %v", linksFirst), func(t *testing.T) {
			t.Parallel()
			top := t.TempDir()
			m := newMount(t, filepath.Join(top, "db"))
			m.linksFirst = linksFirst
			m.swap(map[string]string{"user": "0", "same": "same"})
			p := NewDir(top, DirOptions{})
			defer p.Close()
			file, dir, whole := listen(t, p, name("db/user")), listen(t, p, name("db")), openDir(DirOptions{})
			defer whole.Close()
			ref := listen(t, whole, name(m.dir))
			same := listen(t, p, name("db/same"))
			late := listen(t, p, name("db/late"))
			for i := 1; i <= 4; i++ {
				files := map[string]string{"user": fmt.Sprint(i), "same": "same"}
				if i == 3 {
					files["late"] = "now"
				}
				before := [3]int64{dir.calls.Load(), ref.calls.Load(), late.calls.Load()}
				file.hears(fmt.Sprintf("rotation %d", i), func() { m.swap(files) })
				dir.waitFor(before[0])
				ref.waitFor(before[1])
				if i >= 3 {
					late.waitFor(before[2])
				} else {
					assert.Zero(t, late.calls.Load())
				}
			}
			assert.Zero(t, same.calls.Load(), "what has not changed is not told of")
		})
	}
	t.Run("of a file that another is renamed over", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		write(t, dir, map[string]string{"token": "0"})
		l := listen(t, NewDir(dir, DirOptions{}), name("token"))
		for i := 1; i <= 3; i++ {
			l.hears("a rename", func() { replace(t, filepath.Join(dir, "token"), fmt.Sprint(i)) })
		}
	})
	t.Run("of a file that is written in place, or removed and made again", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		write(t, dir, map[string]string{"db/token": "0"})
		p := NewDir(dir, DirOptions{})
		file, doc := listen(t, p, name("db/token")), listen(t, p, name("db"))
		for i := 1; i <= 3; i++ {
			before := doc.calls.Load()
			file.hears("a write", func() { write(t, dir, map[string]string{"db/token": fmt.Sprint(i)}) })
			doc.waitFor(before)
		}
		file.hears("a removal", func() { require.NoError(t, os.Remove(filepath.Join(dir, "db", "token"))) })
		file.hears("a file that is back", func() { write(t, dir, map[string]string{"db/token": "3"}) })
	})
	t.Run("of a file in directories that come, go and are replaced", func(t *testing.T) {
		t.Parallel()
		top := t.TempDir()
		dir := filepath.Join(top, "a", "b")
		p := NewDir(dir, DirOptions{})
		l := listen(t, p, name("c/token"))
		for i := range 3 {
			l.hears("directories that come", func() { write(t, dir, map[string]string{"c/token": fmt.Sprint(i)}) })
			l.hears("a write in them", func() { write(t, dir, map[string]string{"c/token": fmt.Sprint(i, "again")}) })
			l.hears("directories that go", func() { require.NoError(t, os.RemoveAll(filepath.Join(top, "a"))) })
		}
		l.hears("directories that are back", func() { write(t, dir, map[string]string{"c/token": "1", "new/token": "2"}) })
		l.hears("a directory that is moved away", func() { require.NoError(t, os.Rename(dir+"/c", dir+"/old")) })
		l.hears("another in its place", func() { require.NoError(t, os.Rename(dir+"/new", dir+"/c")) })
		l.hears("a write in that", func() { write(t, dir, map[string]string{"c/token": "3"}) })
		for i := range 5 {
			l.hears("a directory that is removed and made again at once", func() {
				require.NoError(t, os.RemoveAll(dir))
				write(t, dir, map[string]string{"c/token": fmt.Sprint("at once ", i)})
			})
			l.hears("a write in it", func() { write(t, dir, map[string]string{"c/token": fmt.Sprint("and then ", i)}) })
		}
	})
	t.Run("of a file whose directory's directory is replaced", func(t *testing.T) {
		t.Parallel()
		top := t.TempDir()
		write(t, top, map[string]string{"x/a/b/token": "0", "x/new/b/token": "1"})
		l := listen(t, NewDir(top, DirOptions{}), name("x/a/b/token"))
		l.hears("a directory above", func() {
			require.NoError(t, os.Rename(filepath.Join(top, "x", "a"), filepath.Join(top, "x", "old")))
			require.NoError(t, os.Rename(filepath.Join(top, "x", "new"), filepath.Join(top, "x", "a")))
		})
		l.hears("a write below it", func() { write(t, top, map[string]string{"x/a/b/token": "2"}) })
	})
	t.Run("of a link to a generation", func(t *testing.T) {
		t.Parallel()
		top := t.TempDir()
		write(t, top, map[string]string{"gen/1/token": "1", "gen/2/token": "2", "gen/3/token": "3"})
		link := filepath.Join(top, "run", "secrets")
		require.NoError(t, os.Mkdir(filepath.Dir(link), 0o755))
		require.NoError(t, os.Symlink("../gen/1", link))
		l := listen(t, NewDir(link, DirOptions{}), name("token"))
		for _, gen := range []string{"2", "3"} {
			l.hears("a generation", func() {
				require.NoError(t, os.Symlink(filepath.Join(top, "gen", gen), link+".new"))
				require.NoError(t, os.Rename(link+".new", link))
			})
		}
		l.hears("a write in it", func() { replace(t, filepath.Join(top, "gen", "3", "token"), "4") })
	})
	t.Run("of one name in a dotenv, and of no other", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), ".env")
		p := NewDotenv(file, DotenvOptions{})
		token, other := listen(t, p, name("token")), listen(t, p, name("other"))
		token.hears("a file that comes", func() { replace(t, file, "TOKEN=1\n") })
		other.waitFor(0) // the file was missing, now the variable is
		other.hears("a rename", func() { replace(t, file, "TOKEN=1\nOTHER=1\n") })
		before := other.calls.Load()
		for _, value := range []string{"3", "4"} { // at the second, the other was asked after the first
			token.hears("a rename", func() { replace(t, file, "OTHER=1\nTOKEN="+value+"\n") })
		}
		assert.Equal(t, before, other.calls.Load(), "what has not changed is not told of")
		token.hears("a write", func() { require.NoError(t, os.WriteFile(file, []byte("OTHER=1\nTOKEN=5\n"), 0o600)) })
	})
	t.Run("of the file that a variable names", func(t *testing.T) {
		t.Parallel()
		m := newMount(t, filepath.Join(t.TempDir(), "db"))
		m.swap(map[string]string{"token": "0"})
		file := filepath.Join(t.TempDir(), ".env")
		require.NoError(t, os.WriteFile(file, []byte("A_TOKEN_FILE="+m.dir+"/token\n"), 0o600))
		p := NewDotenv(file, DotenvOptions{})
		exact, tree := listen(t, p, name("a/token")), listen(t, p, name("a"))
		for i := 1; i <= 3; i++ {
			before := tree.calls.Load()
			exact.hears("a swap", func() { m.swap(map[string]string{"token": fmt.Sprint(i)}) })
			tree.waitFor(before)
		}
	})
}

func TestWatchEndsAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "0", "b": "0"})
	p := NewDir(dir, DirOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	var ended atomic.Int64
	require.NoError(t, p.Watch(ctx, name("a"), func() { ended.Add(1) }))
	other := listen(t, p, name("b"))

	cancel()
	require.Eventually(t, func() bool { p.watch.mu.Lock(); defer p.watch.mu.Unlock(); return p.watch.watches == 1 }, time.Second, time.Millisecond)
	other.hears("a write after another watch has ended", func() {
		replace(t, filepath.Join(dir, "a"), "1")
		replace(t, filepath.Join(dir, "b"), "1")
	})
	assert.Zero(t, ended.Load())

	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	assert.ErrorIs(t, p.Watch(t.Context(), name("a"), func() {}), secrets.ErrClosed)
	assertNoWatchers(t)

	t.Run("also without Close, with the last context", func(t *testing.T) {
		p := NewDir(dir, DirOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, p.Watch(ctx, name("a"), func() {}))
		cancel()
		assertNoWatchers(t)
		listen(t, p, name("a")).hears("a write after it was watched anew", func() { replace(t, filepath.Join(dir, "a"), "2") })
		p.Close()
		assertNoWatchers(t)
	})
}

// assertNoWatchers waits for the goroutines of watchers to end. (The tests
// that run in parallel have not begun, or have ended.)
func assertNoWatchers(t *testing.T) {
	t.Helper()
	assert.Eventually(t, func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return !strings.Contains(string(stacks), "envfile.(*watcher)") && !strings.Contains(string(stacks), "fsnotify.(")
	}, 2*time.Second, 5*time.Millisecond)
}
