package namedfile

import (
	"io/fs"
	"os"
)

// HasModes says that the permission bits of a file say nothing: what counts
// here is its access list.
const HasModes = false

// OpenFlags open a file for reading.
const OpenFlags = os.O_RDONLY

// Owner knows nothing of users here.
func Owner(fs.FileInfo) (uid int, ok bool) { return 0, false }

// MountOf knows nothing of the file system here.
func MountOf(*os.File) Mount { return Mount{} }
