package envfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestDirFindsNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"db/user": "app", "db/password": "hunter2\n", "token": "t\n\n", "crlf": "x\r\n", "empty": "",
		"deep/down/key": "k", "odd ?:%#name": "odd",
	})
	p := NewDir(dir, DirOptions{})

	t.Run("a name is a file below the directory, without its last newline", func(t *testing.T) {
		assert.Equal(t, "hunter2", get(t, p, name("db/password")))
		assert.Equal(t, "t\n", get(t, p, name("token")), "exactly one newline is dropped")
		assert.Equal(t, "x", get(t, p, name("crlf")))
		assert.Equal(t, "k", get(t, p, name("deep/down/key")))
		assert.Equal(t, "odd", get(t, p, name("odd ?:%#name")))
	})
	t.Run("the newline is kept on demand", func(t *testing.T) {
		assert.Equal(t, "hunter2\n", get(t, NewDir(dir, DirOptions{KeepNewline: true}), name("db/password")))
	})
	t.Run("an empty file is an empty secret", func(t *testing.T) {
		v, err := p.Fetch(t.Context(), name("empty"))
		require.NoError(t, err)
		assert.Empty(t, v.Data)
		assert.False(t, v.Created.IsZero())
	})
	t.Run("a directory's files are one document, one level deep", func(t *testing.T) {
		assert.Equal(t, map[string]string{"user": "app", "password": "hunter2"}, getFields(t, p, name("db")))
		refuses(t, p, name("deep"), secrets.ErrNotFound)
	})
	t.Run("the base of a URI is the directory", func(t *testing.T) {
		d := openDir(DirOptions{})
		assert.Equal(t, "hunter2", get(t, d, below(dir, "db/password")))
		assert.Equal(t, "hunter2", get(t, d, below(dir+"/db/", "password")))
	})
	t.Run("a reference is a whole path", func(t *testing.T) {
		d := openDir(DirOptions{})
		assert.Equal(t, "hunter2", get(t, d, name(dir+"/db/password")))
		assert.Equal(t, map[string]string{"user": "app", "password": "hunter2"}, getFields(t, d, name(dir+"/db")))
		assert.Equal(t, map[string]string{"user": "app", "password": "hunter2"}, getFields(t, d, name(dir+"/db/")))
		assert.Equal(t, "hunter2", get(t, d, name(dir+"/deep/../db/password")))
	})
	t.Run("what does not exist is not found, also below a file", func(t *testing.T) {
		for _, missing := range []string{"nope", "db/nope", "nope/nope", "db/password/nope", "deep/down/key/a/b"} {
			refuses(t, p, name(missing), secrets.ErrNotFound)
		}
		refuses(t, NewDir(filepath.Join(dir, "nope"), DirOptions{}), name("db"), secrets.ErrNotFound)
	})
	t.Run("an error tells the path", func(t *testing.T) {
		assert.Contains(t, refuses(t, p, name("db/nope"), secrets.ErrNotFound), filepath.Join(dir, "db", "nope"))
	})
	t.Run("a directory document leaves out what is no text", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, map[string]string{"tls/tls.crt": "CERT\n", "tls/keystore.p12": "\xff\xfe\x00", "only/binary": "\xff"})
		p := NewDir(dir, DirOptions{})
		assert.Equal(t, map[string]string{"tls.crt": "CERT"}, getFields(t, p, name("tls")))
		assert.Equal(t, "\xff\xfe\x00", get(t, p, name("tls/keystore.p12")))
		assert.Contains(t, refuses(t, p, name("only"), secrets.ErrNotFound), "no text file")
	})
	t.Run("a file that appears later is found", func(t *testing.T) {
		refuses(t, p, name("late"), secrets.ErrNotFound)
		write(t, dir, map[string]string{"late": "now"})
		assert.Equal(t, "now", get(t, p, name("late")))
	})
}

