package envfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// fakeEnv is an environment of a test's own.
func fakeEnv(o EnvOptions, vars map[string]string) *Env {
	e := NewEnv(o)
	e.environment = dotenvVars{path: "the environment", vars: vars}
	return e
}

func TestEnvFindsNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"pw": "from a file\n", "user": "also"})
	vars := map[string]string{
		"DB_PASSWORD": "hunter2", "EMPTY": "", "APP_DB_PASSWORD": "prefixed",
		"FILED_FILE": dir + "/pw", "BOTH": "variable", "BOTH_FILE": dir + "/pw", "EMPTY_FILE": dir + "/pw",
		"GONE_FILE": dir + "/nope", "DIR_FILE": dir, "BLANK_FILE": "", "VOID": "", "TLS_CERT_TLS_CRT": "dots",
	}
	e := fakeEnv(EnvOptions{}, vars)

	t.Run("a name is a variable in upper case, with _ for what is no letter or digit", func(t *testing.T) {
		assert.Equal(t, "hunter2", get(t, e, name("db/password")))
		assert.Equal(t, "hunter2", get(t, e, name("DB_PASSWORD")), "a reference may write the variable itself")
		assert.Equal(t, "dots", get(t, e, name("tls-cert/tls.crt")))
		assert.Equal(t, "hunter2", get(t, fakeEnv(EnvOptions{}, vars), below("db", "password")))
	})
	t.Run("a variable that is set and empty is an empty secret, unless its _FILE names a file", func(t *testing.T) {
		for empty, want := range map[string]string{"empty": "from a file", "void": ""} {
			v, err := e.Fetch(t.Context(), name(empty))
			require.NoError(t, err)
			assert.Equal(t, want, string(v.Data))
		}
	})
	t.Run("one that is not set is not found, and the error tells what was looked for", func(t *testing.T) {
		msg := refuses(t, e, name("db/user"), secrets.ErrNotFound)
		assert.Contains(t, msg, "the environment")
		assert.Contains(t, msg, "neither DB_USER nor DB_USER_FILE")
	})
	t.Run("its _FILE names the file, which is read as a mounted one", func(t *testing.T) {
		assert.Equal(t, "from a file", get(t, e, name("filed")))
		msg := refuses(t, e, name("both"), secrets.ErrInvalid)
		assert.Contains(t, msg, "BOTH and BOTH_FILE")
		assert.NotContains(t, msg, "variable")
		refuses(t, e, name("dir"), secrets.ErrInvalid)
		refuses(t, e, name("blank"), secrets.ErrNotFound)
	})
	t.Run("the prefix stands before every variable", func(t *testing.T) {
		assert.Equal(t, "prefixed", get(t, fakeEnv(EnvOptions{Prefix: "APP_"}, vars), name("db/password")))
	})
	t.Run("a name that no variable can stand for is told as such, so that its parent is asked", func(t *testing.T) {
		for _, bad := range []string{"db/pässword", "a\nb", "密码", ""} {
			_, err := e.Fetch(t.Context(), name(bad))
			assert.ErrorIs(t, err, secrets.ErrInvalid)
			var u interface{ Unspellable() bool }
			require.ErrorAs(t, err, &u)
			assert.True(t, u.Unspellable(), bad)
		}
		refuses(t, e, name("a\x00b"), secrets.ErrInvalid)
		refuses(t, e, name("/db"), secrets.ErrInvalid)
	})
}

func TestEnvReadsTheProcess(t *testing.T) {
	e := NewEnv(EnvOptions{Tree: true})
	refuses(t, e, name("envfile/test/a"), secrets.ErrNotFound)
	t.Setenv("ENVFILE_TEST_A", "set after the start")
	t.Setenv("ENVFILE_TEST_B", "")
	assert.Equal(t, "set after the start", get(t, e, name("envfile/test/a")))
	assert.Equal(t, map[string]string{"a": "set after the start", "b": ""}, getFields(t, e, name("envfile/test")))
	require.NoError(t, os.Unsetenv("ENVFILE_TEST_A"))
	refuses(t, e, name("envfile/test/a"), secrets.ErrNotFound)
}

