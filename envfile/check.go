package envfile

import (
	"context"
	"strconv"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// checkWith refuses a URI whose path is no name of a file, or whose options
// open does not take. Neither looks at a file.
func checkWith(open secrets.Opener, pathless bool) func(secrets.Ref) error {
	return func(ref secrets.Ref) error {
		path := ref.Join()
		if path == "" && !pathless {
			return errNoPath(ref.Scheme)
		}
		if err := checkPath(ref.Scheme+"://", path); err != nil {
			return err
		}
		_, err := open(context.Background(), ref)
		return err
	}
}

// checkPath refuses a path that is a credential, and shows nothing of it. what
// is where the path stands.
func checkPath(what, path string) error {
	if !namedfile.Credential(path) {
		return nil
	}
	return fault.New(secrets.ErrInvalid, "the path of "+what+" is no file name ("+strconv.Itoa(len(path))+" bytes); if it is a credential, write that into a file and give the file's name", nil)
}

// errNoPath says that a URI has no path.
func errNoPath(scheme string) error {
	if scheme == "envfile" {
		return errNoDotenv
	}
	return fault.New(secrets.ErrInvalid, "file:// has no path; write file:///run/secrets, or file://. for the working directory", nil)
}
