package envfile

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// DirOptions configures [NewDir]. The zero value works.
type DirOptions struct {
	// Format is how files become documents.
	Format Format
	// KeepNewline keeps the newline that a file ends in; by default exactly
	// one is dropped.
	KeepNewline bool
	// Perm says which files are read.
	Perm Perm
	// MaxSize is the most bytes that a document may have; 0: 1 MiB.
	MaxSize int64
}

// Dir reads secrets from the files below a directory. It is safe for
// concurrent use.
type Dir struct {
	dir    string // of NewDir; empty: each Ref says where
	format Format
	files  *reader
	watch  hub
	err    error // what is wrong with the options
}

var (
	_ secrets.ListProvider  = (*Dir)(nil)
	_ secrets.WatchProvider = (*Dir)(nil)
)

// NewDir returns a provider that reads the files below dir, what file:// opens.
// What is wrong with its arguments is an error of class [secrets.ErrInvalid]
// from every method; whether dir exists is seen at each read.
func NewDir(dir string, o DirOptions) *Dir {
	d := openDir(o)
	d.dir = dir
	if dir == "" {
		d.err = errors.Join(d.err, fault.New(secrets.ErrInvalid, "no directory is given", nil))
	}
	d.err = errors.Join(d.err, checkPath("NewDir", dir))
	return d
}

func openDir(o DirOptions) *Dir {
	files := readerOptions{perm: o.Perm, trim: !o.KeepNewline, maxSize: o.MaxSize}
	return &Dir{format: o.Format, files: newReader(files), err: errors.Join(files.validate(), o.Format.validate())}
}

// Fetch reads the file of that name, or, if a directory has it, the
// directory's files as one JSON object.
func (d *Dir) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	if err := errors.Join(d.err, contextError(ctx)); err != nil {
		return secrets.Value{}, err
	}
	p, err := d.place(ref)
	if err != nil {
		return secrets.Value{}, err
	}
	c, err := d.files.read(ctx, p)
	if err != nil {
		return secrets.Value{}, err
	}
	return document(c, d.format, d.files.maxSize)
}

// place returns where the document of ref is: below the provider's directory
// or the base, or, of a reference, at the whole path.
func (d *Dir) place(ref secrets.Ref) (place, error) {
	p := place{dir: d.dir, name: ref.Join()}
	switch {
	case d.dir != "":
	case ref.Base != "" && ref.Path != "":
		p = place{dir: osPath(ref.Base), name: ref.Path}
	case ref.IsName() && ref.Base == "", ref.Join() == "":
		return place{}, errNoPath("file")
	case strings.IndexByte(ref.Join(), 0) >= 0:
		return place{}, unspellable(ref.Join(), "/")
	default:
		return placeOf(ref.Join()), nil
	}
	for segment := range strings.SplitSeq(p.name, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return place{}, fault.New(secrets.ErrInvalid, "the name "+strconv.Quote(p.name)+" has a segment that is empty, . or ..; names stay below "+strconv.Quote(p.dir), nil)
		}
	}
	return p, nil
}

// Watch calls changed when what Fetch would return changes: by a swapped
// ..data, a rename over the file, a write in place, of a file that was mounted
// by itself as well; also for a file that does not exist yet. Some network
// mounts send no events; those changes are seen when they are polled. If the
// system refuses to watch, having no watches left, Watch returns an error of
// class [secrets.ErrUnavailable] with a method PollsEvery() time.Duration, and
// the document is compared every 30 seconds until ctx ends; the log says so
// once.
func (d *Dir) Watch(ctx context.Context, ref secrets.Ref, changed func()) error {
	if err := errors.Join(d.err, contextError(ctx)); err != nil {
		return err
	}
	p, err := d.place(ref)
	if err != nil {
		return err
	}
	return d.watch.add(ctx, func() []place { return []place{p} }, digestOf(d, ref), changed)
}

// Close ends what Watch has started.
func (d *Dir) Close() error { return d.watch.close() }