func TestTwoNamesOnOneVariable(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"DB_PASSWORD": "hunter2", "DB_USER": "app"}
	e := fakeEnv(EnvOptions{Tree: true}, vars)
	get(t, e, name("db/password"))
	get(t, e, name("db/password"))
	for _, later := range []string{"db-password", "db_password", "DB/Password"} {
		_, err := e.Fetch(t.Context(), name(later))
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Contains(t, err.Error(), `"db/password"`)
		assert.Contains(t, err.Error(), `"`+later+`"`)
		assert.Contains(t, err.Error(), "DB_PASSWORD")
		assert.NotContains(t, err.Error(), "hunter2")
		var u interface{ Unspellable() bool }
		require.ErrorAs(t, err, &u)
		assert.False(t, u.Unspellable(), "the parent is not asked instead")
	}
	get(t, e, name("DB_PASSWORD")) // a reference writes the variable, not a second name

	getFields(t, e, name("db"))
	assert.Contains(t, refuses(t, e, name("Db"), secrets.ErrInvalid), `"Db"`)

	t.Run("names that are not there claim nothing", func(t *testing.T) {
		refuses(t, e, name("no/such"), secrets.ErrNotFound)
		refuses(t, e, name("no-such"), secrets.ErrNotFound)
		vars["NO_SUCH"] = "now"
		get(t, e, name("no-such"))
		refuses(t, e, name("no/such"), secrets.ErrInvalid)
	})
	t.Run("each provider has claims of its own, and each dotenv too", func(t *testing.T) {
		get(t, fakeEnv(EnvOptions{}, vars), name("db-password"))
		dir := t.TempDir()
		write(t, dir, map[string]string{"a.env": "DB_PASSWORD=a", "b.env": "DB_PASSWORD=b"})
		d := openDotenv(DotenvOptions{})
		assert.Equal(t, "a", get(t, d, below(dir+"/a.env", "db/password")))
		assert.Equal(t, "b", get(t, d, below(dir+"/b.env", "db-password")))
		refuses(t, d, below(dir+"/a.env", "db-password"), secrets.ErrInvalid)
	})
}

func TestVariablesAsADocument(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"pw": "from a file\n"})
	vars := map[string]string{
		"DB_USER": "app", "DB_PASSWORD_FILE": dir + "/pw", "DB_": "no key", "DBX": "no", "DB_REPLICA_HOST": "h",
		"TLS_tls.crt": "CERT", "TLS_KEY": "\xff",
		"BAD_KEY": "1", "BAD_key": "2", "WHOLE": `{"a":1}`, "WHOLE_A": "x", "LOST_FILE": dir + "/nope", "LOG_A_FILE": dir + "/nope", "LOG_B": "b",
	}
	tree := fakeEnv(EnvOptions{Tree: true}, vars)

	t.Run("keys are in lower case, and what a _FILE names is among them", func(t *testing.T) {
		assert.Equal(t, map[string]string{"user": "app", "password": "from a file", "password_file": dir + "/pw", "replica_host": "h"}, getFields(t, tree, name("db")))
		assert.Equal(t, map[string]string{"tls.crt": "CERT"}, getFields(t, tree, name("tls")), "what is no text is left out")
		assert.Contains(t, refuses(t, tree, name("log"), secrets.ErrInvalid), "named by LOG_A_FILE", "a file that does not exist was meant to")
	})
	t.Run("files of many places, links and kinds", func(t *testing.T) {
		write(t, dir, map[string]string{"one/a": "a", "one/b": "b\n", "two/c": "c", "binary": "\xff"})
		require.NoError(t, os.Symlink(dir+"/two/c", dir+"/one/link"))
		require.NoError(t, os.Symlink(dir+"/two", dir+"/three"))
		e := fakeEnv(EnvOptions{Tree: true}, map[string]string{
			"X_A_FILE": dir + "/one/a", "X_B_FILE": dir + "/one/b", "X_LINK_FILE": dir + "/one/link", "X_C_FILE": dir + "/three/c",
			"X_BINARY_FILE": dir + "/binary", "X_EMPTY_FILE": "", "X_B": "",
			"Y_A_FILE": dir + "/one/a", "Y_DIR_FILE": dir + "/one", "N_NODIR_FILE": dir + "/no/no", "N_A_FILE": dir + "/one/a",
			"S_A_FILE": dir + "/one/a", "S_A": "hunter2",
		})
		got := getFields(t, e, name("x"))
		for key := range got {
			if strings.HasSuffix(key, "_file") {
				delete(got, key)
			}
		}
		assert.Equal(t, map[string]string{"a": "a", "b": "b", "link": "c", "c": "c"}, got)
		assert.Contains(t, refuses(t, e, name("y"), secrets.ErrInvalid), "is a directory")
		assert.Contains(t, refuses(t, e, name("n"), secrets.ErrInvalid), "named by N_NODIR_FILE")
		assert.Contains(t, refuses(t, e, name("s"), secrets.ErrInvalid), "both S_A and S_A_FILE")
	})
	t.Run("a variable of the name itself comes first", func(t *testing.T) {
		assert.JSONEq(t, `{"a":1}`, get(t, tree, name("whole")))
	})
	t.Run("two variables of one key are refused", func(t *testing.T) {
		msg := refuses(t, tree, name("bad"), secrets.ErrInvalid)
		assert.Contains(t, msg, "BAD_KEY and BAD_key")
	})
	t.Run("without prefix or tree a stray DB_HOST is no document", func(t *testing.T) {
		refuses(t, fakeEnv(EnvOptions{}, vars), name("db"), secrets.ErrNotFound)
	})
	t.Run("the prefix is not part of the keys, and alone it is a document too", func(t *testing.T) {
		p := fakeEnv(EnvOptions{Prefix: "DB_"}, vars)
		assert.Equal(t, map[string]string{"host": "h"}, getFields(t, p, name("replica")))
		assert.Equal(t, "h", getFields(t, p, name(""))["replica_host"])
		refuses(t, fakeEnv(EnvOptions{Prefix: "NOPE_"}, vars), name(""), secrets.ErrNotFound)
	})
	t.Run("a URI can switch it off next to a prefix", func(t *testing.T) {
		p, err := openEnv(t.Context(), secrets.Ref{Options: map[string]string{"prefix": "DB_", "tree": "false"}})
		require.NoError(t, err)
		p.(*Env).environment = tree.environment
		refuses(t, p, name("replica"), secrets.ErrNotFound)
	})
}

