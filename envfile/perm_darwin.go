package envfile

import "os"

// mntReadOnly is MNT_RDONLY of statfs(2).
const mntReadOnly = 0x1

// mountOf returns what f is on.
func mountOf(f *os.File) mountInfo {
	st, ok := statfs(f)
	name := make([]byte, 0, len(st.Fstypename))
	for _, c := range st.Fstypename {
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	return mountInfo{
		readOnly: ok && st.Flags&mntReadOnly != 0,
		memory:   ok && string(name) == "tmpfs",
	}
}
