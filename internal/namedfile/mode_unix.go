//go:build unix

package namedfile

import (
	"io/fs"
	"os"
	"syscall"
)

// HasModes says that the permission bits of a file mean what they say.
const HasModes = true

// OpenFlags open a file without waiting, even if it has become a FIFO.
const OpenFlags = os.O_RDONLY | syscall.O_NONBLOCK

// Owner returns the user that a file belongs to; ok is false if that is not
// known.
func Owner(fi fs.FileInfo) (uid int, ok bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}
