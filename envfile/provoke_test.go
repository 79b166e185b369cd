package envfile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// What only files and variables can have wrong, for the conformance suite,
// which looks for the value in the errors. What is spoilt is mended again.

// refused is the error of a read that has to fail.
func refused(t testing.TB, p secrets.Provider, ref secrets.Ref, why string) error {
	t.Helper()
	_, err := p.Fetch(context.Background(), ref)
	assert.Error(t, err, why)
	return err
}

// provokeFile has one file read as what it is not, and refused for its mode,
// its size, and for being a file.
func provokeFile(t testing.TB, p secrets.Provider, ref secrets.Ref, file string) (errs []error) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	defer put(t, file, text)
	for _, format := range []Format{FormatJSON, FormatDotenv, FormatLines} {
		with := closed(t, NewDir(filepath.Dir(file), DirOptions{Format: format}))
		if _, err := with.Fetch(context.Background(), secrets.Ref{Path: filepath.Base(file)}); err != nil {
			errs = append(errs, err) // it may well be of that format
		}
	}
	below := ref
	below.Path += "/password/deeper"
	errs = append(errs, refused(t, p, below, "a name below a file"))
	small := closed(t, NewDir(filepath.Dir(file), DirOptions{MaxSize: 8}))
	errs = append(errs, refused(t, small, secrets.Ref{Path: filepath.Base(file)}, "a file that is too large"))
	if namedfile.HasModes {
		require.NoError(t, os.Chmod(file, 0o666))
		errs = append(errs, refused(t, p, ref, "a file that all can write"))
		require.NoError(t, os.Remove(file))
		require.NoError(t, os.Symlink(file, file))
		errs = append(errs, refused(t, p, ref, "a link to itself"))
	}
	return errs
}

// provokeDotenv breaks the file around the line that holds the value.
func provokeDotenv(t testing.TB, p secrets.Provider, ref secrets.Ref, file, variable string) (errs []error) {
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	defer put(t, file, whole)
	text := string(whole)
	vars, err := parseDotenv(text)
	require.NoError(t, err)
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(vars[variable]) + `"`
	line := variable + "=" + quoted
	for why, spoilt := range map[string]string{
		"a quote that is not closed":   text + "\n" + line[:len(line)-1],
		"text after a closed quote":    text + "\n" + line + "x",
		"a key that comes twice":       text + "\n" + line,
		"a line that is no assignment": text + "\n" + quoted,
		"a key that is none":           text + "\n" + "?" + quoted + "=1",
		"a NUL byte":                   text + "\x00",
	} {
		put(t, file, []byte(spoilt))
		errs = append(errs, refused(t, p, ref, why))
	}
	put(t, file, whole)
	small := closed(t, NewDotenv(file, DotenvOptions{MaxSize: 8}))
	errs = append(errs, refused(t, small, secrets.Ref{Path: ref.Path}, "a file that is too large"))
	if namedfile.HasModes {
		require.NoError(t, os.Chmod(file, 0o666))
		errs = append(errs, refused(t, p, ref, "a file that all can write"))
	}
	return errs
}

// provokeEnv moves the value into a file that a _FILE variable names, and has
// that refused; and asks for the variable by two names.
func provokeEnv(t testing.TB, p secrets.Provider, ref secrets.Ref, variable string) (errs []error) {
	other := ref
	other.Path = strings.ReplaceAll(ref.Path, "/", "-")
	errs = append(errs, refused(t, p, other, "two names of one variable"))

	value := os.Getenv(variable)
	file := filepath.Join(t.TempDir(), "value")
	put(t, file, []byte(value))
	require.NoError(t, os.Unsetenv(variable))
	defer func() { require.NoError(t, os.Setenv(variable, value)) }()
	defer os.Unsetenv(variable + fileSuffix)
	for why, names := range map[string]string{
		"a file that is a directory": filepath.Dir(file),
		"a file that is not there":   file + "x",
		"a name below a file":        filepath.Join(file, "password"),
	} {
		require.NoError(t, os.Setenv(variable+fileSuffix, names))
		errs = append(errs, refused(t, p, ref, why))
	}
	if namedfile.HasModes {
		require.NoError(t, os.Setenv(variable+fileSuffix, file))
		require.NoError(t, os.Chmod(file, 0o666))
		errs = append(errs, refused(t, p, ref, "a file that all can write"))
	}
	return errs
}
