package envfile

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
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
	what, mode := strconv.Quote(path), fi.Mode()
	if v.directory {
		what, mode = "the directory that ..data leads to from "+what, dataDir.Mode()
	}
	return refusal(what, v, mode)
}

func refusal(what string, v judgement, mode fs.FileMode) error {
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

// trust decides whether a dotenv of another user is believed. One that nobody
// named, in a directory that every user can write, may be anybody's bait.
// Elsewhere the directory's owner let it be there: one warning is logged.
func (r *reader) trust(path string, fi fs.FileInfo) error {
	if !namedfile.HasModes || !r.private || r.perm == PermAny {
		return nil
	}
	foreign := isForeign(fi)
	if link, err := os.Lstat(path); err == nil && isForeign(link) {
		foreign = true
	}
	if !foreign {
		return nil
	}
	dir := filepath.Dir(path)
	if in, err := os.Stat(dir); r.strict && (err != nil || in.Mode().Perm()&namedfile.OthersWrite != 0) {
		return fault.New(secrets.ErrInvalid, strconv.Quote(path)+" belongs to another user, and "+strconv.Quote(dir)+" can be written by every user, so it is not read unasked; set SECRETS_URL=\"env:// envfile://.env\" if you trust it", nil)
	}
	uid, _ := namedfile.Owner(fi)
	r.warnOnce("secrets: a dotenv file belongs to another user", path, "owner", strconv.Itoa(uid))
	return nil
}

// isForeign reports whether a file belongs to neither this user nor root.
func isForeign(fi fs.FileInfo) bool {
	uid, ok := namedfile.Owner(fi)
	return ok && uid != 0 && uid != os.Geteuid()
}

// warn writes one warning for each file.
func (r *reader) warn(path string, mode fs.FileMode) {
	r.warnOnce("secrets: a dotenv file can be read by others than its owner", path, "mode", namedfile.Octal(mode))
}

func (r *reader) warnOnce(message, path, key, value string) {
	if _, again := r.warned.LoadOrStore(message+path, true); again {
		return
	}
	logger := r.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.Warn(message, "path", path, key, value)
}
