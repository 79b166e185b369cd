package envfile

import (
	"io/fs"
	"log/slog"
	"os"
	"strconv"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// Perm says which files are read, judged by their permissions. Windows' access
// control is not looked at.
type Perm string

const (
	// PermDefault refuses a file that others can write, unless its mount is
	// read-only, and a dotenv that group or others can read, if it is this
	// user's own and on no volume.
	PermDefault Perm = ""
	// PermAny reads every file.
	PermAny Perm = "any"
	// PermPrivate refuses every file that group or others can read or write.
	PermPrivate Perm = "private"
)

const (
	othersRead   fs.FileMode = 0o044 // group or others
	othersAccess fs.FileMode = 0o066 // group or others
)

// permit decides whether a file may be read. dataDir is the directory that
// the ..data on the way to it resolves to; nil: there was none.
func (r *reader) permit(path string, f *os.File, fi, dataDir fs.FileInfo) error {
	if !namedfile.HasModes || r.perm == PermAny {
		return nil
	}
	v := verdict(r.perm, r.private, fi, dataDir, func() namedfile.Mount { return namedfile.MountOf(f) })
	if v.warn {
		r.warn(path, fi.Mode())
	}
	if v.refuse == "" {
		return nil
	}
	what := strconv.Quote(path)
	mode := fi.Mode()
	if v.directory {
		what, mode = "the directory that ..data leads to from "+what, dataDir.Mode()
	}
	return fault.New(secrets.ErrInvalid, what+" "+v.refuse+" (mode "+namedfile.Octal(mode)+"); run chmod "+v.mend+" on it, or set option perm=any", nil)
}

// A judgement is what permit makes of a file.
type judgement struct {
	refuse    string // why; empty: not refused
	mend      string // chmod's argument
	directory bool   // it is about the ..data directory
	warn      bool
}

// verdict applies the rules. Kubernetes volumes must pass: their files are
// 0644, their mount's root is 1777 or 0777, so a directory counts only if
// ..data leads to it.
func verdict(perm Perm, private bool, fi, dataDir fs.FileInfo, mount func() namedfile.Mount) judgement {
	mode := fi.Mode().Perm()
	if perm == PermPrivate && mode&othersAccess != 0 {
		return judgement{refuse: "can be read or written by others than its owner", mend: "600"}
	}
	if mode&namedfile.OthersWrite != 0 && !mount().ReadOnly {
		return judgement{refuse: "can be written by every user", mend: "o-w"}
	}
	if dataDir != nil && dataDir.Mode().Perm()&namedfile.OthersWrite != 0 && !mount().ReadOnly {
		return judgement{refuse: "can be written by every user", mend: "o-w", directory: true}
	}
	if !private || mode&othersRead == 0 {
		return judgement{}
	}
	if m := mount(); namedfile.Ours(fi) && dataDir == nil && !m.ReadOnly && !m.Memory {
		return judgement{refuse: "can be read by others than its owner", mend: "600"}
	}
	return judgement{warn: true}
}

// warn writes one warning for each file.
func (r *reader) warn(path string, mode fs.FileMode) {
	if _, again := r.warned.LoadOrStore(path, true); again {
		return
	}
	logger := r.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.Warn("secrets: a dotenv file can be read by others than its owner", "path", path, "mode", namedfile.Octal(mode))
}
