// Package config reads the settings of a resolver from a YAML file.
//
// A blank import is enough for the default resolver to read the file that
// SECRETS_CONFIG names:
//
//	import _ "github.com/go-secrets/secrets/config"
//
// A program that opens its own resolver calls [Read]:
//
//	cfg, err := config.Read("secrets.yaml")
//	…
//	r, err := secrets.OpenConfig(ctx, cfg)
//
// # The file
//
//	providers: ["env://", "vault://secret/${APP_ENV:-dev}"]   # searched in order
//	references:                                              # names that live elsewhere
//	  stripe/key: awssm://prod/stripe?region=eu-west-1#key
//	  legacy/: ssm:///legacy                                 # all names below legacy/
//	cache:
//	  ttl: 5m
//	  max_stale: 24h
//	  timeout: 10s
//	  idle: 15m
//	  negative_ttl: 2s
//	  max_entries: 100000
//	refresh: background                                      # or on_demand
//
// Every key may be left out, but for one of providers and references. The
// fields of [secrets.Config] tell what they mean. JSON is YAML, too.
//
// In every value, ${VAR} stands for an environment variable, which must be
// set, and ${VAR:-text} for the variable, or for the text if it is unset or
// empty. $${ is a plain ${. What a variable holds is part of a value, never of
// the file's structure, nor of a URI's: in a URI, what it holds is a part of the
// path or of an option's value, where ? # & and % are plain characters, and it
// can't make a segment .. there. Only a variable that is the whole value may be
// a whole URI, and one at the start may hold the start of one. In keys ${VAR} is
// an error. Relative paths are relative to the working directory,
// as in SECRETS_URL.
//
// # Errors
//
// Every error is [secrets.ErrInvalid]. It names the file and tells every
// mistake with its line: what is no YAML, unknown and doubled keys, values of
// the wrong kind, variables that are unset, URIs and references that are
// malformed. Values are not quoted, since one may hold a credential that got
// into the wrong place. Whether a URI's scheme is linked and its options are
// known is told by [secrets.OpenConfig].
package config

import (
	"context"
	"os"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/namedfile"
)

func init() { secrets.RegisterConfig(Read) }

// maxSize is far above any file that a person wrote.
const maxSize = 1 << 20

// Read reads a YAML file, with the variables of the environment. The file may
// be a pipe, which is read once; a file that every user can write is refused,
// unless its mount is read-only; what takes longer than 10 s is given up.
func Read(path string) (secrets.Config, error) {
	data, err := namedfile.Read(context.Background(), path, namedfile.Options{Max: maxSize})
	if err != nil {
		return secrets.Config{}, &secrets.Error{Op: "read configuration", Err: fault.New(secrets.ErrInvalid, "", err)} // err has the path
	}
	cfg, err := parse(data, os.LookupEnv)
	if err != nil {
		return secrets.Config{}, &secrets.Error{Op: "read configuration", Ref: path, Err: err}
	}
	return cfg, nil
}

// Parse reads YAML. lookup returns the value of a variable, and whether it is
// set; nil is [os.LookupEnv].
func Parse(data []byte, lookup func(name string) (string, bool)) (secrets.Config, error) {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	cfg, err := parse(data, lookup)
	if err != nil {
		return secrets.Config{}, &secrets.Error{Op: "parse configuration", Err: err}
	}
	return cfg, nil
}
