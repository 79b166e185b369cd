//go:build unix

package envfile

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// fifo makes a FIFO and gives text to the first who opens it.
func fifo(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	if text == "" {
		return path
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte(text), 0) }()
	t.Cleanup(func() { assert.NoError(t, <-written) })
	return path
}

func TestADotenvMayBeAPipe(t *testing.T) {
	t.Parallel()
	path := fifo(t, "DB_USER=app\nDB_PASSWORD=hunter2\n")
	p := NewDotenv(path, DotenvOptions{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			assert.Equal(t, "hunter2", get(t, p, name("db/password")))
			assert.Equal(t, map[string]string{"user": "app", "password": "hunter2"}, getFields(t, p, name("db")))
		})
	}
	wg.Wait()
	assert.Equal(t, "app", get(t, p, name("db/user")), "what it gave once is not asked for again")
	require.NoError(t, os.Remove(path))
	assert.Equal(t, "app", get(t, p, name("db/user")), "a mount that serves a number of reads is gone after them")

	require.NoError(t, os.WriteFile(path, []byte("DB_USER=other\n"), 0o600))
	assert.Equal(t, "other", get(t, p, name("db/user")), "a file in its place is read as a file")
}

func TestA_FILEVariableMayNameAPipe(t *testing.T) {
	t.Parallel()
	token := fifo(t, "hunter2\n")
	e := fakeEnv(EnvOptions{Tree: true}, map[string]string{"DB_TOKEN_FILE": token, "DB_USER": "app"})
	assert.Equal(t, map[string]string{"user": "app", "token": "hunter2", "token_file": token}, getFields(t, e, name("db")))
	assert.Equal(t, "hunter2", get(t, e, name("db/token")))
}

func TestTheDescriptorThatAShellOpensIsRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere opening /dev/fd/N shares the descriptor")
	}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	_, err = w.WriteString("TOKEN=hunter2\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	p := NewDotenv("/dev/fd/"+strconv.Itoa(int(r.Fd())), DotenvOptions{})
	for range 2 {
		assert.Equal(t, "hunter2", get(t, p, name("token")))
	}
}

func TestAPipeThatNobodyWritesToIsToldInTime(t *testing.T) {
	t.Parallel()
	path := fifo(t, "")
	p := NewDotenv(path, DotenvOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := p.Fetch(ctx, name("token"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.Contains(t, err.Error(), "is a FIFO that nothing was written to in time")
	assert.Less(t, time.Since(start), 3*time.Second)

	start = time.Now()
	require.NoError(t, p.Close())
	assert.Less(t, time.Since(start), time.Second)

	go func() { _ = os.WriteFile(path, []byte("TOKEN=late\n"), 0) }()
	assert.Equal(t, "late", get(t, NewDotenv(path, DotenvOptions{}), name("token")))
}

func TestAPipeIsBoundedInSizeAndMode(t *testing.T) {
	t.Parallel()
	p := NewDotenv(fifo(t, "TOKEN=more than ten bytes\n"), DotenvOptions{MaxSize: 10})
	assert.Contains(t, refuses(t, p, name("token"), secrets.ErrInvalid), "is larger than")

	open := fifo(t, "")
	require.NoError(t, os.Chmod(open, 0o602))
	assert.Contains(t, refuses(t, NewDotenv(open, DotenvOptions{}), name("token"), secrets.ErrInvalid), "can be written by every user")
}

func TestAHeldValueOutlivesThePipeItCameFrom(t *testing.T) {
	t.Parallel()
	path := fifo(t, "TOKEN=hunter2\n")
	r, err := secrets.Open(t.Context(), "envfile://"+path)
	require.NoError(t, err)
	defer r.Close()
	for range 2 {
		s, err := r.Refresh(t.Context(), "token")
		require.NoError(t, err)
		assert.Equal(t, "hunter2", s.Reveal())
	}
}

func TestTheOwnerOfADotenvMatters(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("hunter2"), 0o600))
	for _, c := range []struct {
		rule       string
		dir        os.FileMode
		owner      int
		implicit   bool
		link       bool
		wantSecret bool
	}{
		{"an implicit one of another user in a directory that everybody can write", 0o1777, 1234, true, false, false},
		{"a link to it that another user made", 0o1777, 0, true, true, false},
		{"our own there", 0o1777, 0, true, false, true},
		{"another user's elsewhere, as a bind mount has it", 0o755, 1234, true, false, true},
		{"another user's that configuration names", 0o1777, 1234, false, false, true},
	} {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, c.dir))
		path := filepath.Join(dir, ".env")
		write(t, dir, map[string]string{"real.env": "TOKEN=t\nPW_FILE=" + token + "\n"})
		at := path
		if c.link {
			require.NoError(t, os.Symlink("real.env", path))
			require.NoError(t, os.Lchown(path, 1234, 1234))
		} else {
			require.NoError(t, os.Rename(filepath.Join(dir, "real.env"), path))
			require.NoError(t, os.Chown(path, c.owner, c.owner))
		}
		var log bytes.Buffer
		p := NewDotenv(at, DotenvOptions{Implicit: c.implicit, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if !c.wantSecret {
			assert.Contains(t, refuses(t, p, name("token"), secrets.ErrInvalid), "belongs to another user", c.rule)
			continue
		}
		assert.Equal(t, "t", get(t, p, name("token")), c.rule)
		get(t, p, name("token"))
		warnings := 0
		if c.owner != 0 {
			warnings = 1
		}
		assert.Equal(t, warnings, strings.Count(log.String(), "a dotenv file belongs to another user"), c.rule)
		if c.implicit {
			assert.Contains(t, refuses(t, p, name("pw"), secrets.ErrInvalid), "sets PW_FILE", c.rule)
		} else {
			assert.Equal(t, "hunter2", get(t, p, name("pw")), c.rule)
		}
	}
}
