package gcp

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

// readNamed reads a file that configuration names.
func readNamed(_ context.Context, name string) ([]byte, error) {
	fi, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("not a regular file")}
	}
	f, err := os.Open(name) // #nosec G304 -- configuration names it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}
