package namedfile

import "os"

// From statfs(2).
const (
	stReadOnly = 0x1
	tmpfsMagic = 0x01021994
	ramfsMagic = 0x858458f6
)

// MountOf describes the file system that f is on.
func MountOf(f *os.File) Mount {
	st, ok := statfs(f)
	kind := uint32(st.Type)
	return Mount{
		ReadOnly: ok && st.Flags&stReadOnly != 0,
		Memory:   ok && (kind == tmpfsMagic || kind == ramfsMagic),
	}
}
