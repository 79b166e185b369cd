package envfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// Each scheme runs the suite twice: as its typed constructor makes it, and as
// its URI does, with a base.

func TestConformanceOfFile(t *testing.T) {
	for _, base := range []bool{false, true} {
		t.Run(fmt.Sprintf("with a base: %v", base), func(t *testing.T) {
			dir := t.TempDir()
			var last *Dir
			h := secretstest.Harness{
				New: func(t testing.TB) secrets.Provider {
					last = NewDir(dir, DirOptions{KeepNewline: true})
					if base {
						last = openDir(DirOptions{KeepNewline: true})
					}
					return closed(t, last)
				},
				Stall:  func(testing.TB) func() { return stall(last.files) },
				Put:    func(t testing.TB, path string, data []byte) { put(t, filepath.Join(dir, path), data) },
				Delete: func(t testing.TB, path string) { require.NoError(t, os.Remove(filepath.Join(dir, path))) },
			}
			if base {
				h.Base = dir
			}
			h.Provoke = func(t testing.TB, p secrets.Provider, path string) []error {
				return provokeFile(t, p, secrets.Ref{Base: h.Base, Path: path}, filepath.Join(dir, path))
			}
			secretstest.Run(t, h)
		})
	}
}

func TestConformanceOfDotenv(t *testing.T) {
	for _, base := range []bool{false, true} {
		t.Run(fmt.Sprintf("with a base: %v", base), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), ".env")
			vars := make(map[string]string)
			save := func(t testing.TB) {
				var b strings.Builder
				for variable, value := range vars {
					fmt.Fprintf(&b, "%s=\"%s\"\n", variable, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value))
				}
				put(t, file, []byte(b.String()))
			}
			var last *Dotenv
			h := secretstest.Harness{
				New: func(t testing.TB) secrets.Provider {
					clear(vars) // of the case before
					save(t)
					// Beside the largest document, the file has others.
					last = NewDotenv(file, DotenvOptions{MaxSize: 4 << 20})
					if base {
						last = openDotenv(DotenvOptions{MaxSize: 4 << 20})
					}
					return closed(t, last)
				},
				Stall: func(testing.TB) func() { return stall(last.dotenv) },
				Put: func(t testing.TB, path string, data []byte) {
					vars[variable(t, path)] = string(data)
					save(t)
				},
				Delete: func(t testing.TB, path string) {
					delete(vars, variable(t, path))
					save(t)
				},
				ListPath: func(path string) string { return foldPath(strings.TrimPrefix(path, file)) },
				NoBinary: true, // a dotenv holds no NUL byte
			}
			if base {
				h.Base = file
				h.ListPath = func(path string) string { return file + "/" + foldPath(strings.TrimPrefix(path, file+"/")) }
			}
			h.Provoke = func(t testing.TB, p secrets.Provider, path string) []error {
				return provokeDotenv(t, p, secrets.Ref{Base: h.Base, Path: path}, file, variable(t, path))
			}
			secretstest.Run(t, h)
		})
	}
}

func TestConformanceOfEnv(t *testing.T) {
	for _, base := range []string{"", "conformance"} {
		t.Run(fmt.Sprintf("with a base: %v", base != ""), func(t *testing.T) {
			full := func(t testing.TB, path string) string {
				return variable(t, secrets.Ref{Base: base, Path: path}.Join())
			}
			secretstest.Run(t, secretstest.Harness{
				New: func(t testing.TB) secrets.Provider { return closed(t, NewEnv(EnvOptions{})) },
				Put: func(t testing.TB, path string, data []byte) {
					require.NoError(t, os.Setenv(full(t, path), string(data)))
					t.Cleanup(func() { _ = os.Unsetenv(full(t, path)) })
				},
				Delete: func(t testing.TB, path string) { require.NoError(t, os.Unsetenv(full(t, path))) },
				Provoke: func(t testing.TB, p secrets.Provider, path string) []error {
					return provokeEnv(t, p, secrets.Ref{Base: base, Path: path}, full(t, path))
				},
				Base: base,
				ListPath: func(path string) string {
					if base != "" {
						return base + "/" + foldPath(strings.TrimPrefix(path, base+"/"))
					}
					return foldPath(path)
				},
				NoBinary: true, // a variable holds no NUL byte
				NoWatch:  true, // a variable cannot be watched
			})
		})
	}
}

// stall is a file system that hangs, with as many reads in it as there may be.
func stall(r *reader) (resume func()) {
	for range maxReads {
		r.slots <- struct{}{}
	}
	return func() {
		for range maxReads {
			<-r.slots
		}
	}
}

func closed[P interface {
	secrets.Provider
	Close() error
}](t testing.TB, p P) secrets.Provider {
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// put writes a file as an administrator would: renamed over what was there.
func put(t testing.TB, path string, data []byte) {
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	tmp := filepath.Join(filepath.Dir(path), "..new")
	require.NoError(t, os.WriteFile(tmp, data, 0o600))
	require.NoError(t, os.Rename(tmp, path))
}

func variable(t testing.TB, path string) string {
	v, ok := variableOf(path)
	require.True(t, ok)
	return v
}

// foldPath is what List yields for a name of the suite's: it lists below the
// first two segments, and a variable does not tell where further slashes were.
func foldPath(path string) string {
	parts := strings.SplitN(path, "/", 3)
	if len(parts) == 3 {
		parts[2] = strings.ReplaceAll(parts[2], "/", "_")
	}
	return strings.Join(parts, "/")
}