// List yields the files whose path starts with prefix, in the order of their
// names, directory by directory. Links that lead out of the directory, and
// the AtomicWriter's own names (which start with two dots), are left out.
func (d *Dir) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := errors.Join(d.err, contextError(ctx)); err != nil {
			yield("", err)
			return
		}
		l := lister{ctx: ctx, yield: yield}
		if d.dir != "" {
			l.list(d.dir, "", prefix)
		} else {
			l.listPath(prefix)
		}
		if l.err != nil && !l.stopped {
			yield("", l.err)
		}
	}
}

// A lister walks directories for names that start with a prefix.
type lister struct {
	ctx     context.Context
	yield   func(string, error) bool
	stopped bool  // the caller wants no more
	err     error // the first failure; told last
}

// listPath lists what starts with prefix where no directory is given beside.
// Of /run/secrets it does not know whether a directory is meant or the start
// of a name in /run, so it lists both.
func (l *lister) listPath(prefix string) {
	if prefix == "" {
		l.err = fault.New(secrets.ErrInvalid, "no directory is given", nil)
		return
	}
	dir, start := path.Split(prefix)
	if start == "" {
		l.list(osPath(dir), prefix, "")
		if isNotFound(l.err) {
			l.err = nil // as is a prefix that nothing starts with
		}
		return
	}
	isDir := false
	if fi, err := os.Stat(osPath(prefix)); err == nil && fi.IsDir() {
		isDir = true
		l.list(osPath(prefix), prefix+"/", "")
	}
	beside := &lister{ctx: l.ctx, stopped: l.stopped, yield: func(name string, err error) bool {
		if isDir && strings.HasPrefix(name, prefix+"/") {
			return true
		}
		return l.yield(name, err)
	}}
	parent := dir
	if parent == "" {
		parent = "."
	}
	if !l.stopped {
		beside.list(osPath(parent), dir, start)
	}
	l.stopped = l.stopped || beside.stopped
	if !isDir && !isNotFound(beside.err) {
		l.err = beside.err
	}
}

// list yields shown plus the name of every file below dir whose name starts
// with start.
func (l *lister) list(dir, shown, start string) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		l.err = classify(err, dir, dir)
		return
	}
	defer root.Close()
	l.walk(root, ".", nil, shown, start)
}

// walk lists the directory rel and those below it. above holds the directories
// that rel is in, so that a link to one of them ends the walk.
func (l *lister) walk(root *os.Root, rel string, above []fs.FileInfo, shown, start string) {
	fail := func(err error) {
		if l.err == nil {
			l.err = classify(err, filepath.Join(root.Name(), rel), root.Name())
		}
	}
	f, err := root.Open(rel)
	if err != nil {
		fail(err)
		return
	}
	self, err := f.Stat()
	entries, err2 := f.ReadDir(-1)
	_ = f.Close()
	if err := errors.Join(err, err2); err != nil {
		fail(err)
		return
	}
	if slices.ContainsFunc(above, func(fi fs.FileInfo) bool { return os.SameFile(fi, self) }) {
		return
	}
	above = append(slices.Clip(above), self)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		if l.err == nil {
			l.err = contextError(l.ctx)
		}
		if l.stopped || l.ctx.Err() != nil {
			return
		}
		name := path.Join(rel, e.Name())
		inside := strings.HasPrefix(name, start)
		onTheWay := strings.HasPrefix(start, name+"/")
		if strings.HasPrefix(e.Name(), "..") || !inside && !onTheWay {
			continue
		}
		fi, err := root.Stat(name)
		switch {
		case err != nil: // a link to nothing, or out of the directory
		case fi.IsDir():
			l.walk(root, name, above, shown, start)
		case fi.Mode().IsRegular() && inside:
			l.stopped = l.stopped || !l.yield(shown+name, nil)
		}
	}
}

// openFile opens file://.
func openFile(_ context.Context, base secrets.Ref) (secrets.Provider, error) {
	o := DirOptions{Format: Format(base.Options["format"]), Perm: Perm(base.Options["perm"])}
	var err error
	if o.MaxSize, err = sizeOption(base.Options); err != nil {
		return nil, err
	}
	switch trim, given := base.Options["trim"]; {
	case !given, trim == "newline":
	case trim == "none":
		o.KeepNewline = true
	default:
		return nil, fault.New(secrets.ErrInvalid, "option trim of file:// is newline or none, not "+strconv.Quote(trim), nil)
	}
	d := openDir(o)
	return d, d.err
}
