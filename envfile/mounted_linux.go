package envfile

import (
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// isMounted reports whether a file was mounted by itself, as Compose mounts
// secrets and Kubernetes a subPath: it is written elsewhere, by another path,
// and the directory that it is seen in is told nothing of that.
func isMounted(file string) bool {
	var at unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, file, unix.AT_SYMLINK_NOFOLLOW|unix.AT_STATX_DONT_SYNC, 0, &at)
	if err == nil && at.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return at.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
	}
	// Linux before 5.8, or a sandbox without statx: most often the file is on
	// another device than its directory.
	var is, in syscall.Stat_t
	return syscall.Lstat(file, &is) == nil && syscall.Stat(filepath.Dir(file), &in) == nil &&
		is.Mode&syscall.S_IFMT == syscall.S_IFREG && is.Dev != in.Dev
}
