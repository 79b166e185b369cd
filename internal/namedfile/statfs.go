//go:build linux || darwin

package namedfile

import (
	"os"
	"syscall"
)

// statfs describes the file system that f is on; ok is false if that is not known.
func statfs(f *os.File) (st syscall.Statfs_t, ok bool) {
	conn, err := f.SyscallConn()
	if err != nil {
		return st, false
	}
	err = conn.Control(func(fd uintptr) { ok = syscall.Fstatfs(int(fd), &st) == nil })
	return st, ok && err == nil
}
