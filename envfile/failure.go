package envfile

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"syscall"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// classify gives an error of the file system its class. It is about path, for
// a name that is confined to base.
func classify(err error, path, base string) error {
	var errno syscall.Errno
	isErrno := errors.As(err, &errno)
	e := &fault.Error{Err: err, Quiet: true}
	at := strconv.Quote(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Class, e.Msg = secrets.ErrNotFound, at+" does not exist"
	case isErrno && errno == syscall.ENOTDIR:
		e.Class, e.Msg = secrets.ErrNotFound, at+" does not exist: what should be a directory on the way is none"
	case errors.Is(err, fs.ErrPermission):
		e.Class, e.Msg, e.Missing = secrets.ErrPermission, at+" may not be read by the user that this process runs as", "read"
	case isErrno && errno == syscall.ENAMETOOLONG:
		e.Class, e.Msg, e.CannotSpell = secrets.ErrInvalid, "the name is longer than the file system can hold", true
	case isErrno && errno == syscall.ELOOP:
		e.Class, e.Msg = secrets.ErrInvalid, at+" leads through too many symbolic links"
	case isEscape(err):
		e.Class, e.Msg = secrets.ErrInvalid, at+" leads out of "+strconv.Quote(base)+" through a symbolic link; "+mendEscape
	default:
		e.Class, e.Msg = secrets.ErrUnavailable, at+" cannot be read"
		e.Quiet = false // an errno, or one of the os package's constants
	}
	return e
}

// isEscape reports whether os.Root found that a path leads out of it. That
// error has no name.
func isEscape(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p) && p.Err != nil && p.Err.Error() == errEscape.Error()
}

// mendEscape says what to do about a link that leads out of a directory.
const mendEscape = "refer to the file that it leads to, or to a directory that holds both"

// errEscape has the text of os.Root's.
var errEscape = errors.New("path escapes from parent")

// unspellable is the error of a name that no file below dir can have.
func unspellable(name, dir string) error {
	return &fault.Error{
		Class:       secrets.ErrInvalid,
		Msg:         "no file below " + strconv.Quote(dir) + " can have the name " + strconv.Quote(name),
		CannotSpell: true,
	}
}

func isNotFound(err error) bool { return errors.Is(err, secrets.ErrNotFound) }

// contextError returns an error if ctx has ended.
func contextError(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.New(secrets.ErrUnavailable, "the read was given up", err)
	}
	return nil
}
