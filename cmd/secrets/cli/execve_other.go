//go:build !unix

package cli

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// replace runs the program and exits as it does: this system cannot replace a
// process by another. An interrupt goes to the whole console, the program
// included, so that this process ignores it and waits.
func replace(program string, args, env []string) error {
	signal.Ignore(os.Interrupt)
	cmd := exec.Command(program)
	cmd.Args, cmd.Env = args, env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &ended):
		os.Exit(ended.ExitCode())
	}
	return startError(program, err)
}
