package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// A resolution finds the references of an environment and puts what they refer
// to in their places: all of them, or none.
type resolution struct {
	app     *app
	options execOptions
	env     *environment

	references []variable
	failures   failureList
	source     source
	filled     map[string]bool // the variables that got a secret
	taken      map[string]bool // the keys that became variables
	start      time.Time
	ends       map[string]time.Time // by variable or name, of what is leased or expires
}

// A variable is one whose value is a reference.
type variable struct {
	name string // of the variable
	key  string // of the reference, among the names of the resolver
	uri  string
}

// keyOf is a name that no configuration has: no backend is asked for it.
func keyOf(variable string, i int) string {
	if strings.ContainsAny(variable, "/#") {
		return fmt.Sprintf("$%d", i)
	}
	return "$" + variable
}

// addFiles adds the variables of dotenv files.
func (r *resolution) addFiles(ctx context.Context) error {
	for _, file := range r.options.envFiles {
		if !namedfile.Plausible(file) {
			return withCode(ExitExec, "exec: --env-file takes the name of a file, and this is %s", namedfile.Show(file))
		}
		abs, err := filepath.Abs(file)
		if err != nil {
			return withCode(ExitExec, "exec: --env-file %s: %w", file, err)
		}
		uri := secrets.Ref{Scheme: "envfile", Path: filepath.ToSlash(abs)}.String()
		document, err := readOne(ctx, uri)
		var vars map[string]string
		if err == nil {
			err = document.Decode(&vars)
		}
		if err != nil {
			return withCode(ExitExec, "exec: --env-file: %w", reasonOf(err))
		}
		for _, name := range slices.Sorted(maps.Keys(vars)) {
			r.env.set(name, vars[name])
		}
	}
	return nil
}

// readOne reads the document of one reference.
func readOne(ctx context.Context, uri string) (secrets.Secret, error) {
	const name = "it"
	r, err := secrets.OpenConfig(ctx, secrets.Config{References: map[string]string{name: uri}}, secrets.WithOnDemand())
	if err != nil {
		return secrets.Secret{}, err
	}
	defer r.Close()
	return r.Get(ctx, name)
}

// run resolves. If it fails, the environment is of no use, and leases that
// were taken have been given back.
func (r *resolution) run(ctx context.Context) error {
	var err error
	if r.source, err = r.app.source(); err != nil {
		return &codeError{ExitExec, err}
	}
	if err := r.find(ctx); err != nil {
		return &codeError{ExitExec, err}
	}
	if err := r.failures.err(); err != nil {
		return err
	}
	if len(r.references) == 0 && len(r.options.from) == 0 && len(r.options.spread) == 0 {
		return nil
	}
	references := make(map[string]string, len(r.references))
	names := slices.Clone(r.options.from)
	for _, v := range r.references {
		references[v.key] = v.uri
		names = append(names, v.key)
	}
	// Values are read once, whatever the configuration says of the cache.
	resolver, err := r.source.open(ctx, secrets.WithReferences(references), secrets.WithOnDemand(), secrets.WithTTL(time.Hour))
	if err != nil {
		return &codeError{ExitExec, err}
	}
	r.start = time.Now()
	r.ends = make(map[string]time.Time)
	r.filled, r.taken = make(map[string]bool), make(map[string]bool)
	if err = r.fill(ctx, resolver, names); err != nil {
		_ = resolver.Close() // gives leases back
		return err
	}
	_ = resolver.Detach() // what it says is of no use to the program any more
	return nil
}

