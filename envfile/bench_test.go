package envfile

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func BenchmarkFetch(b *testing.B) {
	top := memoryDir(b)
	m := newMount(b, filepath.Join(top, "db"))
	m.swap(map[string]string{"user": "app", "password": "hunter2"})
	write(b, top, map[string]string{".env": "DB_USER=app\nDB_PASSWORD=hunter2\n", "plain": "hunter2"})
	env := fakeEnv(EnvOptions{}, map[string]string{"DB_PASSWORD": "hunter2"})
	for _, c := range []struct {
		what string
		p    secrets.Provider
		name string
	}{
		{"variable", env, "db/password"},
		{"dotenv", NewDotenv(filepath.Join(top, ".env"), DotenvOptions{}), "db/password"},
		{"file", NewDir(top, DirOptions{}), "plain"},
		{"missing file", NewDir(top, DirOptions{}), "nope/nope"},
		{"file of a volume", NewDir(top, DirOptions{}), "db/password"},
		{"volume as a document", NewDir(top, DirOptions{}), "db"},
	} {
		b.Run(c.what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.p.Fetch(b.Context(), name(c.name)); err != nil && c.what != "missing file" {
					require.NoError(b, err)
				}
			}
		})
	}
}
