package envfile

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/namedfile"
)

func TestDotenvFindsNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, ".env")
	write(t, dir, map[string]string{
		".env": "DB_USER=app\nDB_PASSWORD='p$1'\nEMPTY=\nAPP_DB_USER=prefixed\nlower=l\nPW_FILE=" + dir + "/pw\n",
		"pw":   "from a file\n",
	})
	p := NewDotenv(file, DotenvOptions{})

	t.Run("as in the environment, with documents besides", func(t *testing.T) {
		assert.Equal(t, "p$1", get(t, p, name("db/password")))
		assert.Equal(t, map[string]string{"user": "app", "password": "p$1"}, getFields(t, p, name("db")))
		assert.Equal(t, "from a file", get(t, p, name("pw")))
		assert.Empty(t, get(t, p, name("empty")))
		assert.Equal(t, "prefixed", get(t, NewDotenv(file, DotenvOptions{Prefix: "APP_"}), name("db/user")))
	})
	t.Run("the base of a URI is the file", func(t *testing.T) {
		assert.Equal(t, "p$1", get(t, openDotenv(DotenvOptions{}), below(file, "db/password")))
	})
	t.Run("a reference is the whole file, keys as written", func(t *testing.T) {
		got := getFields(t, openDotenv(DotenvOptions{}), name(file))
		assert.Equal(t, "l", got["lower"])
		assert.Equal(t, "app", got["DB_USER"])
		assert.Len(t, got, 6)
		assert.Equal(t, map[string]string{"DB_USER": "prefixed"}, getFields(t, openDotenv(DotenvOptions{Prefix: "APP_"}), name(file)))
		refuses(t, openDotenv(DotenvOptions{Prefix: "NOPE_"}), name(file), secrets.ErrNotFound)
	})
	t.Run("what is missing is told with the file", func(t *testing.T) {
		assert.Contains(t, refuses(t, p, name("nope"), secrets.ErrNotFound), file)
		missing := filepath.Join(dir, "nope", ".env")
		assert.Contains(t, refuses(t, NewDotenv(missing, DotenvOptions{}), name("db/user"), secrets.ErrNotFound), missing)
	})
	t.Run("a relative file is told with its whole path", func(t *testing.T) {
		wd, err := os.Getwd()
		require.NoError(t, err)
		assert.Contains(t, refuses(t, openDotenv(DotenvOptions{}), below("no-such.env", "a"), secrets.ErrNotFound), filepath.Join(wd, "no-such.env"))
	})
	t.Run("a directory, no path or a NUL byte is refused", func(t *testing.T) {
		refuses(t, NewDotenv(dir, DotenvOptions{}), name("a"), secrets.ErrInvalid)
		refuses(t, NewDotenv("", DotenvOptions{}), name("a"), secrets.ErrInvalid)
		refuses(t, openDotenv(DotenvOptions{}), name(""), secrets.ErrInvalid)
		refuses(t, openDotenv(DotenvOptions{}), name("a\x00"), secrets.ErrInvalid)
	})
	t.Run("a malformed or repeated line is told by its number, and nothing else of it", func(t *testing.T) {
		write(t, dir, map[string]string{"bad.env": "A=1\nhunter2 x\n", "twice.env": "A=1\n\nA=hunter2\n"})
		for file, line := range map[string]string{"bad.env": "line 2", "twice.env": "line 3"} {
			msg := refuses(t, NewDotenv(filepath.Join(dir, file), DotenvOptions{}), name("a"), secrets.ErrInvalid)
			assert.Contains(t, msg, line)
			assert.Contains(t, msg, file)
			assert.NotContains(t, msg, "hunter2")
		}
	})
	t.Run("the list is of names", func(t *testing.T) {
		list := func(p secrets.ListProvider, prefix string) (got []string) {
			for path, err := range p.List(t.Context(), prefix) {
				require.NoError(t, err)
				got = append(got, path)
			}
			return got
		}
		assert.Equal(t, []string{"app_db_user", "db_password", "db_user", "empty", "lower", "pw", "pw_file"}, list(p, ""))
		assert.Equal(t, []string{"db/password", "db/user"}, list(p, "db/"))
		d := openDotenv(DotenvOptions{})
		assert.Equal(t, []string{file + "/db/password", file + "/db/user"}, list(d, file+"/db/"))
		assert.Len(t, list(d, file), 7)
		for _, err := range d.List(t.Context(), dir+"/nope.env/db/") {
			assert.ErrorIs(t, err, secrets.ErrNotFound)
		}
	})
}

func TestDotenvOfOthers(t *testing.T) {
	if !namedfile.HasModes {
		t.Skip("files have no modes here")
	}
	t.Parallel()
	var log bytes.Buffer
	o := DotenvOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	dir := t.TempDir()
	write(t, dir, map[string]string{".env": "TOKEN=hunter2"})
	file := filepath.Join(dir, ".env")
	f, err := os.Open(file)
	require.NoError(t, err)
	onVolume := namedfile.MountOf(f)
	require.NoError(t, f.Close())
	require.NoError(t, os.Chmod(file, 0o640))

	t.Run("our own that the group can read is refused, with the chmod to run", func(t *testing.T) {
		if onVolume != (namedfile.Mount{}) {
			t.Skip("the temporary directory is a volume")
		}
		msg := refuses(t, NewDotenv(file, o), name("token"), secrets.ErrInvalid)
		assert.Contains(t, msg, "chmod 600")
		assert.Contains(t, msg, "0640")
		assert.NotContains(t, msg, "hunter2")
		assert.Equal(t, "hunter2", get(t, NewDotenv(file, DotenvOptions{Perm: PermAny}), name("token")))
	})
	t.Run("on a volume it is read, with one warning", func(t *testing.T) {
		m := newMount(t, filepath.Join(dir, "vol"))
		m.swap(map[string]string{".env": "TOKEN=hunter2"})
		p := NewDotenv(filepath.Join(m.dir, ".env"), o)
		for range 3 {
			assert.Equal(t, "hunter2", get(t, p, name("token")))
		}
		assert.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())
		assert.NotContains(t, log.String(), "hunter2")
		refuses(t, NewDotenv(filepath.Join(m.dir, ".env"), DotenvOptions{Perm: PermPrivate}), name("token"), secrets.ErrInvalid)
	})
}
