package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/config"
)

// A source is where secrets live.
type source struct {
	secrets.Config
	hint string // said of names that are missing
}

// source returns what the flags say, or else what a program on this machine
// would find: [secrets.Default] reads the same variables in the same way.
func (a *app) source() (source, error) {
	url, path := os.Getenv("SECRETS_URL"), os.Getenv("SECRETS_CONFIG")
	if a.url != "" || a.config != "" {
		url, path = a.url, a.config
	}
	uris := strings.Fields(url)
	switch {
	case len(uris) > 0 && path != "":
		return source{}, withCode(ExitInvalid, "both SECRETS_URL and SECRETS_CONFIG are set; unset one, or give --url or --config")
	case len(uris) > 0:
		return source{Config: secrets.Config{Providers: uris}}, nil
	case path != "":
		cfg, err := config.Read(path)
		return source{Config: cfg}, err
	}
	dotenv, err := filepath.Abs(".env")
	if err != nil {
		dotenv = ".env"
	}
	return source{
		Config: secrets.Config{Providers: []string{"env://", "envfile://.env?implicit=true"}},
		hint:   "SECRETS_URL is unset; looked in the environment and " + dotenv,
	}, nil
}

// open opens a resolver on the source.
func (s source) open(ctx context.Context, opts ...secrets.Option) (*secrets.Resolver, error) {
	return secrets.OpenConfig(ctx, s.Config, opts...)
}

// hinted adds to a missing name where it was looked for by default.
func (s source) hinted(err error) error {
	if s.hint != "" && errors.Is(err, secrets.ErrNotFound) {
		return fmt.Errorf("%w (%s)", err, s.hint)
	}
	return err
}
