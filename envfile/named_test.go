package envfile

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// credentials are what gets into a variable that should name a file.
var credentials = map[string]string{
	"a service account's key": `{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\nhunter2"}`,
	"a PEM block":             "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
	"a password":              "hunter2",
	"a token":                 "hvs.hunter2",
	"base64":                  "/aHVudGVyMg/hunter2==",
	"a long text":             strings.Repeat("hunter2", 1000),
	"a URL":                   "postgres://app:hunter2@db/app",
}

func TestACredentialInA_FILEVariableIsNotShown(t *testing.T) {
	t.Parallel()
	for what, text := range credentials {
		for _, p := range []secrets.Provider{
			fakeEnv(EnvOptions{}, map[string]string{"DB_PASSWORD_FILE": text}),
			fakeEnv(EnvOptions{Tree: true}, map[string]string{"DB_PASSWORD_FILE": text, "DB_USER": "app"}),
		} {
			for _, asked := range []string{"db/password", "db"} {
				_, err := p.Fetch(t.Context(), name(asked))
				if errors.Is(err, secrets.ErrNotFound) {
					continue // db without tree
				}
				require.ErrorIs(t, err, secrets.ErrInvalid, what)
				assert.NotContains(t, err.Error(), "hunter2", what)
				assert.Contains(t, err.Error(), "DB_PASSWORD_FILE", what)
				assert.Contains(t, err.Error(), "something that is no file name (", what)
			}
		}
	}
}

func TestAMissingFileOfA_FILEVariableEndsTheSearch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{".env": "DB_PASSWORD_FILE=" + dir + "/typo\nDB='{\"password\":\"wrong\"}'\n"})
	for _, p := range []secrets.Provider{
		fakeEnv(EnvOptions{}, map[string]string{"DB_PASSWORD_FILE": dir + "/typo"}),
		fakeEnv(EnvOptions{}, map[string]string{"DB_PASSWORD_FILE": dir + "/typo", "DB_PASSWORD": ""}),
		fakeEnv(EnvOptions{}, map[string]string{"DB_PASSWORD_FILE": dir + "/typo/below"}),
		fakeEnv(EnvOptions{}, map[string]string{"DB_PASSWORD_FILE": dir + "/" + strings.Repeat("n", 300)}),
		fakeEnv(EnvOptions{Tree: true}, map[string]string{"DB_PASSWORD_FILE": dir + "/typo", "DB_USER": "app"}),
		NewDotenv(filepath.Join(dir, ".env"), DotenvOptions{}),
	} {
		_, err := p.Fetch(t.Context(), name("db/password"))
		require.ErrorIs(t, err, secrets.ErrInvalid)
		require.NotErrorIs(t, err, secrets.ErrNotFound)
		assert.Contains(t, err.Error(), "named by DB_PASSWORD_FILE")
		var u interface{ Unspellable() bool }
		if errors.As(err, &u) {
			assert.False(t, u.Unspellable(), "the parent is not asked instead")
		}
	}
	_, err := fakeEnv(EnvOptions{}, map[string]string{"A_FILE": dir + "/typo"}).Fetch(t.Context(), name("a"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Through the resolver: neither the default of a tag, nor optional, nor the
// next member of a chain takes the place of a file that was named.
func TestNothingTakesThePlaceOfAFileThatWasNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"next.env": "DB_PASSWORD=wrong\n"})
	first := fakeEnv(EnvOptions{}, map[string]string{"DB_PASSWORD_FILE": dir + "/typo"})
	r := secrets.New(secrets.Chain(first, NewDotenv(filepath.Join(dir, "next.env"), DotenvOptions{})))
	defer r.Close()
	_, err := r.Get(t.Context(), "db/password")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	require.NotErrorIs(t, err, secrets.ErrNotFound)
	assert.Contains(t, err.Error(), "named by DB_PASSWORD_FILE")

	var byDefault struct {
		Password string `secret:"db/password,default=wrong"`
	}
	require.ErrorIs(t, r.Load(t.Context(), &byDefault), secrets.ErrInvalid)
	assert.Empty(t, byDefault.Password)
	var optional struct {
		Password string `secret:"db/password,optional"`
	}
	require.ErrorIs(t, r.Load(t.Context(), &optional), secrets.ErrInvalid)
}

func TestVariablesAreFoundAsEnvFromMakesThem(t *testing.T) {
	t.Parallel()
	e := fakeEnv(EnvOptions{}, map[string]string{
		"password": "lower", "root-password": "dashed", "MYSQL_root-password": "prefixed by envFrom", "tls.crt": "dots",
		"both": "lower", "BOTH": "upper", "Two": "1", "tWo": "2", "db_username": "app", "DB_PASSWORD": "hunter2",
	})
	assert.Equal(t, "lower", get(t, e, name("password")))
	assert.Equal(t, "dashed", get(t, e, name("root-password")))
	assert.Equal(t, "prefixed by envFrom", get(t, e, name("mysql/root-password")))
	assert.Equal(t, "dots", get(t, e, name("tls.crt")))
	assert.Equal(t, "app", get(t, e, name("db/username")))
	assert.Equal(t, "upper", get(t, e, name("both")), "the usual way to write it goes first")
	assert.Contains(t, refuses(t, e, name("two"), secrets.ErrInvalid), "both Two and tWo")

	assert.Contains(t, refuses(t, e, name("db"), secrets.ErrNotFound), "DB_…, which are a document of that name with ?tree=true")
	tree := fakeEnv(EnvOptions{Tree: true}, map[string]string{"db_username": "app", "DB_PASSWORD": "hunter2", "MYSQL_root-password": "r"})
	assert.Equal(t, map[string]string{"username": "app", "password": "hunter2"}, getFields(t, tree, name("db")))
	assert.Equal(t, map[string]string{"root-password": "r"}, getFields(t, tree, name("mysql")))
}