func TestDirReadsFormats(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const object = `{"user": "app", "n": 1e3}`
	write(t, dir, map[string]string{
		"db.json": object + "\n", "list.json": "[1]", "broken.json": `{"password": "hunter2`, "plain-object": object, "broken-object": object[:10],
		"app.env": "user=app\npassword='p$1'\n", ".env.local": "A=1", "broken.env": "A=1\nhunter2 is secret\n",
		"pairs": "user=app\npassword=hunter2\n", "looks-like": "YWJj=", "pem": "-----BEGIN KEY-----\nYWJj\n-----END KEY-----\n",
		"injector": "user: app\npassword: a: b \n\n", "injector2": "data: map[password:hunter2]\nmetadata: map[]\n",
	})
	p := NewDir(dir, DirOptions{})

	t.Run("JSON stays as it is written", func(t *testing.T) {
		assert.Equal(t, object, get(t, p, name("db.json")))
		assert.Equal(t, "[1]", get(t, p, name("list.json")))
		assert.Equal(t, object, get(t, p, name("plain-object")))
	})
	t.Run("a .env file is a document with the keys as written", func(t *testing.T) {
		assert.Equal(t, map[string]string{"user": "app", "password": "p$1"}, getFields(t, p, name("app.env")))
		assert.Equal(t, map[string]string{"A": "1"}, getFields(t, p, name(".env.local")))
	})
	t.Run("a file without extension that reads as a dotenv has fields, and stays its text", func(t *testing.T) {
		assert.Equal(t, "user=app\npassword=hunter2", get(t, p, name("pairs")))
		got := getFields(t, p, name("pairs"))
		assert.Equal(t, "hunter2", got["password"])
		assert.Equal(t, "app", got["user"])
		assert.Equal(t, "YWJj=", get(t, p, name("looks-like")))
	})
	t.Run("any other text is itself", func(t *testing.T) {
		for _, file := range []string{"pem", "broken-object"} {
			v, err := p.Fetch(t.Context(), name(file))
			require.NoError(t, err)
			assert.Empty(t, v.Default)
		}
	})
	t.Run("what its extension promises and does not hold is refused, by line and without content", func(t *testing.T) {
		msg := refuses(t, p, name("broken.json"), secrets.ErrInvalid)
		assert.Contains(t, msg, "at byte 21 of 21")
		assert.NotContains(t, msg, "hunter2")
		msg = refuses(t, p, name("broken.env"), secrets.ErrInvalid)
		assert.Contains(t, msg, "line 2")
		assert.NotContains(t, msg, "hunter2")
	})
	t.Run("format says what the extension does not", func(t *testing.T) {
		lines := NewDir(dir, DirOptions{Format: FormatLines})
		assert.Equal(t, map[string]string{"user": "app", "password": "a: b "}, getFields(t, lines, name("injector")))
		msg := refuses(t, lines, name("injector2"), secrets.ErrInvalid)
		assert.Contains(t, msg, "toJSON")
		assert.NotContains(t, msg, "hunter2")
		dotenv := NewDir(dir, DirOptions{Format: FormatDotenv})
		assert.Equal(t, map[string]string{"user": "app", "password": "hunter2"}, getFields(t, dotenv, name("pairs")))
		refuses(t, NewDir(dir, DirOptions{Format: FormatJSON}), name("pairs"), secrets.ErrInvalid)
	})
}

