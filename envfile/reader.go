package envfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/namedfile"
)

const (
	defaultMaxSize = 1 << 20 // bytes of a document, its last newline aside
	hugeSize       = 1 << 40 // no MaxSize is above it
	maxFiles       = 1000    // files of a directory that is one document
	maxReads       = 64      // reads of one provider that may hang at once
	maxName        = 4096    // bytes of a name
	maxSegments    = 256     // of a name
)

// settling is how long a read waits before each further try while the file
// system is between two states.
var settling = []time.Duration{0, 0, 0, 0, time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond, 8 * time.Millisecond, 16 * time.Millisecond, 32 * time.Millisecond}

// grace is how long a read waits, after its time is up, for what ends by
// itself.
const grace = 600 * time.Millisecond

// truncated is how long an empty file is taken for one whose writer has
// emptied it and is about to fill it.
const truncated = 50 * time.Millisecond

type readerOptions struct {
	perm    Perm
	private bool  // a dotenv: refused if it is ours and others can read it
	strict  bool  // a dotenv that nobody named: refused if another user can have put it there
	piped   bool  // a pipe that is given by its whole path is read, once
	trim    bool  // drop one trailing newline
	maxSize int64 // bytes; 0: defaultMaxSize
	logger  *slog.Logger
}

func (o readerOptions) validate() error {
	switch {
	case o.perm != "" && o.perm != PermAny && o.perm != PermPrivate:
		return fault.New(secrets.ErrInvalid, "option perm is any or private, not "+strconv.Quote(string(o.perm)), nil)
	case o.maxSize < 0 || o.maxSize > hugeSize:
		return fault.New(secrets.ErrInvalid, "MaxSize is a number of bytes from 0 to 1 TiB", nil)
	}
	return nil
}

// A reader reads regular files of bounded size, and directories of them, each
// as it was at one moment.
type reader struct {
	readerOptions
	slots  chan struct{} // one for each read under way, hanging ones included
	warned sync.Map      // what one warning was written for
	pipes  pipes
}

func newReader(o readerOptions) *reader {
	if o.maxSize == 0 {
		o.maxSize = defaultMaxSize
	}
	return &reader{readerOptions: o, slots: make(chan struct{}, maxReads)}
}

// content is what was found at a place.
type content struct {
	path    string
	modTime time.Time
	data    []byte            // of a file
	dir     bool              // it is a directory, with these files:
	files   map[string]string // file name → text; files that are no text are left out
}

// read returns what is at p. It returns when ctx ends even if the file system
// hangs; the read then ends when the file system lets it.
func (r *reader) read(ctx context.Context, p place) (content, error) {
	hanging := func() error {
		return fault.New(secrets.ErrUnavailable, "reading "+strconv.Quote(p.path())+" was not done in time (does the file system hang?)", ctx.Err())
	}
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return content{}, hanging()
	}
	type result struct {
		content
		error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-r.slots }()
		defer func() {
			if recover() != nil { // the caller's recover does not reach here
				done <- result{error: fault.New(secrets.ErrUnavailable, "reading "+strconv.Quote(p.path())+" ended in a panic", nil)}
			}
		}()
		c, piped, err := r.pipe(ctx, p)
		if !piped {
			c, err = r.settle(ctx, p)
		}
		done <- result{c, err}
	}()
	select {
	case res := <-done:
		return res.content, res.error
	case <-ctx.Done():
	}
	select { // a pipe says more of why it is late
	case res := <-done:
		return res.content, res.error
	case <-time.After(grace):
		return content{}, hanging()
	}
}

// settle reads p until it is at rest.
func (r *reader) settle(ctx context.Context, p place) (c content, err error) {
	if len(p.name) > maxName || strings.Count(p.name, "/") >= maxSegments {
		e := fault.New(secrets.ErrInvalid, "a name of "+strconv.Itoa(len(p.name))+" bytes and "+strconv.Itoa(1+strings.Count(p.name, "/"))+" segments is longer than that of any file", nil)
		e.CannotSpell = true
		return content{}, e
	}
	if !filepath.IsLocal(filepath.FromSlash(p.name)) || strings.IndexByte(p.name, 0) >= 0 {
		return content{}, unspellable(p.name, p.dir)
	}
	for try := 0; ; try++ {
		var unsettled error
		c, unsettled, err = r.once(p)
		if p.whole && isEscape(err) {
			// Links of a path that was given whole are part of what was given.
			if real, e := filepath.EvalSymlinks(p.path()); e == nil {
				at := placeOf(real)
				at.only, at.file = p.only, p.file
				c, unsettled, err = r.once(at)
			}
		}
		if unsettled == nil {
			return c, err
		}
		if try >= 2*len(settling) || (try >= len(settling) && unsettled != errSwapped) {
			break
		}
		select {
		case <-time.After(settling[min(try, len(settling)-1)]):
		case <-ctx.Done():
			return content{}, contextError(ctx)
		}
	}
	if err == nil && c.path == "" {
		err = fault.New(secrets.ErrUnavailable, strconv.Quote(p.path())+" kept changing while it was read, or is behind a ..data that leads nowhere", nil)
	}
	return c, err
}

