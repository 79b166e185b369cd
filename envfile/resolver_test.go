package envfile_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/envfile"
)

func open(t *testing.T, uri string, opts ...secrets.Option) *secrets.Resolver {
	t.Helper()
	r, err := secrets.Open(t.Context(), uri, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func reveal(t *testing.T, r *secrets.Resolver, name string) string {
	t.Helper()
	s, err := r.Get(t.Context(), name)
	require.NoError(t, err)
	return s.Reveal()
}

func save(t *testing.T, path, text string) {
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestOneNameOnEveryScheme(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, ".env"), "DB_USER=app\nDB_PASSWORD=in a dotenv\n")
	save(t, filepath.Join(dir, "files", "db", "password"), "in a file\n")
	save(t, filepath.Join(dir, "json", "db.json"), `{"password":"in JSON"}`)
	save(t, filepath.Join(dir, "json", "db"), `{"password":"in JSON"}`)
	save(t, filepath.Join(dir, "pairs", "db"), "user=app\npassword=in pairs\n")
	save(t, filepath.Join(dir, "lines", "db"), "user: app\npassword: in lines\n")
	t.Setenv("ENVFILE_TEST_DB_PASSWORD", "in the environment")
	t.Setenv("ENVFILE_TEST2_DB", `{"password":"in a variable's JSON"}`)
	t.Setenv("ENVFILE_TEST3_DB_PASSWORD_FILE", filepath.Join(dir, "files", "db", "password"))
	for uri, want := range map[string]string{
		"env://?prefix=ENVFILE_TEST_":                         "in the environment",
		"env://?prefix=ENVFILE_TEST2_":                        "in a variable's JSON",
		"env://?prefix=ENVFILE_TEST3_":                        "in a file",
		"envfile://" + dir + "/.env":                          "in a dotenv",
		"file://" + dir + "/files":                            "in a file",
		"file://" + dir + "/files?trim=none":                  "in a file\n",
		"file://" + dir + "/json":                             "in JSON",
		"file://" + dir + "/pairs":                            "in pairs",
		"file://" + dir + "/lines?format=lines":               "in lines",
		"file://" + dir + "/nope env://?prefix=ENVFILE_TEST_": "in the environment",
	} {
		t.Run(uri, func(t *testing.T) {
			r := open(t, uri)
			assert.Equal(t, want, reveal(t, r, "db/password"))
			doc := open(t, uri) // of its own, since these find the name as a document
			assert.Equal(t, want, reveal(t, doc, "db#password"))
		})
	}
	t.Run("as references", func(t *testing.T) {
		for ref, want := range map[string]string{
			"env://ENVFILE_TEST_DB_PASSWORD":                "in the environment",
			"envfile://" + dir + "/.env#DB_PASSWORD":        "in a dotenv",
			"file://" + dir + "/files/db/password":          "in a file",
			"file://" + dir + "/files/db#password":          "in a file",
			"file://" + dir + "/json/db.json#password":      "in JSON",
			"file://" + dir + "/lines/db?format=lines#user": "app",
		} {
			r := open(t, "env://", secrets.WithReferences(map[string]string{"here": ref}))
			assert.Equal(t, want, reveal(t, r, "here"), ref)
		}
	})
}

func TestBadInputThroughTheResolver(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, "base", "db", "user"), "app")
	save(t, filepath.Join(dir, "outside"), "hunter2")
	save(t, filepath.Join(dir, "bad.env"), "A=1\nhunter2 x\n")
	require.NoError(t, os.Symlink("../outside", filepath.Join(dir, "base", "escape")))
	t.Setenv("ENVFILE_TEST_DB_PASSWORD", "hunter2")
	for _, c := range []struct {
		uri, name string
		class     error
		tells     string
	}{
		{"file://" + dir + "/base", "../outside", secrets.ErrInvalid, ".."},
		{"file://" + dir + "/base", "/etc/passwd", secrets.ErrInvalid, "slash"},
		{"file://" + dir + "/base", "escape", secrets.ErrInvalid, "leads out of"},
		{"file://" + dir + "/base", "db/password", secrets.ErrNotFound, "db/password"},
		{"envfile://" + dir + "/bad.env", "a", secrets.ErrInvalid, "line 2"},
		{"env://?prefix=ENVFILE_TEST_", "db/user", secrets.ErrNotFound, "ENVFILE_TEST_DB_USER"},
	} {
		t.Run(c.uri+" "+c.name, func(t *testing.T) {
			start := time.Now()
			_, err := open(t, c.uri).Get(t.Context(), c.name)
			require.ErrorIs(t, err, c.class)
			assert.Contains(t, err.Error(), c.tells)
			assert.NotContains(t, err.Error(), "hunter2")
			assert.Less(t, time.Since(start), 2*time.Second)
		})
	}
	t.Run("two names on one variable", func(t *testing.T) {
		r := open(t, "env://?prefix=ENVFILE_TEST_")
		reveal(t, r, "db/password")
		_, err := r.Get(t.Context(), "db-password")
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Contains(t, err.Error(), `"db/password" and "db-password"`)
		assert.Equal(t, "hunter2", reveal(t, r, "db/password"), "the earlier one stays")
	})
	t.Run("unknown options", func(t *testing.T) {
		for _, uri := range []string{"env://?max=1", "envfile://.env?tree=true", "file:///x?prefix=A_"} {
			_, err := secrets.Open(t.Context(), uri)
			assert.ErrorIs(t, err, secrets.ErrInvalid, uri)
		}
	})
}

