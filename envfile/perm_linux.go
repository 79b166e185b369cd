package envfile

import "os"

// From statfs(2).
const (
	stReadOnly = 0x1
	tmpfsMagic = 0x01021994
	ramfsMagic = 0x858458f6
)

// mountOf returns what f is on.
func mountOf(f *os.File) mountInfo {
	st, ok := statfs(f)
	kind := uint32(st.Type)
	return mountInfo{
		readOnly: ok && st.Flags&stReadOnly != 0,
		memory:   ok && (kind == tmpfsMagic || kind == ramfsMagic),
	}
}
