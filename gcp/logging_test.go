package gcp

import (
	"context"
	"encoding/base64"
	"os"
	"os/exec"
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
)

// TestThePayloadIsInNoLog runs itself in a child, for the client library sets
// its logger up from the environment of the process.
func TestThePayloadIsInNoLog(t *testing.T) {
	if addr := os.Getenv("GCP_TEST_LOG_ADDR"); addr != "" {
		readForTheLog(t, addr, os.Getenv("GCP_TEST_LOG_READER"))
		return
	}
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte(canary))
	exe, err := os.Executable()
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		reader string
		logged bool
	}{
		"of a provider that was opened by its URI": {"uri", false},
		"of a provider over a user's client":       {"users", false},
		// What the other two would show if they could.
		"but in that of the client on its own": {"raw", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestThePayloadIsInNoLog$", "-test.v")
			cmd.Env = []string{
				"HOME=" + t.TempDir(),
				"GOOGLE_SDK_GO_LOGGING_LEVEL=debug",
				"GRPC_GO_LOG_SEVERITY_LEVEL=info",
				"GRPC_GO_LOG_VERBOSITY_LEVEL=99",
				"GCP_TEST_LOG_ADDR=" + s.Addr(),
				"GCP_TEST_LOG_READER=" + tt.reader,
			}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			require.Contains(t, string(out), "read the payload")
			logged := strings.Contains(string(out), canary) ||
				strings.Contains(string(out), base64.StdEncoding.EncodeToString([]byte(canary)))
			assert.Equal(t, tt.logged, logged)
		})
	}
}

func readForTheLog(t *testing.T, addr, reader string) {
	ctx := context.Background()
	var data []byte
	switch reader {
	case "uri":
		v, err := openURI(t, "gcp://my-project?endpoint="+addr).Fetch(ctx, named("db"))
		require.NoError(t, err)
		data = v.Data
	default:
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		client, err := secretmanager.NewClient(ctx, option.WithGRPCConn(conn))
		require.NoError(t, err)
		if reader == "raw" {
			answer, err := client.AccessSecretVersion(ctx, &secretmanagerpb.AccessSecretVersionRequest{Name: global("db") + "/versions/latest"})
			require.NoError(t, err)
			data = answer.GetPayload().GetData()
			break
		}
		var v secrets.Value
		v, err = New(client).Fetch(ctx, named("db"))
		require.NoError(t, err)
		data = v.Data
	}
	if string(data) == canary {
		t.Log("read the payload")
	}
}
