//go:build unix

package envfile

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestDirReadsRegularFilesOnly(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "envfile") // short enough for a socket's path
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	write(t, dir, map[string]string{"db/user": "app"})
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "db", "fifo"), 0o600))
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	require.NoError(t, err)
	defer l.Close()
	p := NewDir(dir, DirOptions{})

	t.Run("a FIFO, a socket or a device is refused, at once", func(t *testing.T) {
		start := time.Now()
		assert.Contains(t, refuses(t, p, name("fifo"), secrets.ErrInvalid), "a FIFO")
		assert.Contains(t, refuses(t, p, name("socket"), secrets.ErrInvalid), "a socket")
		for _, device := range []string{"/dev/zero", "/dev/null", "/dev/tty"} {
			if _, err := os.Stat(device); err == nil {
				assert.Contains(t, refuses(t, openDir(DirOptions{}), name(device), secrets.ErrInvalid), "a device")
			}
		}
		assert.Contains(t, refuses(t, openDir(DirOptions{}), name(dir+"/fifo"), secrets.ErrInvalid), "envfile:// and _FILE variables read a pipe")
		assert.Less(t, time.Since(start), time.Second)
	})
	t.Run("and left out of a directory", func(t *testing.T) {
		assert.Equal(t, map[string]string{"user": "app"}, getFields(t, p, name("db")))
	})
	t.Run("a file that may not be read is a permission that is missing", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root may read everything")
		}
		require.NoError(t, os.Chmod(filepath.Join(dir, "db", "user"), 0))
		refuses(t, p, name("db/user"), secrets.ErrPermission)
		refuses(t, p, name("db"), secrets.ErrPermission)
	})
}

func TestFilesThatOthersCanWriteAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"db/password": "hunter2", "db/user": "app"})
	file := filepath.Join(dir, "db", "password")
	chmod := func(path string, mode uint32) { require.NoError(t, syscall.Chmod(path, mode)) }
	p := NewDir(dir, DirOptions{})

	chmod(file, 0o646)
	for _, path := range []string{"db/password", "db"} {
		msg := refuses(t, p, name(path), secrets.ErrInvalid)
		assert.Contains(t, msg, "chmod o-w")
		assert.NotContains(t, msg, "hunter2")
	}
	assert.Equal(t, "hunter2", get(t, NewDir(dir, DirOptions{Perm: PermAny}), name("db/password")))
	chmod(file, 0o664)
	assert.Equal(t, "hunter2", get(t, p, name("db/password")))
	refuses(t, NewDir(dir, DirOptions{Perm: PermPrivate}), name("db/password"), secrets.ErrInvalid)

	t.Run("a mount's root may be open to all, the directory that ..data leads to may not", func(t *testing.T) {
		m := newMount(t, filepath.Join(dir, "vol"))
		m.swap(map[string]string{"password": "hunter2"})
		chmod(m.dir, 0o1777)
		assert.Equal(t, "hunter2", get(t, p, name("vol/password")))
		assert.Equal(t, map[string]string{"password": "hunter2"}, getFields(t, p, name("vol")))
		version, err := os.Readlink(filepath.Join(m.dir, dataLink))
		require.NoError(t, err)
		chmod(filepath.Join(m.dir, version), 0o777)
		assert.Contains(t, refuses(t, p, name("vol/password"), secrets.ErrInvalid), "..data")
		refuses(t, p, name("vol"), secrets.ErrInvalid)
	})
}
