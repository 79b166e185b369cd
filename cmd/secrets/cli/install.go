package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
)

func (a *app) installCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "install DIR",
		Short: "Copy this program into a directory",
		Long: `install copies this program into a directory, as "secrets". It is for an init
container that shares a volume with the container of an app, whose command then
is: /shared/secrets exec -- APP. The image needs no shell and no cp.`,
		Args: cobra.ExactArgs(1),
		RunE: a.does(func(_ context.Context, args []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			path, err := install(self, args[0])
			if err != nil {
				return err
			}
			a.out.printf("%s\n", path)
			return nil
		}),
	}
}

// install copies a program into a directory, where nobody finds half of it.
func install(self, dir string) (path string, err error) {
	from, err := os.Open(self) // #nosec G304 -- this program
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := os.CreateTemp(dir, ".secrets-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("install: %w", errors.Join(err, os.Remove(to.Name())))
		}
	}()
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Chmod(0o755) // the app's user is another one, as a rule
	}
	if closeErr := to.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "secrets")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	return path, os.Rename(to.Name(), path)
}
