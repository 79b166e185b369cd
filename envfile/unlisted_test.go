//go:build unix

package envfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// asOther runs a test again as a user who is not root: root may list every
// directory.
func asOther(t *testing.T) (other bool) {
	t.Helper()
	if os.Geteuid() != 0 {
		return true
	}
	self, err := os.Executable()
	require.NoError(t, err)
	data, err := os.ReadFile(self)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "envfile")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o777))
	program := filepath.Join(dir, "test")
	require.NoError(t, os.WriteFile(program, data, 0o755))
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+dir, "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "PASS")
	return false
}

func TestAFileInADirectoryThatMayOnlyBeEnteredIsRead(t *testing.T) {
	if !asOther(t) {
		return
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"run/secrets.d/1/db/password": "hunter2\n", "run/secrets.d/1/token": "t", "outside": "no", "run/secrets.d/1/.env": "A=b"})
	require.NoError(t, os.Symlink("secrets.d/1", filepath.Join(dir, "run/secrets")))
	require.NoError(t, os.Symlink("../../../outside", filepath.Join(dir, "run/secrets.d/1/escape")))
	for _, entered := range []string{"run/secrets.d/1/db", "run/secrets.d/1", "run/secrets.d", "run"} {
		require.NoError(t, os.Chmod(filepath.Join(dir, entered), 0o711&^0o400))
		t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, entered), 0o700) })
	}
	p := NewDir(filepath.Join(dir, "run/secrets"), DirOptions{})
	assert.Equal(t, "hunter2", get(t, p, name("db/password")))
	assert.Equal(t, "t", get(t, p, name("token")))
	assert.Equal(t, "b", get(t, NewDotenv(filepath.Join(dir, "run/secrets/.env"), DotenvOptions{}), name("a")))
	assert.Equal(t, "t", get(t, fakeEnv(EnvOptions{}, map[string]string{"A_FILE": filepath.Join(dir, "run/secrets/token")}), name("a")))
	assert.Contains(t, refuses(t, p, name("escape"), secrets.ErrInvalid), "leads out of")
	refuses(t, p, name("missing"), secrets.ErrNotFound)
	refuses(t, p, name("db"), secrets.ErrPermission)
	require.NoError(t, os.Chmod(filepath.Join(dir, "run/secrets.d/1/token"), 0))
	refuses(t, p, name("token"), secrets.ErrPermission)
}

func TestAFileInADirectoryThatMayOnlyBeEnteredIsSeenToChange(t *testing.T) {
	if !asOther(t) {
		return
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"run/token": "0"})
	run := filepath.Join(dir, "run")
	require.NoError(t, os.Chmod(run, 0o311))
	t.Cleanup(func() { _ = os.Chmod(run, 0o700) })
	p := NewDir(run, DirOptions{})
	defer p.Close()
	l := listen(t, p, name("token"))
	l.hears("a write in place", func() { write(t, run, map[string]string{"token": "1"}) })
	l.hears("a rename over it", func() { replace(t, run+"/token", "2") })
	l.hears("another", func() { replace(t, run+"/token", "3") })
	l.hears("a write in place", func() { write(t, run, map[string]string{"token": "4"}) })
	assert.ErrorContains(t, p.Watch(t.Context(), name("missing"), func() {}), "a directory on the way may not be listed")
}

func TestAFileThatADirectoryLinksToIsSeenToChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"common/user": "0", "db/password": "0"})
	require.NoError(t, os.Symlink("../common/user", filepath.Join(dir, "db/user")))
	p := NewDir(dir, DirOptions{})
	defer p.Close()
	l := listen(t, p, name("db"))
	l.hears("a write in place", func() { write(t, dir, map[string]string{"common/user": "1"}) })
	l.hears("a rename over it", func() { replace(t, dir+"/common/user", "2") })
}

func TestADirectoryDocumentLeavesOutWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"db/user": "app", "db/password": "hunter2", "db/password~": "old", "db/.password.swp": "x", "db/.password123456789": "half", "db/user.tmp": "half",
		"db/dump": strings.Repeat("x", 2000), "db/.keep": "", "full/a": strings.Repeat("a", 700), "full/b": strings.Repeat("b", 700),
		"out/inside": "x", "elsewhere": "y",
	})
	p := NewDir(dir, DirOptions{MaxSize: 1000})
	assert.Equal(t, map[string]string{"user": "app", "password": "hunter2", ".keep": ""}, getFields(t, p, name("db")))
	assert.Equal(t, "half", get(t, p, name("db/user.tmp")), "whoever names one gets it")
	refuses(t, p, name("db/dump"), secrets.ErrInvalid)
	refuses(t, p, name("full"), secrets.ErrInvalid)

	other := t.TempDir()
	write(t, other, map[string]string{"token": "t"})
	require.NoError(t, os.Symlink(filepath.Join(other, "token"), filepath.Join(dir, "out/token")))
	msg := refuses(t, p, name("out"), secrets.ErrInvalid)
	assert.Contains(t, msg, "is a link that leads out of")
	assert.Contains(t, msg, "refer to the file that it leads to")
	assert.Contains(t, refuses(t, p, name("out/token"), secrets.ErrInvalid), "refer to the file that it leads to")

	require.NoError(t, os.Mkdir(filepath.Join(dir, "nowhere"), 0o755))
	require.NoError(t, os.Symlink("../no/such", filepath.Join(dir, "nowhere/token")))
	assert.Contains(t, refuses(t, p, name("nowhere"), secrets.ErrNotFound), `holds links to what does not exist, "token" for one`)
	assert.Contains(t, refuses(t, p, name("nowhere/token"), secrets.ErrNotFound), "is a link to what does not exist")
}

func TestANameLongerThanThatOfAnyFileIsToldWithoutReadingAnything(t *testing.T) {
	t.Parallel()
	p := NewDir(t.TempDir(), DirOptions{})
	for _, long := range []string{strings.Repeat("a/", 16_000) + "a", strings.Repeat("a", 32_000)} {
		_, err := p.Fetch(t.Context(), name(long))
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Less(t, len(err.Error()), 300, "it is not repeated")
		var u interface{ Unspellable() bool }
		require.ErrorAs(t, err, &u)
		assert.True(t, u.Unspellable())
	}
}

func BenchmarkLongNames(b *testing.B) {
	p := NewDir(b.TempDir(), DirOptions{})
	for _, n := range []int{1_000, 10_000, 100_000} {
		long := strings.Repeat("a/", n/2) + "a"
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				_, _ = p.Fetch(b.Context(), name(long))
			}
		})
	}
}
