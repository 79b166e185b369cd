package envfile

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// inNamespace runs a test again in namespaces of its own for users and mounts,
// where it may mount, and set its limits.
func inNamespace(t *testing.T) (inside bool) {
	t.Helper()
	const marker = "ENVFILE_TEST_NAMESPACE"
	if os.Getenv(marker) == t.Name() {
		return true
	}
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), marker+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if len(out) == 0 && err != nil {
		t.Skipf("this system gives no namespace of its own: %v", err)
	}
	require.NoError(t, err, "%s", out)
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("%s", out)
	}
	require.Contains(t, string(out), "PASS")
	return false
}

// bind mounts what is at source at target, which it makes.
func bind(t *testing.T, source, target string) {
	t.Helper()
	fi, err := os.Stat(source)
	require.NoError(t, err)
	if fi.IsDir() {
		require.NoError(t, os.MkdirAll(target, 0o755))
	} else {
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755))
		require.NoError(t, os.WriteFile(target, nil, 0o600))
	}
	if err := syscall.Mount(source, target, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("this system does not let a namespace mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(target, syscall.MNT_DETACH) })
}

// edit writes a file in place.
func edit(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestAFileThatIsMountedByItselfIsSeenToChange(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	host, run := filepath.Join(dir, "host"), filepath.Join(dir, "run/secrets")
	write(t, host, map[string]string{"password": "0", "user": "0", "password2": "0", ".env": "A=0", "twice": "0", "db/key": "0"})
	write(t, run, map[string]string{"plain": "0"})
	for _, name := range []string{"password", "db/user", "app/.env", "once", "again"} {
		source := filepath.Base(name)
		if name == "once" || name == "again" {
			source = "twice"
		}
		bind(t, filepath.Join(host, source), filepath.Join(run, name))
	}
	require.NoError(t, os.Symlink("password", filepath.Join(run, "link")))
	p := NewDir(run, DirOptions{})
	defer p.Close()

	t.Run("only what was mounted is watched by itself", func(t *testing.T) {
		assert.True(t, isMounted(filepath.Join(run, "password")))
		assert.False(t, isMounted(filepath.Join(run, "plain")))
		assert.False(t, isMounted(filepath.Join(run, "no such")))
	})
	changes := func(t *testing.T, p secrets.WatchProvider, ref secrets.Ref, source string) {
		l := listen(t, p, ref)
		for i := 1; i <= 3; i++ {
			l.hears("an edit in place", func() { edit(t, source, fmt.Sprint(i)) })
		}
	}
	t.Run("as a secret of Compose", func(t *testing.T) { changes(t, p, name("password"), host+"/password") })
	t.Run("through a link", func(t *testing.T) { changes(t, p, name("link"), host+"/password") })
	t.Run("as one file of a directory that is a document", func(t *testing.T) { changes(t, p, name("db"), host+"/user") })
	t.Run("as what a _FILE variable names", func(t *testing.T) {
		t.Setenv("DB_PASSWORD_FILE", filepath.Join(run, "password"))
		e := NewEnv(EnvOptions{})
		defer e.Close()
		changes(t, e, name("db/password"), host+"/password")
	})
	t.Run("as a dotenv", func(t *testing.T) {
		d := NewDotenv(filepath.Join(run, "app/.env"), DotenvOptions{})
		defer d.Close()
		l := listen(t, d, name("a"))
		l.hears("an edit in place", func() { edit(t, host+"/.env", "A=1") })
	})
	t.Run("at two places", func(t *testing.T) {
		once, again := listen(t, p, name("once")), listen(t, p, name("again"))
		for i := 1; i <= 3; i++ {
			before := again.calls.Load()
			once.hears("an edit in place", func() { edit(t, host+"/twice", fmt.Sprint(i)) })
			again.waitFor(before)
		}
	})
	t.Run("but not when another file takes the place of its source, which a mount does not follow", func(t *testing.T) {
		write(t, host, map[string]string{"pinned": "old"})
		bind(t, host+"/pinned", run+"/pinned")
		l := listen(t, p, name("pinned"))
		replace(t, host+"/pinned", "new")
		assert.Equal(t, "old", get(t, p, name("pinned")))
		require.NoError(t, syscall.Unmount(run+"/pinned", syscall.MNT_DETACH))
		require.NoError(t, syscall.Mount(host+"/pinned", run+"/pinned", "", syscall.MS_BIND, ""))
		assert.Equal(t, "new", get(t, p, name("pinned")), "mounted anew")
		l.hears("an edit in place, of what another name in the directory has its event from", func() {
			edit(t, host+"/pinned", "newer")
			write(t, run, map[string]string{"plain": "1"})
		})
		l.hears("an edit in place", func() { edit(t, host+"/pinned", "newest") })
	})
	t.Run("by an app, within a second", func(t *testing.T) {
		edit(t, host+"/password", "one")
		r, err := secrets.Open(t.Context(), "file://"+run, secrets.WithLogger(nil))
		require.NoError(t, err)
		defer r.Close()
		require.NoError(t, r.Preload(t.Context(), "password"))
		start := time.Now()
		edit(t, host+"/password", "two")
		require.Eventually(t, func() bool {
			s, err := r.Get(t.Context(), "password")
			return err == nil && s.Reveal() == "two"
		}, 10*time.Second, time.Millisecond)
		assert.Less(t, time.Since(start), time.Second)
		t.Logf("seen after %v", time.Since(start))
	})
}

func TestADirectoryThatIsMountedTwiceIsSeenToChangeAtBothPlaces(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"volume/db/token": "0"})
	bind(t, filepath.Join(dir, "volume"), filepath.Join(dir, "a"))
	bind(t, filepath.Join(dir, "volume"), filepath.Join(dir, "b"))
	p := openDir(DirOptions{})
	defer p.Close()
	first, second := listen(t, p, below(dir+"/a", "db/token")), listen(t, p, below(dir+"/b", "db/token"))
	for i := 1; i <= 2; i++ {
		before := second.calls.Load()
		first.hears("a rename", func() { replace(t, dir+"/volume/db/token", fmt.Sprint(i)) })
		second.waitFor(before)
	}
	first.end()
	for i := 3; i <= 4; i++ {
		second.hears("a rename, with one of the watches ended", func() { replace(t, dir+"/volume/db/token", fmt.Sprint(i)) })
	}
}

func TestWhatTheSystemRefusesToWatchInPartIsReadEveryHalfMinute(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	if err := os.WriteFile("/proc/sys/user/max_inotify_watches", []byte("2"), 0o600); err != nil {
		t.Skipf("this system lets a namespace set no limit: %v", err)
	}
	top := t.TempDir()
	write(t, top, map[string]string{"a/token": "one", "b/token": "one"})
	r, err := secrets.Open(t.Context(), "file://"+top, secrets.WithLogger(nil))
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.Preload(t.Context(), "a/token", "b/token"))
	require.Eventually(t, func() bool {
		told := make(map[string]bool)
		for _, s := range r.Status() {
			if strings.Contains(s.WatchError, "read every 30s") && strings.Contains(s.WatchError, "max_user_watches") {
				told[strings.TrimSuffix(s.Document, "/token")] = true
			}
		}
		return len(told) == 1
	}, 10*time.Second, time.Millisecond, "one directory of two has no watch, and Status tells of it")
	assert.NoError(t, r.Healthy())
}
