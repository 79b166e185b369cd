package gcp

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"

	"github.com/go-secrets/secrets/internal/namedfile"
)

// files reads the files of credentials. It keeps what came through a pipe,
// which gives it once, for the logins after the first.
type files struct {
	mu    sync.Mutex
	piped map[string]func() []byte // funcs, so that no printer sees a key
}

func (f *files) read(ctx context.Context, name string) ([]byte, error) {
	fi, err := os.Stat(name)
	pipe := err == nil && namedfile.IsPipe(fi.Mode())
	if pipe {
		f.mu.Lock()
		kept := f.piped[name]
		f.mu.Unlock()
		if kept != nil {
			return kept(), nil
		}
	}
	data, err := namedfile.Read(ctx, name, namedfile.Options{})
	if err == nil && pipe && len(data) > 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.piped == nil {
			f.piped = make(map[string]func() []byte)
		}
		f.piped[name] = func() []byte { return bytes.Clone(data) }
	}
	return data, err
}

// why returns the reason of an error without the file's name.
func why(err error) string {
	var named *namedfile.Error
	if errors.As(err, &named) {
		return named.Why
	}
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
