// Package gcp runs the gcp backend against a Secret Manager that is filled
// over its own API: the server of this module's tests, and, where the
// environment names one, an emulator that somebody else wrote.
//
//	SECRETS_TEST_GCP_ENDPOINT=127.0.0.1:9090 go test ./gcp
//
// It passes against the Secret Manager of github.com/slokam-ai/localgcp, which
// knows no filters and no checksums.
package gcp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/gcp"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

const endpointEnv = "SECRETS_TEST_GCP_ENDPOINT"

// A manager is a Secret Manager and a project of the test's own in it.
type manager struct {
	endpoint string
	project  string
	admin    *secretmanager.Client
}

// eachManager runs a test against every Secret Manager there is.
func eachManager(t *testing.T, run func(t *testing.T, m *manager)) {
	t.Run("the server of this module", func(t *testing.T) {
		s, err := gcpfake.Start()
		require.NoError(t, err)
		t.Cleanup(s.Close)
		run(t, connect(t, s.Addr()))
	})
	t.Run("an emulator that somebody else wrote", func(t *testing.T) {
		endpoint := os.Getenv(endpointEnv)
		if endpoint == "" {
			t.Skip("set " + endpointEnv + " to the host:port of one")
		}
		run(t, connect(t, endpoint))
	})
}

func connect(t *testing.T, endpoint string) *manager {
	t.Helper()
	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	admin, err := secretmanager.NewClient(context.Background(), option.WithGRPCConn(conn))
	require.NoError(t, err)
	t.Cleanup(func() { _ = admin.Close() })
	var id [5]byte
	_, _ = rand.Read(id[:]) // never fails
	return &manager{endpoint: endpoint, project: "test-" + hex.EncodeToString(id[:]), admin: admin}
}

func (m *manager) parent() string { return "projects/" + m.project }

// secret returns the resource of a name's secret.
func (m *manager) secret(name string) string {
	return m.parent() + "/secrets/" + strings.ReplaceAll(name, "/", "-")
}

// put adds a version, and returns its resource.
func (m *manager) put(t testing.TB, name string, data []byte) string {
	t.Helper()
	_, err := m.admin.CreateSecret(t.Context(), &secretmanagerpb.CreateSecretRequest{
		Parent:   m.parent(),
		SecretId: strings.ReplaceAll(name, "/", "-"),
		Secret: &secretmanagerpb.Secret{Replication: &secretmanagerpb.Replication{
			Replication: &secretmanagerpb.Replication_Automatic_{Automatic: &secretmanagerpb.Replication_Automatic{}}}},
	})
	if status.Code(err) != codes.AlreadyExists {
		require.NoError(t, err)
	}
	v, err := m.admin.AddSecretVersion(t.Context(), &secretmanagerpb.AddSecretVersionRequest{
		Parent: m.secret(name), Payload: &secretmanagerpb.SecretPayload{Data: data}})
	require.NoError(t, err)
	_, number, _ := strings.Cut(v.GetName(), "/versions/")
	return m.secret(name) + "/versions/" + number
}

func (m *manager) remove(t testing.TB, name string) {
	t.Helper()
	err := m.admin.DeleteSecret(t.Context(), &secretmanagerpb.DeleteSecretRequest{Name: m.secret(name)})
	if status.Code(err) != codes.NotFound {
		require.NoError(t, err)
	}
}

// uri returns the provider URI, with options that read option=value.
func (m *manager) uri(options ...string) string {
	return "gcp://" + m.project + "?" + strings.Join(append(options, "endpoint="+m.endpoint), "&")
}

func (m *manager) resolver(t testing.TB, options ...string) *secrets.Resolver {
	t.Helper()
	r, err := secrets.Open(t.Context(), m.uri(options...), secrets.WithTimeout(5*time.Second))
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}
