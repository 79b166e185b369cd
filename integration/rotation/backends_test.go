package rotation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/awssm"
	_ "github.com/go-secrets/secrets/envfile"
	_ "github.com/go-secrets/secrets/gcp"
	"github.com/go-secrets/secrets/internal/gcpfake"
	_ "github.com/go-secrets/secrets/ssm"
	_ "github.com/go-secrets/secrets/vault"
)

// ttl is that of the suites: what a backend has is seen at most so much later,
// if the database's refusal does not tell before.
const ttl = 3 * time.Second

// A manager is a backend with one document, db, as its administrator sees it.
type manager struct {
	uri string
	put func(user, password string)
}

func document(user, password string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q}`, user, password)
}

// managers are the backends that somebody writes passwords to.
var managers = []struct {
	name string
	make func(t *testing.T) manager
}{
	{"file", fileManager},
	{"Vault KV", kvManager},
	{"Secrets Manager", secretsManager},
	{"SSM", parameterStore},
	{"GCP", gcpManager},
}

// fileManager is a mounted Kubernetes Secret, swapped as kubelet does it.
func fileManager(t *testing.T) manager {
	dir := filepath.Join(t.TempDir(), "db")
	generation := 0
	return manager{"file://" + filepath.Dir(dir), func(user, password string) {
		generation++
		data := fmt.Sprintf("..%d", generation)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, data), 0o755))
		for key, value := range map[string]string{"username": user, "password": password} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, data, key), []byte(value+"\n"), 0o644))
		}
		require.NoError(t, os.Symlink(data, filepath.Join(dir, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
		if generation == 1 {
			for _, key := range []string{"username", "password"} {
				require.NoError(t, os.Symlink(filepath.Join("..data", key), filepath.Join(dir, key)))
			}
		}
	}}
}

func kvManager(t *testing.T) manager { return kvBehind(t, vault.Addr) }

// kvBehind is a KV mount that is reached at an address.
func kvBehind(t *testing.T, addr string) manager {
	mount := unique("kv")
	mountEngine(t, mount, "kv", map[string]string{"version": "2"})
	put := func(user, password string) error {
		_, err := vault.Client(t).Logical().Write(mount+"/data/db", map[string]any{"data": map[string]any{"username": user, "password": password}})
		return err
	}
	// A new mount refuses requests for a moment.
	require.Eventually(t, func() bool { return put("nobody", "nothing") == nil }, 20*time.Second, 50*time.Millisecond)
	return manager{vaultURI(t, mount, addr), func(user, password string) { require.NoError(t, put(user, password)) }}
}

func vaultURI(t *testing.T, path, addr string) string {
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte(vault.Token), 0o600))
	return fmt.Sprintf("vault://%s?address=%s&token_file=%s", path, addr, token)
}

func mountEngine(t *testing.T, path, engine string, options map[string]string) {
	require.NoError(t, vault.Client(t).Sys().Mount(path, &api.MountInput{Type: engine, Options: options}))
}

func unique(prefix string) string { return fmt.Sprintf("%s-%08x", prefix, rand.Uint32()) }

func amazon() aws.Config {
	return aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(emulator.URL), Credentials: credentials.NewStaticCredentialsProvider("AKIDADMIN", "not-a-real-key", "")}
}

func secretsManager(t *testing.T) manager {
	client, base := secretsmanager.NewFromConfig(amazon()), unique("prod")
	_, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String(base + "/db"), SecretString: aws.String("{}")})
	require.NoError(t, err)
	return manager{"awssm://" + base + "?region=eu-west-1&endpoint=" + emulator.URL, func(user, password string) {
		_, err := client.PutSecretValue(context.Background(), &secretsmanager.PutSecretValueInput{SecretId: aws.String(base + "/db"), SecretString: aws.String(document(user, password))})
		require.NoError(t, err)
	}}
}

func parameterStore(t *testing.T) manager {
	client, base := awsssm.NewFromConfig(amazon()), unique("prod")
	return manager{"ssm:///" + base + "?region=eu-west-1&endpoint=" + emulator.URL, func(user, password string) {
		_, err := client.PutParameter(context.Background(), &awsssm.PutParameterInput{
			Name: aws.String("/" + base + "/db"), Value: aws.String(document(user, password)), Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true),
		})
		require.NoError(t, err)
	}}
}

func gcpManager(t *testing.T) manager {
	s, err := gcpfake.Start()
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return manager{"gcp://my-project?endpoint=" + s.Addr(), func(user, password string) {
		s.Put("projects/my-project/secrets/db", []byte(document(user, password)))
	}}
}

// reads counts calls of a backend, and remembers when a new version was seen.
type reads struct {
	mu       sync.Mutex
	calls    int
	failures int
	changes  []time.Time
}

func (c *reads) observe(_ context.Context, e secrets.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.Kind {
	case secrets.EventRead:
		c.calls++
		if e.Err != nil {
			c.failures++
		}
	case secrets.EventChanged:
		c.changes = append(c.changes, time.Now())
	}
}

func (c *reads) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

func (c *reads) changed() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Time{}, c.changes...)
}

// open opens a resolver that counts.
func open(t *testing.T, uri string, opts ...secrets.Option) (*secrets.Resolver, *reads) {
	t.Helper()
	c := new(reads)
	opts = append([]secrets.Option{secrets.WithTTL(ttl), secrets.WithLogger(nil), secrets.WithObserver(c.observe)}, opts...)
	r, err := secrets.Open(t.Context(), uri, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r, c
}
