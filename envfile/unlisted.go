package envfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-secrets/secrets/internal/namedfile"
)

// unlisted reads the file p where a directory on the way may be entered but
// not listed (mode 0711, as NixOS' agenix and sops-nix make them): [os.Root]
// opens directories, and cannot. denied is what it said.
//
// The links are followed first, and the file is held against what is at its
// real path after it was opened, so that a name stays below its directory here,
// too.
func (r *reader) unlisted(p place, denied error) (c content, unsettled, err error) {
	path := p.path()
	fail := func(err error) (content, error, error) { return content{}, nil, classify(err, path, p.dir) }
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fail(err)
	}
	if !p.whole {
		dir, err := filepath.EvalSymlinks(p.dir)
		if err != nil {
			return fail(err)
		}
		if dir, err = filepath.Abs(dir); err != nil {
			return fail(err)
		}
		if real != dir && !strings.HasPrefix(real, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator)) {
			return fail(&fs.PathError{Op: "open", Path: path, Err: errEscape})
		}
	}
	fi, err := os.Lstat(real)
	switch {
	case err != nil:
		return fail(err)
	case fi.IsDir():
		return fail(denied) // its files cannot be listed
	case !fi.Mode().IsRegular():
		return content{}, nil, notRegular(path, fi.Mode())
	}
	f, err := os.OpenFile(real, namedfile.OpenFlags, 0) // #nosec G304 -- configuration names the directory, and the path was found below it
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	data, after, unsettled, err := r.opened(f, path, p.dir, nil, r.maxSize)
	if err != nil {
		return content{}, nil, err
	}
	if now, err := os.Lstat(real); err != nil || !os.SameFile(now, after) {
		return content{}, errSwapped, nil
	}
	if again, err := filepath.EvalSymlinks(path); err != nil || again != real {
		return content{}, errSwapped, nil
	}
	return content{path: path, modTime: after.ModTime(), data: data}, unsettled, nil
}
