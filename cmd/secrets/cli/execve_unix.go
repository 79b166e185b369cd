//go:build unix

package cli

import "syscall"

// replace has the program take the place of this process: its id, its parent,
// its open files and its terminal. It returns only if that fails.
func replace(program string, args, env []string) error {
	return startError(program, syscall.Exec(program, args, env)) // #nosec G204 -- the command that the user gave
}
