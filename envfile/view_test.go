package envfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestVolumes(t *testing.T) {
	t.Parallel()
	for _, linksFirst := range []bool{false, true} {
		t.Run(fmt.Sprintf("links before the swap: %v", linksFirst), func(t *testing.T) {
			t.Parallel()
			top := t.TempDir()
			m := newMount(t, filepath.Join(top, "db"))
			m.linksFirst = linksFirst
			base, whole := NewDir(top, DirOptions{}), openDir(DirOptions{})

			m.swap(map[string]string{"user": "one", "password": "p1\n", "nested/key": "n1"})
			assert.Equal(t, "one", get(t, base, name("db/user")))
			assert.Equal(t, "n1", get(t, base, name("db/nested/key")))
			assert.Equal(t, map[string]string{"user": "one", "password": "p1"}, getFields(t, base, name("db")))
			assert.Equal(t, map[string]string{"key": "n1"}, getFields(t, base, name("db/nested")))
			assert.Equal(t, map[string]string{"user": "one", "password": "p1"}, getFields(t, whole, name(m.dir)))
			assert.Equal(t, map[string]string{"key": "n1"}, getFields(t, whole, name(m.dir+"/nested")))
			assert.Equal(t, "p1", get(t, whole, name(m.dir+"/password")))
			assert.Equal(t, "p1", get(t, whole, name(m.dir+"/..data/password")))

			m.swap(map[string]string{"user": "two", "extra": "e"})
			assert.Equal(t, map[string]string{"user": "two", "extra": "e"}, getFields(t, base, name("db")))
			refuses(t, base, name("db/password"), secrets.ErrNotFound)
			assert.Equal(t, "e", get(t, base, name("db/extra")))

			m.swap(nil)
			refuses(t, base, name("db"), secrets.ErrNotFound)
		})
	}

	t.Run("a key is read as soon as ..data has it, and no longer, whatever links there are", func(t *testing.T) {
		t.Parallel()
		top := t.TempDir()
		m := newMount(t, filepath.Join(top, "db"))
		m.swap(map[string]string{"user": "one", "password": "p1"})
		require.NoError(t, os.Remove(filepath.Join(m.dir, "password")))
		require.NoError(t, os.Symlink("..data/old", filepath.Join(m.dir, "old")))
		p := NewDir(top, DirOptions{})
		assert.Equal(t, "p1", get(t, p, name("db/password")))
		refuses(t, p, name("db/old"), secrets.ErrNotFound)
		assert.Equal(t, map[string]string{"user": "one", "password": "p1"}, getFields(t, p, name("db")))
	})

	t.Run("a volume whose ..data leads nowhere is unavailable, not empty: its secrets were not deleted", func(t *testing.T) {
		t.Parallel()
		m := newMount(t, filepath.Join(t.TempDir(), "db"))
		m.swap(map[string]string{"user": "one"})
		require.NoError(t, os.RemoveAll(filepath.Join(m.dir, "..2024_05_17_1")))
		p := NewDir(filepath.Dir(m.dir), DirOptions{})
		for _, path := range []string{"db", "db/user", "db/nope"} {
			refuses(t, p, name(path), secrets.ErrUnavailable)
		}
	})
	t.Run("a base that is a link to a generation is followed to the next", func(t *testing.T) {
		t.Parallel()
		top := t.TempDir()
		write(t, top, map[string]string{"gen/1/db/user": "one", "gen/2/db/user": "two"})
		link := filepath.Join(top, "secrets")
		require.NoError(t, os.Symlink(filepath.Join(top, "gen", "1"), link))
		p := NewDir(link, DirOptions{})
		assert.Equal(t, "one", get(t, p, name("db/user")))
		require.NoError(t, os.Symlink(filepath.Join(top, "gen", "2"), link+".new"))
		require.NoError(t, os.Rename(link+".new", link))
		assert.Equal(t, "two", get(t, p, name("db/user")))
		assert.Equal(t, map[string]string{"user": "two"}, getFields(t, p, name("db")))
	})
}

// 10,000 swaps beside readers of the same pair as one JSON file, as a
// directory, as a directory within the volume, and through two _FILE
// variables.
func TestASwapNeverTearsAPair(t *testing.T) {
	t.Parallel()
	swaps := 5000
	if testing.Short() {
		swaps = 500
	}
	for _, linksFirst := range []bool{false, true} {
		t.Run(fmt.Sprintf("links before the swap: %v", linksFirst), func(t *testing.T) {
			m := newMount(t, filepath.Join(memoryDir(t), "db"))
			m.linksFirst = linksFirst
			swap := func(i int) {
				user, password := fmt.Sprintf("user-%d", i), fmt.Sprintf("password-%d", i)
				m.swap(map[string]string{
					"pair.json": fmt.Sprintf(`{"user":%q,"password":%q}`, user, password),
					"user":      user, "password": password,
					"in/user": user, "in/password": password,
				})
			}
			swap(0)
			dotenv := filepath.Join(t.TempDir(), ".env")
			require.NoError(t, os.WriteFile(dotenv, fmt.Appendf(nil, "DB_USER_FILE=%s/user\nDB_PASSWORD_FILE=%[1]s/password\n", m.dir), 0o600))

			top := filepath.Dir(m.dir)
			dir := NewDir(top, DirOptions{})
			readers := []struct {
				p    secrets.Provider
				name string
			}{{dir, "db/pair.json"}, {dir, "db"}, {dir, "db/in"}, {NewDotenv(dotenv, DotenvOptions{}), "db"}}

			var stop atomic.Bool
			var wg sync.WaitGroup
			reads, versions := make([]int, len(readers)), make([]int, len(readers))
			failures := make(chan error, len(readers))
			for odd := range 2 {
				wg.Go(func() {
					last := make([]string, len(readers))
					for i := odd; !stop.Load(); i = (i + 2) % len(readers) {
						r := readers[i]
						user, err := readPair(t, r.p, r.name)
						if err != nil {
							failures <- fmt.Errorf("%s: %w", r.name, err)
							return
						}
						reads[i]++
						if user != last[i] {
							versions[i]++
							last[i] = user
						}
					}
				})
			}
			for i := range swaps {
				swap(i + 1)
			}
			stop.Store(true)
			wg.Wait()
			close(failures)
			for err := range failures {
				t.Error(err)
			}
			for i, r := range readers {
				user, err := readPair(t, r.p, r.name)
				require.NoError(t, err, r.name)
				assert.Equal(t, fmt.Sprintf("user-%d", swaps), user, "the last rotation is read")
				assert.Greater(t, versions[i], 1, "the reader saw rotations")
			}
			t.Logf("%d swaps; reads %v, of versions %v", swaps, reads, versions)
		})
	}
}

// memoryDir returns a temporary directory in memory, as kubelet's volumes are,
// if the system has one.
func memoryDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "envfile-test")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// readPair reads a pair, checks that both are of one version, and returns the
// user.
func readPair(t testing.TB, p secrets.Provider, path string) (string, error) {
	v, err := p.Fetch(t.Context(), name(path))
	if err != nil {
		return "", err
	}
	var pair struct{ User, Password string }
	if err := json.Unmarshal(v.Data, &pair); err != nil {
		return "", errors.New("not JSON")
	}
	var user, password int
	_, err1 := fmt.Sscanf(pair.User, "user-%d", &user)
	_, err2 := fmt.Sscanf(pair.Password, "password-%d", &password)
	if err1 != nil || err2 != nil || user != password {
		return "", fmt.Errorf("torn: %+v", pair)
	}
	return pair.User, nil
}
