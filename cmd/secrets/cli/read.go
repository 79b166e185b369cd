package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/go-secrets/secrets"
)

func (a *app) getCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "get NAME",
		Short: "Print the value of a secret",
		Long: `get prints the value of a secret to standard output, byte for byte. On a
terminal a newline follows it, and control characters, which would have the
terminal do things, are shown as escapes. With --json it is an object with name, value,
version, fetched_at and expires; a value that is no UTF-8 text is in base64,
and "encoding" says so.`,
		Example: "  secrets get db/password\n  secrets get db#user",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.completeNames,
		RunE: a.does(func(ctx context.Context, args []string) error { return a.get(ctx, args[0]) }),
	}
}

func (a *app) get(ctx context.Context, name string) error {
	src, err := a.source()
	if err != nil {
		return err
	}
	r, err := src.open(ctx, secrets.WithOnDemand())
	if err != nil {
		return err
	}
	defer r.Close()
	s, err := r.Get(ctx, name)
	if err != nil {
		return src.hinted(err)
	}
	if a.json {
		return a.printJSON(struct {
			Name      string    `json:"name"`
			Value     string    `json:"value"`
			Encoding  string    `json:"encoding,omitempty"`
			Version   string    `json:"version"`
			FetchedAt time.Time `json:"fetched_at"`
			Expires   time.Time `json:"expires,omitzero"`
		}{name, text(s), encoding(s), s.Version(), s.FetchedAt().UTC(), s.ExpiresAt()})
	}
	if a.out.terminal {
		shown := harmless(strings.ReplaceAll(s.Reveal(), "\r\n", "\n"), "\n\t")
		a.out.printf("%s\n", shown)
		if shown != s.Reveal() {
			a.err.printf("secrets: the value has control characters, which a terminal would obey; they are shown as escapes, and a file or a pipe gets the bytes\n")
		}
		return nil
	}
	_, err = a.out.Write(s.Bytes())
	return err
}

func encoding(s secrets.Secret) string {
	if utf8.ValidString(s.Reveal()) {
		return ""
	}
	return "base64"
}

func text(s secrets.Secret) string {
	if encoding(s) == "" {
		return s.Reveal()
	}
	return base64.StdEncoding.EncodeToString(s.Bytes())
}

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "Print the names of secrets",
		Long: `list prints the names that the providers have, those that start with PREFIX,
each once. Values are not read. A provider that cannot list, or may not, is
told on standard error, and the next one goes on.`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completeNames,
		RunE: a.does(func(ctx context.Context, args []string) error { return a.list(ctx, append(args, "")[0]) }),
	}
}

func (a *app) list(ctx context.Context, prefix string) error {
	src, err := a.source()
	if err != nil {
		return err
	}
	r, err := src.open(ctx, secrets.WithOnDemand())
	if err != nil {
		return err
	}
	defer r.Close()
	names := []string{}
	var failed error
	for name, err := range r.List(ctx, prefix) {
		if a.out.failed != nil {
			break // nobody reads on
		}
		switch {
		case src.hint != "" && errors.Is(err, secrets.ErrNotFound): // no ./.env, where nobody said that there is one
		case err != nil:
			a.err.fail(err)
			failed = err
		case a.json:
			names = append(names, name)
		default:
			a.out.printf("%s\n", name)
		}
	}
	if a.json {
		if err := a.printJSON(names); err != nil {
			return err
		}
	}
	if failed != nil {
		return silentError{exitCode(ctx, failed)}
	}
	return nil
}

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "watch NAME",
		Short: "Print each new version of a secret",
		Long: `watch prints the version of a secret, and again whenever its value changes,
with the time; never the value. It ends with SIGINT or SIGTERM. Files are seen
to change at once, other backends are read again every 5 minutes (cache.ttl in
the configuration, ?ttl=10s in a URI).`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeNames,
		RunE: a.does(func(ctx context.Context, args []string) error { return a.watch(ctx, args[0]) }),
	}
}

// A change is what watch prints.
type change struct {
	Time    time.Time `json:"time"`
	Name    string    `json:"name"`
	Version string    `json:"version,omitempty"`
	Class   string    `json:"class,omitempty"`
	Error   string    `json:"error,omitempty"`
}

func (a *app) watch(ctx context.Context, name string) error {
	src, err := a.source()
	if err != nil {
		return err
	}
	r, err := src.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	var last error
	for s, err := range r.Watch(ctx, name) {
		last = err
		c := change{Time: time.Now().UTC().Truncate(time.Millisecond), Name: name, Version: s.Version()}
		if err != nil {
			c.Class, c.Error = className(err), src.hinted(err).Error()
		}
		switch {
		case a.json:
			line, err := json.Marshal(c)
			if err != nil {
				return err
			}
			_, _ = a.out.Write(append(harmlessJSON(line), '\n'))
		case err != nil:
			a.out.printf("%s %s %s\n", c.Time.Format(time.RFC3339), name, a.out.paint(red, c.Error))
		default:
			a.out.printf("%s %s version %s\n", c.Time.Format(time.RFC3339), name, a.out.paint(green, c.Version))
		}
		if a.out.failed != nil {
			return a.out.failed
		}
	}
	if ctx.Err() != nil {
		return nil // as it was asked to
	}
	if last != nil {
		return silentError{exitCode(ctx, last)}
	}
	return nil
}

// completeNames completes a name in the shell.
func (a *app) completeNames(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 && cmd.Name() != "check" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second) // nobody waits longer for a tab
	defer cancel()
	src, err := a.source()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	r, err := src.open(ctx, secrets.WithOnDemand(), secrets.WithLogger(nil))
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer r.Close()
	var names []string
	for name, err := range r.List(ctx, typed) {
		if err == nil && completable(name) {
			names = append(names, name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completable reports whether a shell takes a name for one word and nothing
// else. Whoever may write a secret chooses its name, and what a shell completes
// stands on the command line as if it had been typed there.
func completable(name string) bool {
	for i, c := range name {
		switch {
		case unicode.IsLetter(c), unicode.IsDigit(c), strings.ContainsRune("/_.:@%+=,", c), i > 0 && strings.ContainsRune("-#", c):
		default:
			return false
		}
	}
	return name != ""
}

// printJSON prints v for machines, on lines that people can read, too.
func (a *app) printJSON(v any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := a.out.Write(harmlessJSON(text.Bytes()))
	return err
}

// className returns the class of an error as a word or two.
func className(err error) string {
	if class := classOf(err); class != nil {
		return class.Error()
	}
	return "failed"
}
