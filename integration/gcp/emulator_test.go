package gcp

import (
	"fmt"
	"strings"
	"testing"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/gcp"
	"github.com/go-secrets/secrets/secretstest"
)

func TestConformance(t *testing.T) {
	eachManager(t, func(t *testing.T, m *manager) {
		secretstest.Run(t, secretstest.Harness{
			New: func(t testing.TB) secrets.Provider {
				conn, err := grpc.NewClient(m.endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
				require.NoError(t, err)
				client, err := secretmanager.NewClient(t.Context(), option.WithGRPCConn(conn))
				require.NoError(t, err)
				t.Cleanup(func() { _ = client.Close() })
				return gcp.New(client)
			},
			Base:    m.project,
			Put:     func(t testing.TB, path string, data []byte) { m.put(t, path, data) },
			Delete:  m.remove,
			MaxSize: 64 << 10,
			NoEmpty: true, // the service refuses an empty payload
			ListPath: func(path string) string {
				project, name, _ := strings.Cut(path, "/")
				return project + "/" + strings.ReplaceAll(name, "/", "-")
			},
		})
	})
}

func TestVersions(t *testing.T) {
	eachManager(t, func(t *testing.T, m *manager) {
		m.put(t, "db/password", []byte("one"))
		second := m.put(t, "db/password", []byte("two"))
		third := m.put(t, "db/password", []byte("three"))
		reads := func(want string, options ...string) {
			t.Helper()
			got, err := m.resolver(t, options...).Get(t.Context(), "db/password")
			require.NoError(t, err)
			assert.Equal(t, want, got.Reveal())
		}
		missing := func(says string, options ...string) {
			t.Helper()
			_, err := m.resolver(t, options...).Get(t.Context(), "db/password")
			require.ErrorIs(t, err, secrets.ErrNotFound)
			assert.ErrorContains(t, err, says)
		}
		reads("three")
		reads("three", "version=latest")
		reads("one", "version=1")
		missing("version 7", "version=7")

		_, err := m.admin.DisableSecretVersion(t.Context(), &secretmanagerpb.DisableSecretVersionRequest{Name: third})
		require.NoError(t, err)
		missing("disabled", "version=3")
		reads("two", "latest=enabled")
		_, err = m.admin.DestroySecretVersion(t.Context(), &secretmanagerpb.DestroySecretVersionRequest{Name: second})
		require.NoError(t, err)
		missing("version 2", "version=2")
		reads("one", "latest=enabled")
	})
}

func TestNamesAreFoundAndListed(t *testing.T) {
	eachManager(t, func(t *testing.T, m *manager) {
		m.put(t, "db", []byte(`{"user":"app","password":"p1"}`))
		m.put(t, "api/key", []byte("k1"))
		r := m.resolver(t)
		for name, want := range map[string]string{"db/user": "app", "db#password": "p1", "api/key": "k1"} {
			got, err := r.Get(t.Context(), name)
			require.NoError(t, err, name)
			assert.Equal(t, want, got.Reveal())
		}
		_, err := r.Get(t.Context(), "stripe/key")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		var names []string
		for name, err := range r.List(t.Context(), "") {
			require.NoError(t, err)
			names = append(names, name)
		}
		assert.ElementsMatch(t, []string{"db", "api-key"}, names)
	})
}

func TestARotationIsReadAtARefresh(t *testing.T) {
	eachManager(t, func(t *testing.T, m *manager) {
		m.put(t, "db", []byte("one"))
		r := m.resolver(t)
		first, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		m.put(t, "db", []byte("two"))
		second, err := r.Refresh(t.Context(), "db")
		require.NoError(t, err)
		assert.Equal(t, "two", second.Reveal())
		assert.NotEqual(t, first.Version(), second.Version())
	})
}

func TestAHundredSecretsAreReadAtTheStart(t *testing.T) {
	eachManager(t, func(t *testing.T, m *manager) {
		names := make([]string, 100)
		for i := range names {
			names[i] = fmt.Sprintf("key-%d", i)
			m.put(t, names[i], []byte(names[i]))
		}
		r := m.resolver(t)
		require.NoError(t, r.Preload(t.Context(), names...))
		for _, name := range names {
			got, err := r.Get(t.Context(), name)
			require.NoError(t, err)
			assert.Equal(t, name, got.Reveal())
		}
	})
}
