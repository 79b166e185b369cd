package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// execOptions are the flags of exec.
type execOptions struct {
	only, except, spread, from, envFiles []string
	prefix                               string   // of the variables that documents become
	keys, allow                          []string // of documents: these alone; these in spite of all
	drop                                 []string
	dropCredentials                      bool
	minLease, wait                       time.Duration
}

func (a *app) execCommand() *cobra.Command {
	o := execOptions{}
	cmd := &cobra.Command{
		Use:   "exec [flags] [--] COMMAND [ARG…]",
		Short: "Start a program with the references in its environment resolved",
		Long: `exec replaces itself by a program. Variables whose whole value is a reference,
as in DB_PASSWORD=awssm://prod/db#password, have what they refer to; the rest of
the environment is as it was. All references are read together, in batches. If
one cannot be resolved, each that cannot is told, and nothing is started.

Signals, exit code and process id are the program's. Values are in its
environment and nowhere else. Leases live on and are not renewed; standard
error says until when.

The keys of a document (--from, --spread) are chosen by whoever may write it.
--prefix and --keys say which variables they may become; without either, those
that have programs load code or send credentials elsewhere are refused.

A bare file://, env:// or envfile:// is no reference (MIGRATIONS_URL=file://migrations
is common); secretref+file:///run/secrets/db is one. SECRETS_URL and
SECRETS_CONFIG are never taken for references.`,
		Example: `  DB_PASSWORD=awssm://prod/db#password secrets exec -- ./server --port 80
  secrets exec --from prod/app --keys DB_USER,DB_PASSWORD -- ./server
  secrets exec --env-file .env.prod --only 'DB_*' -- ./migrate`,
		Args: cobra.MinimumNArgs(1),
		RunE: a.does(func(ctx context.Context, args []string) error {
			return a.exec(ctx, o, args)
		}),
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false) // flags after the program's name are the program's
	flags.StringSliceVar(&o.only, "only", nil, "look at this `VAR` only; * and ? match several; may be repeated")
	flags.StringSliceVar(&o.except, "except", nil, "do not look at this `VAR`; * and ? match several; may be repeated")
	flags.StringSliceVar(&o.spread, "spread", nil, "make variables of the keys of the JSON object in this `VAR`, in its place")
	flags.StringSliceVar(&o.from, "from", nil, "make variables of the keys of the secret of this `NAME`, a JSON object")
	flags.StringSliceVar(&o.envFiles, "env-file", nil, "add the variables of this dotenv `FILE`, which win over the environment")
	flags.StringVar(&o.prefix, "prefix", "", "put `TEXT` before the keys of --from and --spread, to make variables of them")
	flags.StringSliceVar(&o.keys, "keys", nil, "of --from and --spread take this `KEY` only; * and ? match several; may be repeated")
	flags.StringSliceVar(&o.allow, "allow", nil, "let a document set this `VAR`, although it loads code or redirects")
	flags.StringSliceVar(&o.drop, "drop", nil, "leave this `VAR` out of the program's environment; * and ? match several; may be repeated")
	flags.BoolVar(&o.dropCredentials, "drop-credentials", false, "leave out what secrets are read by: VAULT_TOKEN, AWS_SECRET_ACCESS_KEY …")
	flags.DurationVar(&o.wait, "wait", 0, "go on for this long while a backend is unavailable or throttles")
	flags.DurationVar(&o.minLease, "min-lease", time.Hour, "refuse a secret that ends sooner than this after it was read")
	return cmd
}

func (a *app) exec(ctx context.Context, o execOptions, args []string) error {
	err := a.start(ctx, o, args)
	if err != nil && ctx.Err() != nil { // it is why whatever failed did
		return withCode(ExitInterrupted, "interrupted; nothing was started")
	}
	return err
}

func (a *app) start(ctx context.Context, o execOptions, args []string) error {
	env := newEnvironment(os.Environ())
	r := &resolution{app: a, options: o, env: env}
	if err := r.addFiles(ctx); err != nil {
		return err
	}
	program, err := lookPath(args[0], env.get("PATH"))
	if err != nil {
		return err
	}
	if err := r.run(ctx); err != nil {
		return err
	}
	for _, line := range r.endings() {
		a.err.printf("secrets: %s\n", line)
	}
	r.drop()
	a.release() // from here on a signal does what it does to any program
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return replace(program, args, env.list())
}

// lookPath finds a program as execvp(3) does, with the PATH that it is given.
func lookPath(file, path string) (string, error) {
	if strings.ContainsRune(file, '/') || runtime.GOOS == "windows" {
		found, err := exec.LookPath(file)
		return found, startError(file, err)
	}
	var denied error
	for _, dir := range filepath.SplitList(path) {
		if dir == "" {
			dir = "."
		}
		found := dir + "/" + file
		_, err := exec.LookPath(found)
		if err == nil {
			return found, nil
		}
		if errors.Is(err, os.ErrPermission) {
			denied = err
		}
	}
	if denied == nil {
		denied = exec.ErrNotFound
	}
	return "", startError(file, denied)
}

// startError gives a program that cannot be started the exit code that shells
// give it.
func startError(program string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return withCode(ExitNoProgram, "exec %s: no such program; nothing was started", program)
	}
	var path *os.PathError
	var search *exec.Error
	switch {
	case errors.As(err, &search):
		err = search.Err
	case errors.As(err, &path):
		err = path.Err
	}
	return withCode(ExitNotExecutable, "exec %s: %w", program, err)
}

// A failureList is every reason for which nothing was started.
type failureList struct{ lines []string }

func (f *failureList) add(subject string, err error) {
	f.lines = append(f.lines, fmt.Sprintf("%s: %s", subject, strings.TrimPrefix(err.Error(), "secrets: ")))
}

// err returns the failures as one error, or nil if there are none.
func (f *failureList) err() error {
	if len(f.lines) == 0 {
		return nil
	}
	slices.Sort(f.lines)
	what := "failures"
	if len(f.lines) == 1 {
		what = "failure"
	}
	return withCode(ExitExec, "exec: %d %s; nothing was started\n  %s", len(f.lines), what, strings.Join(f.lines, "\n  "))
}