func TestDirRefuses(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "base")
	write(t, top, map[string]string{"outside": "hunter2", "base/inside": "i", "base/db/user": "app", "base/out/ok": "x"})
	link := func(target, at string) { require.NoError(t, os.Symlink(target, filepath.Join(dir, at))) }
	link("../outside", "escape")
	link(filepath.Join(top, "outside"), "absolute")
	link("../", "up")
	link("inside", "within")
	link("loop", "loop")
	link("nowhere", "dangling")
	link("../../outside", "out/escape")
	p := NewDir(dir, DirOptions{})

	t.Run("names that lead out of the directory", func(t *testing.T) {
		for _, bad := range []string{"../outside", "db/../../outside", "..", ".", "", "/etc/passwd", "db/../inside", "db//user", "escape", "absolute", "up/outside", "out", "a\x00b"} {
			assert.NotContains(t, refuses(t, p, name(bad), secrets.ErrInvalid), "hunter2", bad)
		}
		d := openDir(DirOptions{})
		for _, bad := range []string{"../outside", "/etc/passwd", "escape", "a\x00b"} {
			refuses(t, d, below(dir, bad), secrets.ErrInvalid)
		}
		refuses(t, d, name("a\x00b"), secrets.ErrInvalid)
		refuses(t, d, name(""), secrets.ErrInvalid)
	})
	t.Run("a name that no file can have, so that its parent is asked", func(t *testing.T) {
		_, err := p.Fetch(t.Context(), name("db/"+strings.Repeat("x", 300)))
		assert.ErrorIs(t, err, secrets.ErrInvalid)
		var u interface{ Unspellable() bool }
		require.ErrorAs(t, err, &u)
		assert.True(t, u.Unspellable())
	})
	t.Run("but no link within", func(t *testing.T) {
		assert.Equal(t, "i", get(t, p, name("within")))
	})
	t.Run("a link that leads out is followed where the whole path was given", func(t *testing.T) {
		d := openDir(DirOptions{})
		assert.Equal(t, "hunter2", get(t, d, name(dir+"/escape")))
		assert.Equal(t, "hunter2", get(t, d, name(dir+"/absolute")))
	})
	t.Run("a base that is a file", func(t *testing.T) {
		assert.Contains(t, refuses(t, NewDir(filepath.Join(dir, "inside"), DirOptions{}), name("a"), secrets.ErrInvalid), "is a file")
	})
	t.Run("links to nothing and in circles", func(t *testing.T) {
		refuses(t, p, name("dangling"), secrets.ErrNotFound)
		refuses(t, p, name("loop"), secrets.ErrInvalid)
	})
	t.Run("what is too large, unread", func(t *testing.T) {
		file, err := os.Create(filepath.Join(dir, "huge"))
		require.NoError(t, err)
		require.NoError(t, file.Truncate(50<<20))
		require.NoError(t, file.Close())
		assert.Contains(t, refuses(t, p, name("huge"), secrets.ErrInvalid), "option max")
		write(t, dir, map[string]string{"most": strings.Repeat("x", 1<<20) + "\n", "more": strings.Repeat("x", 1<<20+1)})
		assert.Len(t, get(t, p, name("most")), 1<<20)
		refuses(t, p, name("more"), secrets.ErrInvalid)
		assert.Len(t, get(t, NewDir(dir, DirOptions{MaxSize: 1 << 21}), name("more")), 1<<20+1)
		write(t, dir, map[string]string{"two/a": strings.Repeat("x", 6), "two/b": strings.Repeat("x", 6)})
		refuses(t, NewDir(dir, DirOptions{MaxSize: 10}), name("two"), secrets.ErrInvalid)
	})
	t.Run("wrong options, from every method", func(t *testing.T) {
		for _, p := range []*Dir{NewDir("", DirOptions{}), NewDir(dir, DirOptions{Format: "xml"}), NewDir(dir, DirOptions{Perm: "none"}), NewDir(dir, DirOptions{MaxSize: -1})} {
			refuses(t, p, name("inside"), secrets.ErrInvalid)
			assert.ErrorIs(t, p.Watch(t.Context(), name("inside"), func() {}), secrets.ErrInvalid)
			for _, err := range p.List(t.Context(), "") {
				assert.ErrorIs(t, err, secrets.ErrInvalid)
			}
		}
	})
	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.Fetch(ctx, name("inside"))
		assert.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, err, secrets.ErrUnavailable)
	})
}

func TestDirLists(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "base")
	write(t, top, map[string]string{"base/db/user": "u", "base/db/password": "p", "base/db2": "x", "base/a/b/c": "y", "base2/z": "z", "outside": "o"})
	newMount(t, filepath.Join(dir, "vol")).swap(map[string]string{"key": "k", "nested/key": "n"})
	require.NoError(t, os.Symlink("../outside", filepath.Join(dir, "escape")))
	require.NoError(t, os.Symlink(".", filepath.Join(dir, "circle")))

	list := func(p secrets.ListProvider, prefix string) (got []string) {
		for path, err := range p.List(t.Context(), prefix) {
			require.NoError(t, err)
			got = append(got, path)
		}
		return got
	}
	p, d := NewDir(dir, DirOptions{}), openDir(DirOptions{})
	all := []string{"a/b/c", "db/password", "db/user", "db2", "vol/key", "vol/nested/key"}
	t.Run("names are relative to the directory", func(t *testing.T) {
		assert.Equal(t, all, list(p, ""))
		assert.Equal(t, []string{"db/password", "db/user", "db2"}, list(p, "db"))
		assert.Equal(t, []string{"db/password", "db/user"}, list(p, "db/"))
		assert.Equal(t, []string{"db/password"}, list(p, "db/p"))
		assert.Empty(t, list(p, "nope"))
		assert.Empty(t, list(p, "nope/nope/"))
	})
	t.Run("or whole paths where the base comes with the prefix", func(t *testing.T) {
		whole := make([]string, len(all))
		for i := range all {
			whole[i] = dir + "/" + all[i]
		}
		assert.Equal(t, whole, list(d, dir+"/"))
		assert.Equal(t, append(slices.Clone(whole), dir+"2/z"), list(d, dir))
		assert.Equal(t, []string{dir + "/db/password"}, list(d, dir+"/db/p"))
		assert.Equal(t, []string{dir + "/db/password", dir + "/db/user", dir + "/db2"}, list(d, dir+"/db"))
		assert.Empty(t, list(d, dir+"/nope/"))
	})
	t.Run("the reader may stop", func(t *testing.T) {
		for _, p := range []struct {
			secrets.ListProvider
			prefix string
		}{{p, ""}, {d, dir}} {
			n := 0
			for range p.List(t.Context(), p.prefix) {
				if n++; n == 2 {
					break
				}
			}
			assert.Equal(t, 2, n)
		}
	})
	t.Run("a missing directory is an error", func(t *testing.T) {
		var last error
		for _, err := range NewDir(dir+"3", DirOptions{}).List(t.Context(), "") {
			last = err
		}
		assert.ErrorIs(t, last, secrets.ErrNotFound)
	})
}

