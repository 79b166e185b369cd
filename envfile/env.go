package envfile

import (
	"context"
	"errors"
	"iter"
	"os"
	"runtime"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// EnvOptions configures [NewEnv]. The zero value works.
type EnvOptions struct {
	// Prefix is put before every variable: with "APP_", the name db/password
	// is looked for in APP_DB_PASSWORD. It turns Tree on.
	Prefix string
	// Tree makes the variables DB_… one document of the name db, where no
	// variable DB is set.
	Tree bool
	// Perm says which files a _FILE variable may name.
	Perm Perm
}

// Env reads secrets from the environment of the process, as it is at each
// read. It is safe for concurrent use.
type Env struct {
	vars  variables
	watch hub
	err   error // what is wrong with the options

	environment source
}

var (
	_ secrets.ListProvider  = (*Env)(nil)
	_ secrets.WatchProvider = (*Env)(nil)
)

// NewEnv returns a provider that reads the environment, what env:// opens. An
// option that cannot be right is an error of class [secrets.ErrInvalid] from
// every method.
func NewEnv(o EnvOptions) *Env {
	files := readerOptions{perm: o.Perm, piped: true, trim: true}
	return &Env{
		vars:        variables{prefix: o.Prefix, tree: o.Tree || o.Prefix != "", files: newReader(files)},
		err:         files.validate(),
		environment: environment{},
	}
}

// Fetch reads the variable that stands for the name, then the file that its
// _FILE variable names, then, with a prefix or Tree, the variables below it.
func (e *Env) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	if err := errors.Join(e.err, contextError(ctx)); err != nil {
		return secrets.Value{}, err
	}
	if ref.Join() == "" && e.vars.prefix != "" {
		doc, err := e.vars.children(ctx, e.environment, "", strings.ToLower)
		if err == nil && len(doc) == 0 {
			err = fault.New(secrets.ErrNotFound, "the environment has no "+e.vars.prefix+"…", nil)
		}
		if err != nil {
			return secrets.Value{}, err
		}
		return secrets.Value{Data: jsonObject(doc)}, nil
	}
	return e.vars.fetch(ctx, e.environment, ref.Join(), ref.IsName())
}

// List yields the names that variables stand for. Their slashes are those of
// prefix: DB_PASSWORD is db_password below the empty prefix and db/password
// below db/.
func (e *Env) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := errors.Join(e.err, contextError(ctx)); err != nil {
			yield("", err)
			return
		}
		e.vars.list(e.environment, prefix, yield)
	}
}

// Watch notices changes of the files that _FILE variables name. A variable
// itself cannot be watched: for one, Watch returns [errors.ErrUnsupported],
// and the next read sees what was set.
func (e *Env) Watch(ctx context.Context, ref secrets.Ref, changed func()) error {
	if err := errors.Join(e.err, contextError(ctx)); err != nil {
		return err
	}
	places := func() []place { return e.vars.targets(e.environment, ref.Join()) }
	if len(places()) == 0 {
		return errors.ErrUnsupported
	}
	return e.watch.add(ctx, places, digestOf(e, ref), changed)
}

// Close ends what Watch has started.
func (e *Env) Close() error { return e.watch.close() }

// environment is the source of the process's variables.
type environment struct{}

func (environment) lookup(variable string) (string, bool) { return os.LookupEnv(variable) }
func (environment) String() string                        { return "the environment" }

func (environment) all(yield func(variable, value string) bool) {
	for _, entry := range os.Environ() {
		if entry == "" {
			continue
		}
		// Windows has variables that start with = (a drive's directory).
		i := strings.IndexByte(entry[1:], '=') + 1
		if i < 1 {
			continue
		}
		variable := entry[:i]
		if runtime.GOOS == "windows" {
			variable = strings.ToUpper(variable)
		}
		if !yield(variable, entry[i+1:]) {
			return
		}
	}
}
