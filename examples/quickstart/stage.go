package main

import (
	"errors"
	"os"
	"path/filepath"
)

// The values that must not be printed.
const (
	stripeKey   = "sk_test_quickstart"
	oldPassword = "correct-horse"
	newPassword = "battery-staple"
)

// A stage is what a deployment provides: a .env, a mounted secret that is laid
// out as kubelet does it, and SECRETS_URL, which says where names are looked
// for. The working directory moves there, so that the paths are short.
//
//	.env
//	secrets/db/password -> ..data/password
//	secrets/db/..data -> ..1
//	secrets/db/..1/password
type stage struct {
	dir   string
	mount string // of the secret db
	back  string // the working directory before
}

func newStage() (*stage, error) {
	back, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "quickstart-")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir, back: back, mount: filepath.Join(dir, "secrets", "db")}
	err = inOrder(
		func() error {
			return os.WriteFile(filepath.Join(dir, ".env"), []byte("STRIPE_KEY="+stripeKey+"\n"), 0o600)
		},
		func() error { return s.write("..1", oldPassword) },
		func() error { return os.Symlink("..1", filepath.Join(s.mount, "..data")) },
		func() error {
			return os.Symlink(filepath.Join("..data", "password"), filepath.Join(s.mount, "password"))
		},
		func() error { return os.Chdir(dir) },
		func() error { return os.Setenv("SECRETS_URL", "envfile://.env file://secrets") },
	)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// write makes a directory with one version of the secret.
func (s *stage) write(version, password string) error {
	dir := filepath.Join(s.mount, version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "password"), []byte(password+"\n"), 0o644)
}

// rotate puts a new version beside the old one and moves the link ..data to it
// in one step, as kubelet does, so that no reader sees half of it.
func (s *stage) rotate() error {
	next := filepath.Join(s.mount, "..data_tmp")
	return inOrder(
		func() error { return s.write("..2", newPassword) },
		func() error { return os.Symlink("..2", next) },
		func() error { return os.Rename(next, filepath.Join(s.mount, "..data")) },
		func() error { return os.RemoveAll(filepath.Join(s.mount, "..1")) },
	)
}

// close takes the stage down.
func (s *stage) close() error {
	return errors.Join(os.Chdir(s.back), os.RemoveAll(s.dir))
}

// inOrder takes steps until one fails.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
