package envfile

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The system's watcher tells nothing of a directory that is gone when it
// watches the one above by the time it gets to that, although the one above
// tells nothing either if it was not yet watched when it happened.
func TestADirectoryThatIsMadeAgainJustBeforeTheOneAboveIsWatchedStaysWatched(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "base")
	write(t, dir, map[string]string{"c/token": "0"})
	system, err := fsnotify.NewWatcher()
	require.NoError(t, err)
	w := newWatcher(system) // collects no event before it runs
	var calls atomic.Int64
	watched := func(p place) *watch {
		return &watch{
			places: func() []place { return []place{p} },
			digest: func(context.Context) [32]byte {
				text, err := os.ReadFile(filepath.Join(p.dir, p.name))
				return sha256.Sum256(append(text, errorText(err)...))
			},
			changed: func() { calls.Add(1) },
			ctx:     t.Context(), ready: make(chan struct{}),
		}
	}
	w.start(watched(place{dir: dir, name: "c/token"}))
	before, err := os.Stat(dir)
	require.NoError(t, err)
	for range 100 { // until it has the identity of the one before, as it often has on disk
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.Mkdir(dir, 0o755))
		if now, err := os.Stat(dir); err == nil && os.SameFile(before, now) {
			break
		}
	}
	w.start(watched(place{dir: top, name: "other"}))
	w.run()
	t.Cleanup(func() { w.stop(); <-w.done })

	require.Eventually(t, func() bool { return calls.Load() == 1 }, 5*time.Second, time.Millisecond, "the token is gone")
	time.Sleep(3 * debounce) // for the rest to be collected; however long it takes, the next must be told
	write(t, dir, map[string]string{"c/token": "1"})
	assert.Eventually(t, func() bool { return calls.Load() > 1 }, 5*time.Second, time.Millisecond, "the token is back in the directory that was made again")
}

func errorText(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}
