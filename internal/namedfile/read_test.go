package namedfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/namedfile"
)

func write(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func TestARegularFileIsReadAsItIs(t *testing.T) {
	t.Parallel()
	data, err := namedfile.Read(t.Context(), write(t, "hunter2\n", 0o644), namedfile.Options{})
	require.NoError(t, err)
	assert.Equal(t, "hunter2\n", string(data), "the caller knows whether the newline belongs to it")

	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(write(t, "through a link", 0o600), link))
	data, err = namedfile.Read(t.Context(), link, namedfile.Options{})
	require.NoError(t, err)
	assert.Equal(t, "through a link", string(data))
}

func TestAFileHasABoundOnItsSize(t *testing.T) {
	t.Parallel()
	exact := write(t, strings.Repeat("a", 100), 0o600)
	_, err := namedfile.Read(t.Context(), exact, namedfile.Options{Max: 100})
	require.NoError(t, err)
	_, err = namedfile.Read(t.Context(), exact, namedfile.Options{Max: 99})
	require.ErrorIs(t, err, namedfile.ErrLarge)
	assert.EqualError(t, err, `"`+exact+`" is larger than 99 bytes`)

	large := write(t, "", 0o600)
	require.NoError(t, os.Truncate(large, 1<<40))
	_, err = namedfile.Read(t.Context(), large, namedfile.Options{})
	require.ErrorIs(t, err, namedfile.ErrLarge)
}

func TestAFileThatEveryUserCanWriteIsRefused(t *testing.T) {
	t.Parallel()
	if !namedfile.HasModes {
		t.Skip("files have no modes here")
	}
	path := write(t, "hunter2", 0o646)
	_, err := namedfile.Read(t.Context(), path, namedfile.Options{})
	require.ErrorIs(t, err, namedfile.ErrMode)
	assert.EqualError(t, err, `"`+path+`" can be written by every user (mode 0646); run chmod o-w on it`)

	data, err := namedfile.Read(t.Context(), path, namedfile.Options{AnyMode: true})
	require.NoError(t, err)
	assert.Equal(t, "hunter2", string(data))

	_, err = namedfile.Read(t.Context(), write(t, "hunter2", 0o664), namedfile.Options{})
	require.NoError(t, err, "a group may write: fsGroup has it so")
}

func TestWhatIsNoFileIsRefusedByItsKind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := namedfile.Read(t.Context(), dir, namedfile.Options{})
	require.ErrorIs(t, err, namedfile.ErrKind)
	require.EqualError(t, err, `"`+dir+`" is a directory, not a file`)

	_, err = namedfile.Read(t.Context(), "/dev/zero", namedfile.Options{})
	require.ErrorIs(t, err, namedfile.ErrKind)
	assert.EqualError(t, err, `"/dev/zero" is a device, not a file`)
}

func TestAMissingFileIsToldByItsName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing := filepath.Join(dir, "token")
	_, err := namedfile.Read(t.Context(), missing, namedfile.Options{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.EqualError(t, err, `"`+missing+`" does not exist`)

	below := filepath.Join(write(t, "", 0o600), "token")
	_, err = namedfile.Read(t.Context(), below, namedfile.Options{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.EqualError(t, err, `"`+below+`" does not exist: what should be a directory on the way is none`)
}

func TestACredentialInPlaceOfAFileNameIsNotInTheError(t *testing.T) {
	t.Parallel()
	for what, text := range none {
		_, err := namedfile.Read(t.Context(), text, namedfile.Options{})
		require.Error(t, err, what)
		for chain := err; chain != nil; {
			assert.NotContains(t, chain.Error(), text, what)
			next, ok := chain.(interface{ Unwrap() error })
			if !ok {
				break
			}
			chain = next.Unwrap()
		}
		assert.Equal(t, namedfile.Show(text)+" is set where the name of a file belongs; give the file's name, not what is in it", err.Error(), what)
	}
}
