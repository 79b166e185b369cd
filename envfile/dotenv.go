package envfile

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// DotenvOptions configures [NewDotenv]. The zero value works.
type DotenvOptions struct {
	// Prefix is put before every variable: with "APP_", the name db/password
	// is looked for in APP_DB_PASSWORD.
	Prefix string
	// Perm says which files are read.
	Perm Perm
	// MaxSize is the most bytes that a file may have; 0: 1 MiB.
	MaxSize int64
	// Implicit says that nobody named this file, as the ./.env that is looked
	// for where SECRETS_URL is unset. If it belongs to another user and its
	// directory can be written by every user, it is refused, and no file is
	// read because a _FILE variable in it says so.
	Implicit bool
	// Logger is given one warning for each file that others can read, or that
	// belongs to another user, and that is not refused; nil: slog.Default().
	Logger *slog.Logger
}

// Dotenv reads secrets from a file of KEY=value lines, as it is at each read.
// It is safe for concurrent use.
type Dotenv struct {
	path   string // of NewDotenv; empty: each Ref says which file
	vars   variables
	dotenv *reader
	watch  hub
	err    error // what is wrong with the options
}

var (
	_ secrets.ListProvider  = (*Dotenv)(nil)
	_ secrets.WatchProvider = (*Dotenv)(nil)
)

// NewDotenv returns a provider that reads the dotenv file at path, what
// envfile:// opens. What is wrong with its arguments is an error of class
// [secrets.ErrInvalid] from every method; whether the file exists is seen at
// each read.
func NewDotenv(path string, o DotenvOptions) *Dotenv {
	d := openDotenv(o)
	d.path = path
	if path == "" {
		d.err = errors.Join(d.err, errNoDotenv)
	}
	d.err = errors.Join(d.err, checkPath("NewDotenv", path))
	return d
}

var errNoDotenv = fault.New(secrets.ErrInvalid, "no dotenv file is given; write envfile://.env, or envfile:///app/.env", nil)

func openDotenv(o DotenvOptions) *Dotenv {
	files := readerOptions{perm: o.Perm, private: true, strict: o.Implicit, piped: true, maxSize: o.MaxSize, logger: o.Logger}
	named := readerOptions{perm: o.Perm, piped: true, trim: true, maxSize: o.MaxSize}
	return &Dotenv{
		vars:   variables{prefix: o.Prefix, tree: true, strict: o.Implicit, files: newReader(named)},
		dotenv: newReader(files),
		err:    files.validate(),
	}
}

// Fetch reads the file and finds in it the variable that stands for the name,
// then the file that its _FILE variable names, then the variables below it.
// The document of a reference is the whole file, keys as written.
func (d *Dotenv) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	if err := errors.Join(d.err, contextError(ctx)); err != nil {
		return secrets.Value{}, err
	}
	path, name, err := d.split(ref)
	if err != nil {
		return secrets.Value{}, err
	}
	src, c, err := d.load(ctx, path)
	if err != nil {
		return secrets.Value{}, err
	}
	if name != "" {
		value, err := d.vars.fetch(ctx, src, name, true)
		if err == nil && value.Created.IsZero() {
			value.Created = c.modTime
		}
		return value, err
	}
	doc := make(map[string]string, len(src.vars))
	for variable, value := range src.vars {
		if key, ok := strings.CutPrefix(variable, d.vars.prefix); ok && key != "" {
			doc[key] = value
		}
	}
	if len(doc) == 0 {
		return secrets.Value{}, fault.New(secrets.ErrNotFound, src.String()+" sets no "+d.vars.prefix+"… variable", nil)
	}
	return secrets.Value{Data: jsonObject(doc), Created: c.modTime}, nil
}

// split tells the file of ref from the name in it; of a reference the name is
// empty.
func (d *Dotenv) split(ref secrets.Ref) (path, name string, err error) {
	switch {
	case d.path != "":
		return d.path, ref.Join(), nil
	case ref.Base != "":
		return ref.Base, ref.Path, nil
	case ref.Path == "" || ref.IsName():
		return "", "", errNoDotenv
	case strings.IndexByte(ref.Path, 0) >= 0:
		return "", "", unspellable(ref.Path, "/")
	}
	return ref.Path, "", nil
}

// load reads and parses the file.
func (d *Dotenv) load(ctx context.Context, path string) (dotenvVars, content, error) {
	p := placeOf(path)
	c, err := d.dotenv.read(ctx, p)
	if err == nil && c.dir {
		err = fault.New(secrets.ErrInvalid, strconv.Quote(c.path)+" is a directory; envfile:// reads one dotenv file, file:// directories", nil)
	}
	if err != nil {
		return dotenvVars{}, content{}, err
	}
	vars, err := parseDotenv(string(c.data))
	if err != nil {
		return dotenvVars{}, content{}, fault.New(secrets.ErrInvalid, strconv.Quote(c.path), err)
	}
	return dotenvVars{path: c.path, vars: vars}, c, nil
}

// List yields the names that the file's variables stand for. Their slashes are
// those of prefix: DB_PASSWORD is db_password below the empty prefix and
// db/password below db/.
func (d *Dotenv) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := errors.Join(d.err, contextError(ctx)); err != nil {
			yield("", err)
			return
		}
		path, shown, start := d.path, "", prefix
		if path == "" {
			path, shown, start = splitDotenvPrefix(prefix)
		}
		src, _, err := d.load(ctx, path)
		if err != nil {
			yield("", err)
			return
		}
		d.vars.list(src, start, func(name string, err error) bool { return yield(shown+name, err) })
	}
}

// splitDotenvPrefix finds the file at the start of a List prefix, .env/db/:
// the shortest one that exists.
func splitDotenvPrefix(prefix string) (path, shown, start string) {
	for i := 1; i <= len(prefix); i++ {
		if i < len(prefix) && prefix[i] != '/' {
			continue
		}
		fi, err := os.Stat(osPath(prefix[:i]))
		if err == nil && !fi.IsDir() {
			return prefix[:i], prefix[:i] + "/", strings.TrimPrefix(prefix[i:], "/")
		}
	}
	return prefix, prefix + "/", ""
}

// Watch calls changed when what Fetch would return changes, also once a file
// that does not exist yet does. It returns the errors of [Dir.Watch].
func (d *Dotenv) Watch(ctx context.Context, ref secrets.Ref, changed func()) error {
	if err := errors.Join(d.err, contextError(ctx)); err != nil {
		return err
	}
	path, name, err := d.split(ref)
	if err != nil {
		return err
	}
	places := func() []place {
		places := []place{placeOf(path)}
		if name == "" {
			return places
		}
		src, _, err := d.load(ctx, path)
		if err != nil {
			return places
		}
		return append(places, d.vars.targets(src, name)...)
	}
	return d.watch.add(ctx, places, digestOf(d, ref), changed)
}

// Close ends what Watch has started.
func (d *Dotenv) Close() error { return d.watch.close() }

// dotenvVars is the source of one reading of a dotenv.
type dotenvVars struct {
	path string
	vars map[string]string
}

func (v dotenvVars) lookup(variable string) (string, bool) {
	value, ok := v.vars[variable]
	return value, ok
}

func (v dotenvVars) String() string { return strconv.Quote(v.path) }

func (v dotenvVars) all(yield func(variable, value string) bool) {
	for variable, value := range v.vars {
		if !yield(variable, value) {
			return
		}
	}
}