// find looks for references, and refuses what cannot be one.
func (r *resolution) find(ctx context.Context) error {
	for _, name := range slices.Concat(r.options.only, r.options.spread) {
		if !isPattern(name) && !r.env.has(name) {
			r.failures.add(name, errors.New("there is no such variable in the environment"))
		}
	}
	for _, pattern := range slices.Concat(r.options.only, r.options.except, r.options.keys, r.options.drop) {
		if _, err := path.Match(pattern, ""); err != nil {
			r.failures.add(pattern, errors.New("the pattern of variables is malformed"))
		}
	}
	configured, err := r.source.open(ctx, secrets.WithOnDemand())
	if err != nil {
		return err
	}
	defer configured.Close()
	only := r.options.only
	if len(only) > 0 {
		only = slices.Concat(only, r.options.spread)
	}
	for i, name := range r.env.selected(only, r.options.except) {
		ref, found, err := secrets.ParseValue(r.env.get(name))
		if err == nil && found {
			err = configured.CheckValue(ref)
		}
		if err == nil && found {
			err = openable(ctx, ref.String())
		}
		switch {
		case err != nil:
			r.failures.add(name, reasonOf(err))
		case found:
			r.references = append(r.references, variable{name: name, key: keyOf(name, i), uri: ref.String()})
		}
	}
	return nil
}

// openable reports what is wrong with the scheme and the options of a
// reference, alone, so that each one's mistake is told.
func openable(ctx context.Context, uri string) error {
	r, err := secrets.OpenConfig(ctx, secrets.Config{References: map[string]string{"it": uri}}, secrets.WithOnDemand())
	if err != nil {
		return err
	}
	return r.Close()
}

// fill reads everything and puts it into the environment.
func (r *resolution) fill(ctx context.Context, resolver *secrets.Resolver, names []string) error {
	r.preload(ctx, resolver, names)
	if err := r.failures.err(); err != nil {
		return err
	}
	for _, v := range r.references {
		s, err := resolver.Get(ctx, v.key) // which is held
		if err == nil {
			err = r.take(v.name, s)
		}
		if err != nil {
			r.failures.add(v.name, reasonOf(err))
		}
	}
	for _, name := range r.options.spread {
		document := secretOf(r.env.get(name))
		r.env.remove(name)
		if err := r.spread(name, document); err != nil {
			r.failures.add(name, err)
		}
	}
	for _, name := range r.options.from {
		s, err := resolver.Get(ctx, name)
		if err == nil {
			err = errors.Join(r.fresh(name, s), r.spread("--from "+name, s))
		}
		if err != nil {
			r.failures.add("--from "+name, reasonOf(err))
		}
	}
	for _, key := range r.options.keys {
		if !isPattern(key) && !r.taken[key] {
			r.failures.add("--keys "+key, errors.New("no document has such a key"))
		}
	}
	return r.failures.err()
}

// preload reads everything, and goes on for as long as --wait says.
func (r *resolution) preload(ctx context.Context, resolver *secrets.Resolver, names []string) {
	if r.options.wait <= 0 {
		r.refuse(resolver.Preload(ctx, names...))
		return
	}
	patient, cancel := context.WithTimeout(ctx, r.options.wait)
	defer cancel()
	err := resolver.Preload(patient, names...)
	if err == nil || patient.Err() == nil || ctx.Err() != nil {
		r.refuse(err)
		return
	}
	// Time is up with reads still under way, and each tells its last word.
	var errs []error
	for _, name := range names {
		_, err := lastWord(ctx, resolver, name)
		errs = append(errs, err)
	}
	r.refuse(errors.Join(errs...))
}

// lastWord returns a name that is held, or what its backend said last.
func lastWord(ctx context.Context, r *secrets.Resolver, name string) (secrets.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	return r.Get(ctx, name)
}

// refuse takes what Preload failed at apart, by variable.
func (r *resolution) refuse(err error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return // nil: Preload joins what fails
	}
	for _, err := range joined.Unwrap() {
		subject := "exec"
		var e *secrets.Error
		if errors.As(err, &e) && e.Name != "" {
			subject = "--from " + e.Name
			if i := slices.IndexFunc(r.references, func(v variable) bool { return v.key == e.Name }); i >= 0 {
				subject = r.references[i].name
			} else {
				err = r.source.hinted(err)
			}
		}
		r.failures.add(subject, reasonOf(err))
	}
}