// Why a read is tried again.
var (
	errSwapped = errors.New("changed while it was read")
	errWriting = errors.New("being written") // what was read stands if it stays so
)

// once reads p. A non-nil unsettled says that the outcome may be of no one
// moment, or of one that will pass.
func (r *reader) once(p place) (c content, unsettled, err error) {
	v, err := openView(p.dir)
	if errors.Is(err, fs.ErrPermission) {
		return r.unlisted(p, err)
	}
	if err != nil {
		missing := p
		if !p.whole {
			missing.name = "."
		}
		if fi, e := os.Stat(p.dir); e == nil && !fi.IsDir() && !p.whole {
			return content{}, nil, fault.New(secrets.ErrInvalid, strconv.Quote(missing.path())+" is a file, and names are looked for in a directory; refer to the file itself, or to the directory that it is in", nil)
		}
		return content{}, nil, classify(err, missing.path(), p.dir)
	}
	defer v.close()
	path := p.path()
	fi, err := v.walk(p.name)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return r.unlisted(p, err)
	case err != nil:
		err = classify(err, path, p.dir)
		if isNotFound(err) && v.dangling() {
			err = fault.New(secrets.ErrNotFound, strconv.Quote(path)+" is a link to what does not exist", nil)
			unsettled = errWriting
		}
	case fi.IsDir() && p.file:
		err = fault.New(secrets.ErrInvalid, strconv.Quote(path)+" is a directory, not a file", nil)
	case fi.IsDir():
		c, unsettled, err = r.directory(v, p)
	default:
		c.path = path
		c.data, c.modTime, unsettled, err = r.file(v, v.rel, path, p.dir, r.maxSize)
	}
	if err != nil && v.swapped() {
		// What failed was a version that is gone. (One that was read whole
		// stands: it was current when it was opened.)
		return content{}, errSwapped, nil
	}
	return c, unsettled, err
}

// directory reads the files of the directory that v is at, which is p.
func (r *reader) directory(v *view, p place) (c content, unsettled, err error) {
	path, base := p.path(), p.dir
	v.enterData()
	names := p.only
	if names == nil {
		if names, err = v.files(); err != nil {
			return content{}, nil, classify(err, path, base)
		}
	}
	if v.swapped() {
		// The listing may be of a version half removed.
		return content{}, errSwapped, nil
	}
	if len(names) > maxFiles {
		return content{}, nil, fault.New(secrets.ErrInvalid, strconv.Quote(path)+" holds more than "+strconv.Itoa(maxFiles)+" files, too many for one document", nil)
	}
	c = content{path: path, dir: true, files: make(map[string]string, len(names))}
	left := r.maxSize
	found, dangling := false, ""
	for _, name := range names {
		file := filepath.Join(path, name)
		data, modTime, wait, err := r.file(v, v.join(name), file, base, left)
		switch {
		case errors.Is(err, errNotRegular) && p.only == nil:
			continue
		case errors.Is(err, errTooLarge) && p.only == nil && len(names) > 1 && r.alone(v, name):
			// A keystore or a dump beside the secrets; it can be asked for by name,
			// and what is told then is why it is not there.
			continue
		case isEscape(err) && p.only == nil:
			e := fault.New(secrets.ErrInvalid, strconv.Quote(file)+" is a link that leads out of "+strconv.Quote(base)+"; "+mendEscape, err)
			e.Quiet = true
			return content{}, wait, e
		case isNotFound(err):
			if v.swapped() {
				return content{}, errSwapped, nil
			}
			if isLink(v.root, v.join(name)) {
				unsettled = errWriting // made before what it points to, perhaps
				dangling = name
			}
			continue
		case err != nil:
			return content{}, wait, err
		}
		if wait != nil {
			unsettled = wait
		}
		found = true
		left -= int64(len(data))
		if modTime.After(c.modTime) {
			c.modTime = modTime
		}
		if isText(data) {
			c.files[name] = string(data)
		}
	}
	if !v.behindData && v.moved() {
		return content{}, errSwapped, nil
	}
	switch {
	case len(c.files) > 0:
		return c, unsettled, nil
	case found:
		err = fault.New(secrets.ErrNotFound, strconv.Quote(path)+" holds no text file; ask for its files by their names", nil)
	case dangling != "":
		err = fault.New(secrets.ErrNotFound, strconv.Quote(path)+" holds links to what does not exist, "+strconv.Quote(dangling)+" for one, and no files", nil)
	default:
		err = fault.New(secrets.ErrNotFound, strconv.Quote(path)+" is a directory without files", nil)
	}
	return content{}, unsettled, err
}

