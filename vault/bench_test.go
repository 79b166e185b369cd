package vault

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

const aSecret = `{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"host":"db.example.test","password":"0123456789abcdef","user":"app"},` +
	`"metadata":{"created_time":"2026-01-02T03:04:05.678901234Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}},"wrap_info":null,"warnings":null,"auth":null,"mount_type":"kv"}`

// answering is a server without a network.
type answering struct{}

func (answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(aSecret)),
		ContentLength: int64(len(aSecret)), Request: r, ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

func answeringClient(b *testing.B) *api.Client {
	cfg := api.DefaultConfig()
	require.NoError(b, cfg.Error)
	cfg.Address, cfg.HttpClient = "https://vault.example.test", &http.Client{Transport: answering{}}
	client, err := api.NewClient(cfg)
	require.NoError(b, err)
	client.SetToken("t")
	return client
}

// BenchmarkRead tells what this package adds to a read of a secret, the network
// left out: beside the same read by vault/api.
func BenchmarkRead(b *testing.B) {
	b.Run("ours", func(b *testing.B) {
		p := New(answeringClient(b), WithToken(Text("t")), WithoutRenewal())
		ref := secrets.Ref{Path: "kv/x", Options: map[string]string{"mount": "kv", "kv": "2"}}
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			_, err := p.Fetch(ctx, ref)
			cancel()
			require.NoError(b, err)
		}
	})
	b.Run("vault-api", func(b *testing.B) {
		kv := answeringClient(b).KVv2("kv")
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			_, err := kv.Get(ctx, "x")
			cancel()
			require.NoError(b, err)
		}
	})
}
