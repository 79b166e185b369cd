//go:build unix

package vaultbin

import (
	"os"
	"syscall"
)

// lockFile waits until no other process holds f. Closing f releases it.
func lockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }
