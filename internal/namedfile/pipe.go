package namedfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// IsPipe reports whether a mode is that of a FIFO, named or not.
func IsPipe(mode fs.FileMode) bool { return mode&fs.ModeNamedPipe != 0 }

// pause is how long a reader waits before it reads an empty pipe again, where the
// system does not wake it.
const pause = 5 * time.Millisecond

// Descriptor reports whether a name is that of an open file of this process, such as
// a shell makes for <(command). Such a pipe has its writer from the start.
func Descriptor(name string) bool {
	return strings.HasPrefix(name, "/dev/fd/") || strings.HasPrefix(name, "/proc/self/fd/") || name == "/dev/stdin"
}

// pipes lets only one read of a pipe run at a time: two would each get a part.
var pipes sync.Map // name → chan struct{} with room for one

func lockPipe(ctx context.Context, name string) (unlock func(), err error) {
	value, _ := pipes.LoadOrStore(name, make(chan struct{}, 1))
	turn := value.(chan struct{})
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fail(name, "is a FIFO, and another read of it is under way", ctx.Err())
	}
}

// readPipe reads a pipe until its writer closes it. If a FIFO has no writer yet, it
// waits for one until ctx ends.
func readPipe(ctx context.Context, f *os.File, name string, limit int64) ([]byte, error) {
	// Where the system can wait for a pipe, this ends the waiting. Elsewhere a
	// read without data returns EAGAIN.
	defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })()
	var data []byte
	chunk := make([]byte, 4096)
	for {
		n, err := f.Read(chunk)
		data = append(data, chunk[:n]...)
		if int64(len(data)) > limit {
			clear(data)
			return nil, tooLarge(name, limit)
		}
		switch {
		case ctx.Err() != nil && (err == nil || !errors.Is(err, io.EOF) || len(data) == 0):
			return nil, latePipe(ctx, name, len(data))
		case err == nil:
			continue
		case errors.Is(err, io.EOF) && (len(data) > 0 || Descriptor(name)):
			return data, nil
		case !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EAGAIN):
			return nil, explain(name, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func latePipe(ctx context.Context, name string, got int) error {
	if got == 0 {
		return fail(name, "is a FIFO that nothing was written to in time", ctx.Err())
	}
	return fail(name, "is a FIFO that its writer did not close in time", ctx.Err())
}
