package namedfile

import "os"

// mntReadOnly is MNT_RDONLY of statfs(2).
const mntReadOnly = 0x1

// MountOf describes the file system that f is on.
func MountOf(f *os.File) Mount {
	st, ok := statfs(f)
	name := make([]byte, 0, len(st.Fstypename))
	for _, c := range st.Fstypename {
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	return Mount{
		ReadOnly: ok && st.Flags&mntReadOnly != 0,
		Memory:   ok && string(name) == "tmpfs",
	}
}
