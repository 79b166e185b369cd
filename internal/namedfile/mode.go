package namedfile

import (
	"io/fs"
	"os"
	"strconv"
)

// OthersWrite is the bit of a mode by which every user can write.
const OthersWrite fs.FileMode = 0o002

// A Mount describes the file system that a file is on.
type Mount struct {
	ReadOnly bool
	Memory   bool // tmpfs, as kubelet and Docker use for secrets
}

// Octal returns the permission bits as chmod takes them.
func Octal(mode fs.FileMode) string {
	return "0" + strconv.FormatUint(uint64(mode.Perm()), 8)
}

// Ours reports whether a file belongs to the user of this process.
func Ours(fi fs.FileInfo) bool {
	uid, ok := Owner(fi)
	return ok && uid == os.Geteuid()
}
