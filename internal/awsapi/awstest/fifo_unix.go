//go:build unix

package awstest

import (
	"path/filepath"
	"syscall"
	"testing"
)

// fifo makes a pipe that nobody writes to, and returns its name.
func fifo(t testing.TB) string {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
