// Package figures has a test tell what it measured: in its log, and where
// SECRETS_TEST_FIGURES names a file, which CI prints, at the end of that.
package figures

import (
	"fmt"
	"os"
	"testing"
)

// File is the variable that names the file; it need not exist.
const File = "SECRETS_TEST_FIGURES"

// Tell tells a figure, in a line. It is for one test or several at a time.
func Tell(t testing.TB, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	t.Log(line)
	name := os.Getenv(File)
	if name == "" {
		return
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // of CI's own making
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := fmt.Fprintf(file, "%s: %s\n", t.Name(), line); err != nil {
		t.Error(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}
