package vault

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// A Source yields a credential. It is asked at every login and before one is
// tried again, so that one that was replaced is noticed; it may be asked more
// often than there are logins. A func prints as an address, never as what it
// yields.
type Source func() (string, error)

// ask asks a source, and leaves it behind when ctx ends: it may read a pipe, or
// a file system that hangs.
func ask(ctx context.Context, source Source) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		r := result{err: unavailable("the source of a credential panicked", nil)} // also if it calls runtime.Goexit
		defer func() {
			_ = recover() // what it panicked with may be anything
			done <- r
		}()
		text, err := source()
		if err != nil && !classed(err) {
			err = unavailable("the source of a credential failed", err)
		}
		r = result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return "", unavailable("the credential was not read in time: is its file a pipe that nobody writes to, or its file system away?", context.Cause(ctx))
	}
}

// classed reports whether an error has a class of its own.
func classed(err error) bool {
	return slices.ContainsFunc([]error{
		secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrInvalid, secrets.ErrClosed,
	}, func(class error) bool { return errors.Is(err, class) })
}

// Text is a Source that always yields the same.
func Text(credential string) Source {
	return func() (string, error) { return credential, nil }
}

// File is a Source that reads a file each time it is asked, and drops white
// space around its content. A pipe is read once, and what came out of it is
// yielded from then on. A file that every user can write is refused.
func File(path string) Source { return fileOf("the file of a credential", path) }

// fileOf is File for what names the file: an option, a variable. A name that
// is none, such as the credential itself, is not in the errors.
func fileOf(what, path string) Source {
	var piped struct {
		sync.Mutex
		text string
	}
	return func() (string, error) {
		fi, err := os.Stat(path)
		if err == nil && namedfile.IsPipe(fi.Mode()) {
			piped.Lock()
			defer piped.Unlock() // who else asks waits for the same pipe
			if piped.text != "" {
				return piped.text, nil
			}
		}
		text, err := readCredential(what, path)
		if err == nil && fi != nil && namedfile.IsPipe(fi.Mode()) {
			piped.text = text
		}
		return text, err
	}
}

func readCredential(what, path string) (string, error) {
	data, err := namedfile.Read(context.Background(), path, namedfile.Options{})
	if err != nil {
		if path == ServiceAccountFile && errors.Is(err, fs.ErrNotExist) {
			what = "the service account's token (outside a pod, name a file with ?jwt_file=)"
		}
		return "", unauthenticated(what+" cannot be read", err)
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return "", unauthenticated(what+", "+namedfile.Show(path)+", is empty", nil)
	}
	return text, nil
}

// TokenFile is a [Source] of a token in a file, read again when it changes. The
// file holds the token as it is, or as JSON: what vault write -format=json
// prints of a login, or a response-wrapped token, as agents and -wrap-ttl write
// it, which is unwrapped once.
func TokenFile(path string) Source { return fileToken("the file of the token", path) }

// fileToken is the source of a token that something else writes to a file: an
// agent's sink, or vault login. The file is read again when it has changed.
func fileToken(what, path string) Source {
	var (
		mu   sync.Mutex
		last os.FileInfo
		text string
	)
	read := fileOf(what, path)
	return func() (string, error) {
		info, err := os.Stat(path)
		if err != nil { // whose text Read knows better, and without what is no name
			return read()
		}
		mu.Lock()
		defer mu.Unlock() // held across the read of a small local file, so that it is read once
		if last != nil && os.SameFile(last, info) && last.ModTime().Equal(info.ModTime()) && last.Size() == info.Size() {
			return text, nil
		}
		now, err := read()
		if err != nil {
			return "", err
		}
		last, text = info, now
		return now, nil
	}
}

// homeToken is where vault login and bao login leave their token, unless
// BAO_TOKEN_PATH says otherwise.
func homeToken() (path string, ok bool) {
	path = os.Getenv("BAO_TOKEN_PATH")
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", false
		}
		path = filepath.Join(home, ".vault-token")
	}
	info, err := os.Stat(path) // #nosec G703 -- the environment names it, and a value may not
	return path, err == nil && info.Mode().IsRegular()
}