func TestOpenersCheckOptions(t *testing.T) {
	t.Parallel()
	openers := map[string]secrets.Opener{"env": openEnv, "envfile": openEnvfile, "file": openFile}
	for _, c := range []struct {
		scheme, option, value string
		ok                    bool
	}{
		{"file", "format", "json", true}, {"file", "format", "lines", true}, {"file", "format", "yaml", false},
		{"file", "trim", "none", true}, {"file", "trim", "newline", true}, {"file", "trim", "all", false},
		{"file", "perm", "any", true}, {"file", "perm", "private", true}, {"file", "perm", "0644", false},
		{"file", "max", "4194304", true}, {"file", "max", "0", false}, {"file", "max", "4MiB", false}, {"file", "max", "9223372036854775807", false},
		{"envfile", "prefix", "APP_", true}, {"envfile", "perm", "x", false}, {"envfile", "max", "-1", false},
		{"env", "tree", "true", true}, {"env", "tree", "maybe", false}, {"env", "prefix", "APP_", true}, {"env", "perm", "x", false},
	} {
		p, err := openers[c.scheme](t.Context(), secrets.Ref{Scheme: c.scheme, Options: map[string]string{c.option: c.value}})
		if c.ok {
			assert.NoError(t, err, c)
			assert.NotNil(t, p, c)
		} else {
			assert.ErrorIs(t, err, secrets.ErrInvalid, c)
		}
	}
}

func TestDirHasNoMoreReadsThanSlots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "x"})
	p := NewDir(dir, DirOptions{})
	for range maxReads {
		p.files.slots <- struct{}{} // as reads that hang would
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := p.Fetch(ctx, name("a"))
		done <- err
	}()
	cancel()
	err := <-done
	assert.True(t, errors.Is(err, context.Canceled) && errors.Is(err, secrets.ErrUnavailable), err)
	<-p.files.slots
	assert.Equal(t, "x", get(t, p, name("a")), "one has come back")
}

// Whatever the name, what is read is below the directory, and what is refused
// is refused with a class.
func FuzzDirNames(f *testing.F) {
	for _, seed := range []string{"inside", "../outside", "db/../../outside", "/outside", "link", "db/link", "..data/x", "db//user", "db/", "a\x00b", "C:outside", `..\outside`, "", ".", "db/user", strings.Repeat("x/", 300)} {
		f.Add(seed)
	}
	top := f.TempDir()
	write(f, top, map[string]string{"outside": "outside", "base/inside": "inside", "base/db/user": "inside"})
	base := filepath.Join(top, "base")
	for _, link := range []string{"link", "db/link"} {
		require.NoError(f, os.Symlink(filepath.Join(top, "outside"), filepath.Join(base, filepath.FromSlash(link))))
	}
	providers := map[*Dir]string{NewDir(base, DirOptions{}): "", openDir(DirOptions{}): base}
	classes := []error{secrets.ErrNotFound, secrets.ErrInvalid}
	f.Fuzz(func(t *testing.T, path string) {
		for p, base := range providers {
			if base != "" && path == "" {
				continue // the base itself, as a reference
			}
			v, err := p.Fetch(t.Context(), below(base, path))
			switch {
			case strings.Contains(string(v.Data), "outside"):
				t.Fatalf("%q leads out", path)
			case err != nil && !slices.ContainsFunc(classes, func(class error) bool { return errors.Is(err, class) }):
				t.Fatalf("%q: %v", path, err)
			case err == nil && !strings.Contains(string(v.Data), "inside"):
				t.Fatalf("%q is not one of the files", path)
			}
		}
	})
}
