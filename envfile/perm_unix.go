//go:build unix

package envfile

import (
	"io/fs"
	"os"
	"syscall"
)

// hasModes: the permission bits of a file mean what they say.
const hasModes = true

// openFlags open a file without waiting, should it be a FIFO by now.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

// owned reports whether the file belongs to the user of this process.
func owned(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