// A program that runs sees a rotation of a mounted volume well within a
// second, as a file and as a directory.
func TestARotationIsSeen(t *testing.T) {
	dir := t.TempDir()
	mount := filepath.Join(dir, "db")
	swap := func(i int) {
		version := fmt.Sprintf("..v%d", i)
		save(t, filepath.Join(mount, version, "password"), fmt.Sprintf("p%d", i))
		save(t, filepath.Join(mount, version, "user"), fmt.Sprintf("u%d", i))
		require.NoError(t, os.Symlink(version, filepath.Join(mount, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(mount, "..data_tmp"), filepath.Join(mount, "..data")))
		for _, key := range []string{"user", "password"} {
			_ = os.Symlink("..data/"+key, filepath.Join(mount, key)) // exists from the second swap on
		}
		_ = os.RemoveAll(filepath.Join(mount, fmt.Sprintf("..v%d", i-1)))
	}
	swap(0)
	r := open(t, "file://"+dir, secrets.WithTTL(time.Hour))
	for _, name := range []string{"db/password", "db#password"} {
		assert.Equal(t, "p0", reveal(t, r, name))
	}
	var slowest time.Duration
	for i := 1; i <= 5; i++ {
		// The watch is made after the first read; what is swapped before that
		// is seen as well.
		swap(i)
		start := time.Now()
		for _, name := range []string{"db/password", "db#password"} {
			require.Eventually(t, func() bool {
				s, err := r.Get(context.Background(), name)
				return err == nil && s.Reveal() == fmt.Sprintf("p%d", i)
			}, 5*time.Second, time.Millisecond, "%s after swap %d", name, i)
		}
		slowest = max(slowest, time.Since(start))
	}
	assert.Less(t, slowest, time.Second)
	t.Logf("the slowest of 5 rotations was seen after %v", slowest)
}

// What is mounted by itself (subPath), or over some networks, sends no events.
// A second link to the file, in another directory, is like that.
func TestAFileWithoutEventsIsPolled(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, "seen", "token"), "one")
	elsewhere := filepath.Join(dir, "elsewhere")
	if err := os.Link(filepath.Join(dir, "seen", "token"), elsewhere); err != nil {
		t.Skip("no hard links here")
	}
	r := open(t, "file://"+dir+"/seen", secrets.WithTTL(200*time.Millisecond))
	assert.Equal(t, "one", reveal(t, r, "token"))
	for _, next := range []string{"two", "three"} {
		save(t, elsewhere, next)
		require.Eventually(t, func() bool { return reveal(t, r, "token") == next }, 5*time.Second, 10*time.Millisecond)
	}
}
