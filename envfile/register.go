package envfile

import (
	"context"
	"strconv"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

func init() {
	secrets.Register("env", secrets.Backend{Open: openEnv, Check: checkWith(openEnv, true), Options: []string{"perm", "prefix", "tree"}, OperatorOptions: []string{"perm"}})
	secrets.Register("envfile", secrets.Backend{Open: openEnvfile, Check: checkWith(openEnvfile, false), Options: []string{"implicit", "max", "perm", "prefix"}, OperatorOptions: []string{"perm"}})
	secrets.Register("file", secrets.Backend{Open: openFile, Check: checkWith(openFile, false), Options: []string{"format", "max", "perm", "trim"}, OperatorOptions: []string{"perm"}})
}

// openEnv opens env://.
func openEnv(_ context.Context, base secrets.Ref) (secrets.Provider, error) {
	o := EnvOptions{Prefix: base.Options["prefix"], Perm: Perm(base.Options["perm"])}
	e := NewEnv(o)
	// Unlike the struct, a URI can say false next to a prefix.
	tree, err := boolOption(base.Options, "tree", e.vars.tree)
	if err != nil {
		return nil, err
	}
	e.vars.tree = tree
	return e, e.err
}

// openEnvfile opens envfile://.
func openEnvfile(_ context.Context, base secrets.Ref) (secrets.Provider, error) {
	o := DotenvOptions{Prefix: base.Options["prefix"], Perm: Perm(base.Options["perm"])}
	var err error
	if o.MaxSize, err = sizeOption(base.Options); err != nil {
		return nil, err
	}
	if o.Implicit, err = boolOption(base.Options, "implicit", false); err != nil {
		return nil, err
	}
	d := openDotenv(o)
	return d, d.err
}

// sizeOption reads the option max, a number of bytes; 0: not given.
func sizeOption(options map[string]string) (int64, error) {
	text, given := options["max"]
	if !given {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > hugeSize {
		return 0, fault.New(secrets.ErrInvalid, "option max is a number of bytes above 0 and below 1 TiB, not "+strconv.Quote(text), nil)
	}
	return n, nil
}

// boolOption reads an option that is true or false.
func boolOption(options map[string]string, option string, otherwise bool) (bool, error) {
	text, given := options[option]
	if !given {
		return otherwise, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, fault.New(secrets.ErrInvalid, "option "+option+" is true or false, not "+strconv.Quote(text), nil)
	}
	return value, nil
}
