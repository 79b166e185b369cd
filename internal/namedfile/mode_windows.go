package namedfile

import (
	"io/fs"
	"os"
)

// HasModes says that the permission bits of a file mean nothing here: its access
// list decides.
const HasModes = false

// OpenFlags open a file for reading.
const OpenFlags = os.O_RDONLY

// Owner reports false here: the user of a file is not known.
func Owner(fs.FileInfo) (uid int, ok bool) { return 0, false }

// MountOf returns the zero Mount here: the file system is not known.
func MountOf(*os.File) Mount { return Mount{} }
