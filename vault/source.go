package vault

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// A Source yields a credential. It is asked at every login and before one is
// tried again, so that one that was replaced is noticed; it may be asked more
// often than there are logins. A func prints as an address, never as what it
// yields.
type Source func() (string, error)

// Text is a Source that always yields the same.
func Text(credential string) Source {
	return func() (string, error) { return credential, nil }
}

// File is a Source that reads a file each time it is asked, and drops white
// space around its content.
func File(path string) Source {
	return func() (string, error) {
		data, err := os.ReadFile(path)
		if err != nil {
			msg := "a credential file cannot be read"
			if path == ServiceAccountFile {
				msg = "the service account's token cannot be read (outside a pod, name a file with ?jwt_file=)"
			}
			return "", unauthenticated(msg, err)
		}
		text := strings.TrimSpace(string(data))
		if text == "" {
			return "", unauthenticated("the credential file "+path+" is empty", nil)
		}
		return text, nil
	}
}

// fileToken is the source of a token that something else writes to a file: an
// agent's sink, or vault login. The file is read again when it has changed.
func fileToken(path string) func() (string, error) {
	var (
		mu   sync.Mutex
		last os.FileInfo
		text string
	)
	read := File(path)
	return func() (string, error) {
		info, err := os.Stat(path)
		if err != nil {
			return "", unauthenticated("the token file cannot be read", err)
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

// homeToken is where vault login leaves its token.
func homeToken() (path string, ok bool) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", false
	}
	path = filepath.Join(home, ".vault-token")
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular()
}