// take puts the value of a reference into its variable.
func (r *resolution) take(name string, s secrets.Secret) error {
	if err := r.fresh(name, s); err != nil {
		return err
	}
	value := s.Reveal()
	if err := holdable(name, value); err != nil {
		return fmt.Errorf("the value %w", err)
	}
	r.env.set(name, value)
	r.filled[name] = true
	return nil
}

// most is what execve(2) takes of NAME=value with its NUL on Linux
// (MAX_ARG_STRLEN), which is the least of all systems.
const most = 128 << 10

// holdable reports why a variable cannot hold a value.
func holdable(name, value string) error {
	switch {
	case strings.IndexByte(value, 0) >= 0:
		return errors.New("holds a NUL byte, which no variable can; if it is binary, have the program read it itself")
	case len(name)+len("=")+len(value)+1 > most:
		return fmt.Errorf("has %d bytes, and a variable has room for %d; have the program read it itself", len(value), most-len(name)-2)
	}
	return nil
}

// spread makes variables of the keys of a JSON object. A variable that is set
// already stays: a document does not change what was said outright.
func (r *resolution) spread(subject string, s secrets.Secret) error {
	var members map[string]json.RawMessage
	if err := s.Decode(&members); err != nil || members == nil {
		return errors.New("the value is no JSON object, so there are no keys to make variables of")
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		name, wanted := r.options.variableOf(key)
		if string(members[key]) == "null" || !wanted {
			continue
		}
		r.taken[key] = true
		if key == "" || strings.ContainsAny(key, "=\x00") {
			return fmt.Errorf("the key %s cannot be the name of a variable", shortened(key))
		}
		if r.env.has(name) {
			continue
		}
		if !r.options.allowed(key, name) {
			return fmt.Errorf("the key %s would set %s, by which programs load code or send credentials elsewhere: choose the keys (--keys), put something before them (--prefix), or say --allow %s", shortened(key), shortened(name), shortened(name))
		}
		value, err := s.Field(key)
		if err != nil {
			return reasonOf(err)
		}
		if err := holdable(name, value.Reveal()); err != nil {
			return fmt.Errorf("the value of the key %s %w", shortened(key), err)
		}
		r.env.set(name, value.Reveal())
		r.filled[name] = true
	}
	return nil
}

// shortened quotes a key of a document, which may be of any length.
func shortened(key string) string {
	const most = 80
	if len(key) > most {
		key = key[:most] + "…"
	}
	return strconv.Quote(key)
}

// fresh refuses what ends too soon, and remembers what ends. Time runs from
// before the reading, so that a lease of one hour is one of an hour.
func (r *resolution) fresh(subject string, s secrets.Secret) error {
	end := s.ExpiresAt()
	if end.IsZero() {
		return nil
	}
	r.ends[subject] = end
	if end.Before(r.start.Add(r.options.minLease)) {
		return fmt.Errorf("it ends at %s, in %s, and nothing renews it after exec; --min-lease is %s",
			end.UTC().Format(time.RFC3339), time.Until(end).Round(time.Second), r.options.minLease)
	}
	return nil
}

// endings says until when leases live, one line for each end.
func (r *resolution) endings() (lines []string) {
	at := make(map[time.Time][]string)
	for subject, end := range r.ends {
		end = end.UTC().Truncate(time.Second)
		at[end] = append(at[end], subject)
	}
	for _, end := range slices.SortedFunc(maps.Keys(at), time.Time.Compare) {
		slices.Sort(at[end])
		lines = append(lines, fmt.Sprintf("%s: valid until %s; not renewed after exec", strings.Join(at[end], ", "), end.Format(time.RFC3339)))
	}
	return lines
}

// secretOf makes a secret of a text, for its fields.
func secretOf(text string) (s secrets.Secret) {
	if s.UnmarshalText([]byte(text)) != nil {
		return secrets.Secret{}
	}
	return s
}

// reasonOf returns an error without the operation and the name, which are said
// already.
func reasonOf(err error) error {
	if e, ok := err.(*secrets.Error); ok && e.Err != nil && e.Ref == "" {
		return reasonOf(e.Err)
	}
	return err
}
