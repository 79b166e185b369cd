//go:build unix

package envfile

import (
	"io/fs"
	"syscall"
)

// An identity is that of a file or directory, whatever path leads to it: what
// is mounted at two places is the same at both.
type identity struct{ device, inode uint64 }

// identityOf returns the identity of what fi tells of; zero: unknown.
func identityOf(fi fs.FileInfo) identity {
	if fi == nil {
		return identity{}
	}
	at, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}
	return identity{uint64(at.Dev), at.Ino}
}
