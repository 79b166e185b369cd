//go:build unix

package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
)

// replace has the program take the place of this process: its id, its parent,
// its open files and its terminal. It returns only if that fails. A script that
// does not begin with #! is run by the shell, as execvp(3) and shells do.
func replace(program string, args, env []string) error {
	err := syscall.Exec(program, args, env) // #nosec G204 -- the command that the user gave
	if errors.Is(err, syscall.ENOEXEC) && isText(program) {
		const shell = "/bin/sh"
		err = syscall.Exec(shell, append([]string{shell, program}, args[1:]...), env) // #nosec G204 -- likewise
	}
	return startError(program, err)
}

// isText reports whether a file can be a script rather than a program for
// another system: it is not empty, and its beginning has no NUL byte.
func isText(path string) bool {
	f, err := os.Open(path) // #nosec G304 -- the command that the user gave
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, 256)
	n, err := io.ReadFull(f, start)
	return n > 0 && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) && bytes.IndexByte(start[:n], 0) < 0
}
