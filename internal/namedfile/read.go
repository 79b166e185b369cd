package namedfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"
)

const (
	defaultMax  = 1 << 20 // bytes of a file
	defaultWait = 10 * time.Second
	maxReads    = 64 // reads of this process that may hang at once
)

// Options say what Read accepts. The zero value is right for a credential.
type Options struct {
	Max     int64 // the most bytes that the file may have; 0: 1 MiB
	AnyMode bool  // read a file that every user can write, too
}

// Why a file is not read, for [errors.Is]. A file that does not exist is
// [fs.ErrNotExist], one that may not be read [fs.ErrPermission], one that took
// too long the error of the context.
var (
	ErrKind  = errors.New("neither a regular file nor a pipe")
	ErrLarge = errors.New("too large")
	ErrMode  = errors.New("writable by every user")
)

// An Error says why a file is not read. Its text has the file's name as Show returns
// it, and never a text of a parser or the system with the name in it.
type Error struct {
	Name string // as Show returns it
	Why  string
	Err  error // the cause, without a name
}

// Error returns the name and the reason.
func (e *Error) Error() string { return e.Name + " " + e.Why }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// fail makes an Error. If the file is missing and its name is not plausible, the
// text says how to correct the setting.
func fail(name, why string, err error) *Error {
	e := &Error{Name: Show(name), Why: why, Err: err}
	if !Plausible(name) && errors.Is(err, fs.ErrNotExist) {
		e.Why = "is set where the name of a file belongs; give the file's name, not what is in it"
	}
	return e
}

// slots bound the reads that a hanging file system holds.
var slots = make(chan struct{}, maxReads)

// Read returns the content of the file that configuration names. It reads a
// regular file, or, once, a pipe: a FIFO or /dev/fd/N. It opens without
// blocking, and it returns when ctx ends, or after 10 s if ctx has no deadline.
// It refuses a file that every user can write, unless its mount is read-only.
func Read(ctx context.Context, name string, o Options) ([]byte, error) {
	if o.Max <= 0 {
		o.Max = defaultMax
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultWait)
		defer cancel()
	}
	late := func() error {
		return fail(name, "was not read in time: does its file system hang?", ctx.Err())
	}
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return nil, late()
	}
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-slots }()
		data, err := read(ctx, name, o)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
	}
	select { // the error of a pipe says more of why it is late
	case r := <-done:
		return r.data, r.err
	case <-time.After(grace):
		return nil, late()
	}
}

// grace is how long Read waits, after its time is up, for a read that ends by
// itself.
const grace = 300 * time.Millisecond

// read opens name and reads it.
func read(ctx context.Context, name string, o Options) ([]byte, error) {
	// Opening a device may do anything, so look first. Another file may take its
	// place before it is opened, so open without waiting, and look again.
	fi, err := os.Stat(name)
	if err != nil {
		return nil, explain(name, err)
	}
	if err := checkKind(name, fi.Mode()); err != nil {
		return nil, err
	}
	if IsPipe(fi.Mode()) {
		unlock, err := lockPipe(ctx, name)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	f, err := os.OpenFile(name, OpenFlags, 0) // #nosec G304 -- configuration names it, and that is what this package is for
	if err != nil {
		return nil, explain(name, err)
	}
	defer func() { _ = f.Close() }()
	if fi, err = f.Stat(); err != nil {
		return nil, explain(name, err)
	}
	if err := checkKind(name, fi.Mode()); err != nil {
		return nil, err
	}
	if mode := fi.Mode(); HasModes && !o.AnyMode && mode.Perm()&OthersWrite != 0 && !MountOf(f).ReadOnly {
		return nil, fail(name, "can be written by every user (mode "+Octal(mode)+"); run chmod o-w on it", ErrMode)
	}
	if IsPipe(fi.Mode()) {
		return readPipe(ctx, f, name, o.Max)
	}
	if fi.Size() > o.Max {
		return nil, tooLarge(name, o.Max)
	}
	data, err := io.ReadAll(io.LimitReader(f, o.Max+1))
	switch {
	case err != nil:
		return nil, explain(name, err)
	case int64(len(data)) > o.Max:
		return nil, tooLarge(name, o.Max)
	}
	return data, nil
}

func tooLarge(name string, limit int64) error {
	return fail(name, "is larger than "+strconv.FormatInt(limit, 10)+" bytes", ErrLarge)
}

// checkKind returns an error unless the file is a regular one or a pipe.
func checkKind(name string, mode fs.FileMode) error {
	if mode.IsRegular() || IsPipe(mode) {
		return nil
	}
	return fail(name, "is "+Kind(mode)+", not a file", ErrKind)
}

// Kind says what a file is, with its article.
func Kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case IsPipe(mode):
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode.IsRegular():
		return "a regular file"
	}
	return "not a regular file"
}

// explain returns an error of the file system as an Error, without the name that the
// system's text repeats.
func explain(name string, err error) error {
	cause := err
	var path *fs.PathError
	if errors.As(err, &path) {
		cause = path.Err
	}
	var errno syscall.Errno
	isErrno := errors.As(cause, &errno)
	switch {
	case errors.Is(cause, fs.ErrNotExist):
		return fail(name, "does not exist", cause)
	case isErrno && errno == syscall.ENOTDIR:
		return fail(name, "does not exist: what should be a directory on the way is none", fs.ErrNotExist)
	case errors.Is(cause, fs.ErrPermission):
		return fail(name, "may not be read by the user that this process runs as", cause)
	case isErrno && errno == syscall.ENAMETOOLONG, errors.Is(cause, syscall.EINVAL):
		return fail(name, "does not exist: no file can have such a name", fs.ErrNotExist)
	case isErrno && errno == syscall.ELOOP:
		return fail(name, "leads through too many symbolic links", cause)
	}
	return fail(name, "cannot be read: "+cause.Error(), cause)
}