func TestEnvLists(t *testing.T) {
	t.Parallel()
	e := fakeEnv(EnvOptions{Prefix: "APP_"}, map[string]string{"APP_DB_USER": "", "APP_DB_PASSWORD_FILE": "", "APP_DBX": "", "HOME": "", "APP_lower": "", "APP_": ""})
	list := func(prefix string) (got []string) {
		for path, err := range e.List(t.Context(), prefix) {
			require.NoError(t, err)
			got = append(got, path)
		}
		return got
	}
	assert.Equal(t, []string{"db_password", "db_password_file", "db_user", "dbx", "lower"}, list(""))
	assert.Equal(t, []string{"db/password", "db/password_file", "db/user"}, list("db/"))
	assert.Equal(t, []string{"db_password", "db_password_file", "db_user", "dbx"}, list("db"))
	assert.Empty(t, list("nöpe/"))
}

func TestEnvWatchesFilesOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	write(t, dir, map[string]string{"token": "0"})
	e := fakeEnv(EnvOptions{}, map[string]string{"PLAIN": "x", "PLAIN_FILE": file, "TOKEN_FILE": file})
	defer e.Close()
	assert.True(t, errors.Is(e.Watch(t.Context(), name("plain"), func() {}), errors.ErrUnsupported))
	assert.True(t, errors.Is(e.Watch(t.Context(), name("nope"), func() {}), errors.ErrUnsupported))
	listen(t, e, name("token")).hears("a rotation", func() { replace(t, file, "1") })
}

// A name's variable is fit for every shell, and nothing but the case and the
// kind of the separators is lost.
func FuzzVariableOf(f *testing.F) {
	for _, seed := range []string{"db/password", "DB_PASSWORD", "tls.crt", "a-b/c d", "ä", "a\x00b", "", "1/2", "_", "x?y:z%20#f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		variable, ok := variableOf(name)
		if !ok {
			if name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
				t.Fatal("a printable ASCII name has a variable")
			}
			return
		}
		if len(variable) != len(name) {
			t.Fatal("one character is one character")
		}
		for i := range len(variable) {
			if notInVariable(rune(variable[i])) {
				t.Fatalf("%q is not in a variable", variable[i])
			}
			if alnum(name[i]) && !strings.EqualFold(name[i:i+1], variable[i:i+1]) {
				t.Fatal("a letter or digit is another")
			}
		}
		if again, ok := variableOf(variable); !ok || again != variable {
			t.Fatal("a variable stands for itself")
		}
		if spelled, err := checkVariableName(name); err == nil && spelled != variable {
			t.Fatal("two mappings")
		}
	})
}

func alnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