// alone reports whether a file is too large for a document all by itself.
func (r *reader) alone(v *view, name string) bool {
	fi, err := v.root.Stat(v.join(name))
	return err == nil && fi.Size() > r.maxSize+2
}

// errNotRegular is the cause of an error about what is no regular file.
var errNotRegular = errors.New("not a regular file")

// file reads one regular file of at most limit bytes.
func (r *reader) file(v *view, rel, path, base string, limit int64) (data []byte, modTime time.Time, unsettled, err error) {
	fail := func(err error) ([]byte, time.Time, error, error) { return nil, time.Time{}, nil, err }
	// Opening a FIFO waits for its writer and opening a device may do
	// anything, so look first. What takes the file's place between the two is
	// opened without waiting, and looked at again.
	fi, err := v.root.Stat(rel)
	if err != nil {
		return fail(classify(err, path, base))
	}
	if !fi.Mode().IsRegular() {
		return fail(notRegular(path, fi.Mode()))
	}
	f, err := v.root.OpenFile(rel, namedfile.OpenFlags, 0)
	if err != nil {
		return fail(classify(err, path, base))
	}
	defer f.Close()
	data, after, unsettled, err := r.opened(f, path, base, v.dataDir, limit)
	if err != nil {
		return fail(err)
	}
	v.read = append(v.read, readFile{rel, after})
	return data, after.ModTime(), unsettled, nil
}

// opened reads an open file of at most limit bytes, if it may be read.
func (r *reader) opened(f *os.File, path, base string, dataDir fs.FileInfo, limit int64) (data []byte, after fs.FileInfo, unsettled, err error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, nil, nil, classify(err, path, base)
	}
	if !fi.Mode().IsRegular() {
		return nil, nil, nil, notRegular(path, fi.Mode())
	}
	newline := int64(0)
	if r.trim {
		newline = 2
	}
	if fi.Size() > limit+newline {
		return nil, nil, nil, r.tooLarge(path)
	}
	if err := r.trust(path, fi); err != nil {
		return nil, nil, nil, err
	}
	if err := r.permit(path, f, fi, dataDir); err != nil {
		return nil, nil, nil, err
	}
	looked := time.Now() // before the read: the process may be stopped at any point
	data, err = io.ReadAll(io.LimitReader(f, limit+newline+1))
	if err != nil {
		return nil, nil, nil, classify(err, path, base)
	}
	if after, err = f.Stat(); err != nil {
		return nil, nil, nil, classify(err, path, base)
	}
	if after.Size() != fi.Size() || !after.ModTime().Equal(fi.ModTime()) {
		unsettled = errSwapped
	} else if len(data) == 0 && emptied(after.ModTime(), looked, time.Now()) {
		unsettled = errWriting
	}
	if r.trim {
		data = trimNewline(data)
	}
	if int64(len(data)) > limit {
		return nil, nil, nil, r.tooLarge(path)
	}
	return data, after, unsettled, nil
}

// errTooLarge is the cause of an error about a file that makes a document too
// large.
var errTooLarge = errors.New("too large")

func (r *reader) tooLarge(path string) error {
	e := fault.New(secrets.ErrInvalid, strconv.Quote(path)+" makes the document larger than "+strconv.FormatInt(r.maxSize, 10)+" bytes; option max allows for more", errTooLarge)
	e.Quiet = true
	return e
}

// emptied reports whether an empty file was being written when it was looked
// at. What counts is its age then, not now: its writer has gone on while this
// process was stopped. A time yet to come is of another clock.
func emptied(modTime, looked, now time.Time) bool {
	return looked.Sub(modTime) < truncated && !modTime.After(now)
}

// trimNewline drops one trailing newline.
func trimNewline(data []byte) []byte {
	if n := len(data); n > 0 && data[n-1] == '\n' {
		data = data[:n-1]
		if n > 1 && data[n-2] == '\r' {
			data = data[:n-2]
		}
	}
	return data
}

func notRegular(path string, mode fs.FileMode) error {
	e := fault.New(secrets.ErrInvalid, strconv.Quote(path)+" is "+namedfile.Kind(mode)+"; only regular files are read (envfile:// and _FILE variables read a pipe, too)", errNotRegular)
	e.Quiet = true
	return e
}
