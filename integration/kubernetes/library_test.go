package kubernetes_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

func TestEveryProviderURIIsTaken(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, m := range manifests(t) {
		for _, w := range m.workloads() {
			for _, c := range w.template.Spec.Containers {
				uri, ok := variables(c)["SECRETS_URL"]
				if !ok {
					continue
				}
				seen++
				r, err := secrets.Open(t.Context(), uri)
				require.NoError(t, err, m.file)
				require.NoError(t, r.Close())
			}
		}
	}
	assert.Equal(t, 6, seen)
}

func TestEveryReferenceBeforeExecIsTaken(t *testing.T) {
	t.Parallel()
	want := map[string]map[string]string{
		"exec-aws.yaml": {"MYSQL_PASSWORD": "awssm", "STRIPE_KEY": "awssm", "SESSION_KEY": "ssm"},
		"exec-gcp.yaml": {"MYSQL_PASSWORD": "gcp", "STRIPE_KEY": "gcp"},
	}
	for file, schemes := range want {
		app := read(t, file).app(t).Spec.Containers[0]
		assert.Equal(t, []string{"exec", "--"}, app.Command[1:3], file)
		got := make(map[string]string)
		for name, value := range variables(app) {
			ref, err := secrets.ParseRef(value)
			require.NoError(t, err, "%s: %s", file, name)
			got[name] = ref.Scheme
			// Options too: one that no backend knows is refused here.
			r, err := secrets.OpenConfig(t.Context(), secrets.Config{References: map[string]string{"name": value}})
			require.NoError(t, err, "%s: %s", file, name)
			require.NoError(t, r.Close())
		}
		assert.Equal(t, schemes, got, file)
	}
}

func TestExecFindsTheProgramWhereTheInitContainerPutsIt(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"exec-aws.yaml", "exec-gcp.yaml"} {
		pod := read(t, file).app(t).Spec
		require.Len(t, pod.InitContainers, 1, file)
		first, app := pod.InitContainers[0], pod.Containers[0]
		require.Equal(t, "install", first.Args[0], file)
		assert.Equal(t, first.VolumeMounts[0].Name, app.VolumeMounts[0].Name, file)
		assert.Equal(t, first.VolumeMounts[0].MountPath, first.Args[1], file)
		assert.Equal(t, app.VolumeMounts[0].MountPath+"/secrets", app.Command[0], file)
	}
}

// In each manifest the app's code is secrets.Get(ctx, "mysql/password").
func TestTheAppFindsItsPasswordInWhatTheInfrastructureProvides(t *testing.T) {
	t.Parallel()
	mysql := map[string]any{"username": "app", "password": "s3cret"}
	for name, test := range map[string]struct {
		file  string
		mount string // where the files are in the container
		lay   func(t *testing.T, m manifest, dir string)
	}{
		"a Secret as a directory": {"secret-volume.yaml", "/etc/secrets", layVolume},
		"the Injector with a template": {"vault-injector.yaml", "/vault/secrets", func(t *testing.T, m manifest, dir string) {
			layInjected(t, m, dir, m.app(t).Annotations["vault.hashicorp.com/agent-inject-template-mysql"], "secret/data/prod/mysql", map[string]any{"data": mysql})
		}},
		"the Injector's default template": {"vault-injector-lines.yaml", "/vault/secrets", func(t *testing.T, m manifest, dir string) {
			layInjected(t, m, dir, "{{ with secret \"database/creds/app\" }}{{ range $k, $v := .Data }}{{ $k }}: {{ $v }}\n{{ end }}{{ end }}", "database/creds/app", mysql)
		}},
		"the CSI driver": {"csi.yaml", "/mnt/secrets", func(t *testing.T, m manifest, dir string) {
			object := objects(t, find[*secretProviderClass](t, m))[0]
			text, err := json.Marshal(mysql)
			require.NoError(t, err)
			write(t, filepath.Join(dir, object.ObjectAlias), string(text))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, dir := read(t, test.file), t.TempDir()
			test.lay(t, m, dir)
			uri := variables(m.app(t).Spec.Containers[0])["SECRETS_URL"]
			require.Contains(t, uri, "file://"+test.mount)

			r, err := secrets.Open(t.Context(), strings.Replace(uri, test.mount, dir, 1))
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, r.Close()) })
			got, err := r.Get(t.Context(), "mysql/password")
			require.NoError(t, err)
			secretstest.AssertEqual(t, "s3cret", got)
		})
	}
}

func TestTheAppFindsItsPasswordInTheEnvironment(t *testing.T) {
	app := read(t, "secret-env.yaml").app(t)
	assert.False(t, *app.Spec.EnableServiceLinks, "the Service mysql would set MYSQL_PORT")
	c := app.Spec.Containers[0]
	i := slices.IndexFunc(c.Env, func(v corev1.EnvVar) bool { return v.ValueFrom != nil })
	t.Setenv(c.Env[i].Name, "s3cret")

	r, err := secrets.Open(t.Context(), variables(c)["SECRETS_URL"])
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	got, err := r.Get(t.Context(), "mysql/password")
	require.NoError(t, err)
	secretstest.AssertEqual(t, "s3cret", got)
}

// layVolume lays a Secret out as the kubelet does, by the items of the volume
// and where they are mounted.
func layVolume(t *testing.T, m manifest, dir string) {
	t.Helper()
	pod := m.app(t).Spec
	source, mount := pod.Volumes[0].Secret, pod.Containers[0].VolumeMounts[0]
	assert.Equal(t, "mysql-credentials", source.SecretName)
	assert.EqualValues(t, 0o440, *source.DefaultMode)
	require.Len(t, source.Items, 1)
	require.Equal(t, "root-password", source.Items[0].Key)

	below, ok := strings.CutPrefix(mount.MountPath, "/etc/secrets/")
	require.True(t, ok, mount.MountPath)
	volume := filepath.Join(dir, below)
	write(t, filepath.Join(volume, "..2026_01_07", source.Items[0].Path), "s3cret")
	require.NoError(t, os.Symlink("..2026_01_07", filepath.Join(volume, "..data")))
	require.NoError(t, os.Symlink(filepath.Join("..data", source.Items[0].Path), filepath.Join(volume, source.Items[0].Path)))
}

// layInjected renders a template as the Vault Agent does.
func layInjected(t *testing.T, m manifest, dir, text, path string, data map[string]any) {
	t.Helper()
	assert.Equal(t, path, m.app(t).Annotations["vault.hashicorp.com/agent-inject-secret-mysql"])
	parsed, err := template.New("").Funcs(template.FuncMap{
		"secret": func(asked string) (map[string]any, error) {
			assert.Equal(t, path, asked)
			return map[string]any{"Data": data}, nil
		},
		"toJSON": func(v any) (string, error) {
			text, err := json.Marshal(v)
			return string(text), err
		},
	}).Parse(text)
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, parsed.Execute(&out, nil))
	write(t, filepath.Join(dir, "mysql"), out.String())
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o440))
}
