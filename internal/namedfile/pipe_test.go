//go:build unix

package namedfile_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/namedfile"
)

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo.env")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return path
}

// feed opens a FIFO for each text, writes it and closes it.
func feed(t *testing.T, path string, texts ...string) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, text := range texts {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return
			}
			_, _ = f.WriteString(text)
			_ = f.Close()
		}
	}()
	t.Cleanup(func() {
		// A reader lets a writer that nobody read go.
		if f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
			defer f.Close()
		}
		<-done
	})
}

func TestAFIFOIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 20_000) // several times what the system holds for it
	for _, text := range []string{"A=b\n", long} {
		path := fifo(t)
		feed(t, path, text)
		data, err := namedfile.Read(t.Context(), path, namedfile.Options{})
		require.NoError(t, err)
		assert.Equal(t, text, string(data))
	}
}

func TestAFIFOThatNobodyWritesToIsWaitedForUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	path := fifo(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := namedfile.Read(ctx, path, namedfile.Options{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.EqualError(t, err, `"`+path+`" is a FIFO that nothing was written to in time`)
}

func TestAFIFOThatItsWriterKeepsOpenIsGivenUp(t *testing.T) {
	t.Parallel()
	path := fifo(t)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString("A=b\n")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = namedfile.Read(ctx, path, namedfile.Options{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.EqualError(t, err, `"`+path+`" is a FIFO that its writer did not close in time`)
}

func TestAFIFOHasABoundOnItsSize(t *testing.T) {
	t.Parallel()
	path := fifo(t)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString("more than ten bytes")
	require.NoError(t, err)
	_, err = namedfile.Read(t.Context(), path, namedfile.Options{Max: 10})
	require.ErrorIs(t, err, namedfile.ErrLarge)
}

// Two readers of one FIFO would each get a part of it.
func TestReadsOfOneFIFOTakeTurns(t *testing.T) {
	t.Parallel()
	path := fifo(t)
	first, end := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := namedfile.Read(first, path, namedfile.Options{})
		assert.ErrorIs(t, err, context.Canceled)
	})
	w, err := os.OpenFile(path, os.O_WRONLY, 0) // returns once the first read has opened it
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = namedfile.Read(ctx, path, namedfile.Options{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.EqualError(t, err, `"`+path+`" is a FIFO, and another read of it is under way`)
	end()
	wg.Wait()
	require.NoError(t, w.Close())

	feed(t, path, "A=b\n")
	data, err := namedfile.Read(t.Context(), path, namedfile.Options{})
	require.NoError(t, err)
	assert.Equal(t, "A=b\n", string(data))
}

func TestTheDescriptorOfAPipeIsRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere opening /dev/fd/N shares the descriptor")
	}
	for _, text := range []string{"A=b\n", ""} {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		defer r.Close()
		_, err = w.WriteString(text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		data, err := namedfile.Read(t.Context(), fmt.Sprintf("/dev/fd/%d", r.Fd()), namedfile.Options{})
		require.NoError(t, err)
		assert.Equal(t, text, string(data), "its writer was there from the start, so nothing is nothing")
	}
}

func TestSocketsAreRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer func() { _ = syscall.Close(fd) }()
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
	_, err = namedfile.Read(t.Context(), path, namedfile.Options{})
	require.ErrorIs(t, err, namedfile.ErrKind)
}

func TestAReadThatIsLateEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := time.Now()
	_, err := namedfile.Read(ctx, fifo(t), namedfile.Options{})
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, time.Since(start), 5*time.Second)
}
