package envfile

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// It has the log to itself, and so does not run in parallel.
func TestWhatTheSystemRefusesToWatchIsReadEveryHalfMinuteAndToldOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"token": "one", "other": "one"})
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	synctest.Test(t, func(t *testing.T) {
		d := NewDir(dir, DirOptions{})
		d.watch.polling.system = func() (*fsnotify.Watcher, error) { return nil, syscall.EMFILE }
		var calls atomic.Int64
		for _, name := range []string{"token", "other"} {
			err := d.Watch(t.Context(), secrets.Ref{Path: name}, func() { calls.Add(1) })
			var polls interface{ PollsEvery() time.Duration }
			require.ErrorAs(t, err, &polls)
			assert.Equal(t, pollEvery, polls.PollsEvery())
			assert.ErrorIs(t, err, secrets.ErrUnavailable)
			assert.ErrorContains(t, err, "read every 30s")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Zero(t, calls.Load(), "nothing has changed")
		write(t, dir, map[string]string{"token": "two"})
		time.Sleep(pollEvery + time.Second)
		synctest.Wait()
		assert.Equal(t, int64(1), calls.Load())
		require.NoError(t, d.Close())
	})
	assert.Equal(t, 1, strings.Count(log.String(), "refuses to watch"))
	assert.Contains(t, log.String(), "max_user_instances")
	assert.NotContains(t, log.String(), filepath.Base(dir))
}
