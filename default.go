package secrets

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// The default resolver: the argument of SetDefault, or else the resolver that was
// opened from the environment when it was first needed.
var (
	defaultResolver atomic.Pointer[Resolver]
	defaultMu       sync.Mutex // held while the default resolver is set or opened
)

// SetDefault makes r the resolver that [Get] and the other package functions
// use. It does not close the previous one. If r is nil, the default resolver is
// opened from the environment again when it is next needed.
func SetDefault(r *Resolver) {
	defaultMu.Lock()
	defer defaultMu.Unlock()
	defaultResolver.Store(r)
}

// Default returns the default resolver. Unless [SetDefault] was called, it is
// opened from the environment the first time: SECRETS_URL holds provider URIs,
// or SECRETS_CONFIG names a file (in programs that import the config package).
// If neither is set, it is env:// and then envfile://.env, if package envfile is
// linked. An error is [ErrInvalid], and the next call tries again.
func Default() (*Resolver, error) {
	if r := defaultResolver.Load(); r != nil {
		return r, nil
	}
	defaultMu.Lock()
	defer defaultMu.Unlock()
	if r := defaultResolver.Load(); r != nil {
		return r, nil
	}
	r, err := openDefault()
	if err != nil {
		return nil, err
	}
	defaultResolver.Store(r)
	return r, nil
}

// openConfig opens a resolver from the file of SECRETS_CONFIG. It is set only in
// programs that import package config; others do not link that package.
var openConfig atomic.Pointer[func(ctx context.Context, path string) (*Resolver, error)]

// RegisterConfig makes read the function that reads the file which SECRETS_CONFIG
// names. The init function of package config calls it.
func RegisterConfig(read func(path string) (Config, error)) {
	open := func(ctx context.Context, path string) (*Resolver, error) {
		cfg, err := read(path)
		if err != nil {
			return nil, &Error{Op: "open default", Name: "SECRETS_CONFIG", Err: err}
		}
		r, err := OpenConfig(ctx, cfg)
		if err != nil {
			return nil, &Error{Op: "open default", Name: "SECRETS_CONFIG", Ref: path, Err: err}
		}
		return r, nil
	}
	openConfig.Store(&open)
}

func openDefault() (*Resolver, error) {
	ctx := context.Background()
	uri, path := strings.TrimSpace(os.Getenv("SECRETS_URL")), os.Getenv("SECRETS_CONFIG")
	open := openConfig.Load()
	e := &Error{Op: "open default"}
	switch {
	case uri != "" && path != "" && open != nil:
		e.Err = invalid("both SECRETS_URL and SECRETS_CONFIG are set; unset one")
		return nil, e
	case uri != "":
		r, err := Open(ctx, uri)
		if err != nil {
			e.Name, e.Err = "SECRETS_URL", err
			return nil, e
		}
		return r, nil
	case path != "" && open != nil:
		return (*open)(ctx, path)
	case path != "":
		e.Name, e.Err = "SECRETS_CONFIG", invalid("reading it takes package config; add: import _ %q", modulePath+"/config")
		return nil, e
	case linked("envfile") == nil:
		e.Err = invalid("SECRETS_URL is unset, so there is nowhere to look; set it (file:///run/secrets, vault://secret/prod …), or add: import _ %q", modulePath+"/envfile")
		return nil, e
	}
	r, err := Open(ctx, "env:// envfile://.env?implicit=true")
	if err != nil {
		return nil, err
	}
	dotenv, err := filepath.Abs(".env")
	if err != nil {
		dotenv = ".env"
	}
	r.notFoundHint = "SECRETS_URL is unset; looked in the environment and " + dotenv
	return r, nil
}

type contextKey struct{}

// NewContext returns a context in which the package functions use r: for
// parallel tests, and for tenants.
func NewContext(ctx context.Context, r *Resolver) context.Context {
	return context.WithValue(ctx, contextKey{}, r)
}

// resolverOf returns the resolver of a context, or the default one.
func resolverOf(ctx context.Context) (*Resolver, error) {
	if r, ok := ctx.Value(contextKey{}).(*Resolver); ok && r != nil {
		return r, nil
	}
	return Default()
}

// Get returns the secret of that name from the resolver of ctx (see
// [NewContext]) or else the default one; see [Resolver.Get].
func Get(ctx context.Context, name string) (Secret, error) {
	r, err := resolverOf(ctx)
	if err != nil {
		return Secret{}, err
	}
	return r.Get(ctx, name)
}

// Preload is [Resolver.Preload] on the same resolver as [Get].
func Preload(ctx context.Context, names ...string) error {
	r, err := resolverOf(ctx)
	if err != nil {
		return err
	}
	return r.Preload(ctx, names...)
}

// Load is [Resolver.Load] on the same resolver as [Get].
func Load(ctx context.Context, dst any) error {
	r, err := resolverOf(ctx)
	if err != nil {
		return err
	}
	return r.Load(ctx, dst)
}

// Watch is [Resolver.Watch] on the same resolver as [Get].
func Watch(ctx context.Context, name string) iter.Seq2[Secret, error] {
	r, err := resolverOf(ctx)
	if err != nil {
		return func(yield func(Secret, error) bool) { yield(Secret{}, err) }
	}
	return r.Watch(ctx, name)
}
