package vault

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
)

// An answerer answers one kind of request with the fuzzer's bytes, and the
// others as Vault does.
type answerer struct {
	fakeVault
	hostile string // the part of the paths; empty: all of them
	with    []byte
}

func (a *answerer) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, a.hostile) {
		return answers.Parse(a.with, r)
	}
	return a.fakeVault.RoundTrip(r)
}

// questions are the requests that a read makes, by the part of their paths that
// is answered with the fuzzer's bytes, and what is read.
var questions = []struct {
	part string
	read secrets.Ref
}{
	{"/v1/kv/", secrets.Ref{Path: "kv/x"}},
	{"/v1/kv/", secrets.Ref{Path: "kv/x", Options: map[string]string{"mount": "kv", "kv": "2"}}},
	{"/v1/kv/", secrets.Ref{Path: "kv/x", Options: map[string]string{"mount": "kv", "kv": "2", "version": "3"}}},
	{"/v1/db/", secrets.Ref{Path: "db/creds/x", Options: map[string]string{"mount": "db", "engine": "database"}}},
	{"/v1/db/", secrets.Ref{Path: "db/static-creds/x", Options: map[string]string{"mount": "db", "engine": "database"}}},
	{"/v1/pki/", secrets.Ref{Path: "pki/issue/web", Options: map[string]string{"mount": "pki", "engine": "pki"}}},
	{"/v1/cubbyhole/", secrets.Ref{Path: "cubbyhole/x", Options: map[string]string{"mount": "cubbyhole", "engine": "cubbyhole"}}},
	{"/v1/sys/internal/ui/mounts", secrets.Ref{Path: "kv/x"}},
	{"/login", secrets.Ref{Path: "kv/x"}},
	{"/v1/sys/wrapping/unwrap", secrets.Ref{Path: "kv/x"}},
	{"/v1/auth/token/", secrets.Ref{Path: "db/creds/x", Options: map[string]string{"mount": "db", "engine": "database"}}},
	{"", secrets.Ref{Path: "kv/x"}},
}

func FuzzAnswer(f *testing.F) {
	for i := range questions {
		for _, body := range []string{
			`{"request_id":"r","data":{"value":"x"}}`,
			`{"request_id":"r","data":{"data":{"value":"x"},"metadata":{"version":3,"created_time":"2026-01-02T03:04:05.6Z","deletion_time":""}}}`,
			`{"request_id":"r","data":{"data":null,"metadata":{"version":3,"deletion_time":"2026-01-02T03:04:05.6Z","destroyed":true}}}`,
			`{"request_id":"r","lease_id":"db/creds/x/1","lease_duration":3600,"renewable":true,"data":{"password":"x"}}`,
			`{"request_id":"r","data":{"password":"x","ttl":99,"rotation_period":1e400,"last_vault_rotation":"2026-01-02T03:04:05Z"}}`,
			`{"request_id":"r","data":{"certificate":"c","private_key":"k","expiration":9223372036854775807}}`,
			`{"request_id":"r","data":{"path":"kv/","type":"kv","options":{"version":"2"}}}`,
			`{"request_id":"r","data":{"secret":{"kv/":{"type":"kv","options":{"version":"2"}}},"auth":{}}}`,
			`{"request_id":"r","data":{"keys":["a","b/","../c"]}}`,
			`{"request_id":"r","auth":{"client_token":"t","lease_duration":60,"renewable":true,"num_uses":2}}`,
			`{"request_id":"r","wrap_info":{"token":"t","ttl":60,"creation_path":"auth/approle/role/x/secret-id"},"data":{"secret_id":"s"}}`,
			`{"request_id":"r","data":{"ttl":60,"creation_ttl":60,"renewable":true,"expire_time":"2026-01-02T03:04:05Z"}}`,
		} {
			f.Add(byte(i), answers.HTTP(200, body, "Content-Type: application/json"))
		}
		for status, body := range map[int]string{
			204: "", 302: "", 307: "", 400: `{"errors":["wrapping token is not valid or does not exist"]}`,
			403: `{"errors":["permission denied","invalid token"]}`, 404: `{"errors":[]}`, 405: `{"errors":["1 error occurred:\n\t* unsupported"]}`,
			412: `{"errors":["required index state not present"]}`, 429: `{"errors":[{"a":1}]}`, 472: `{"data":{}}`, 500: `<html>`, 503: `{"errors":["Vault is sealed"]}`,
		} {
			f.Add(byte(i), answers.HTTP(status, body, "Retry-After: 99999999999999999999", "Location: http://user:x@127.0.0.1:1/%zz"))
		}
	}
	f.Add(byte(0), []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"dat\r\n"))
	f.Add(byte(0), answers.HTTP(200, `{"data":`+strings.Repeat("[", 20_000)))
	f.Add(byte(0), answers.HTTP(200, `{}`, "Content-Encoding: gzip", "Warning: x", "X-Vault-Index: y"))
	f.Fuzz(func(t *testing.T, which byte, answer []byte) {
		q := questions[int(which)%len(questions)]
		a := &answerer{hostile: q.part, with: answer}
		a.ttl = 3600
		method := &AppRole{RoleID: Text("role"), SecretID: Text("secret")}
		if q.part == "/v1/sys/wrapping/unwrap" {
			method.Wrapped = true
		}
		cfg := api.DefaultConfig()
		require.NoError(t, cfg.Error)
		cfg.Address, cfg.HttpClient = "https://vault.example.test", &http.Client{Transport: a}
		client, err := api.NewClient(cfg)
		require.NoError(t, err)
		client.SetMaxRetries(0)
		answers.Within(t, len(answer), func(ctx context.Context) {
			p := New(client, WithAuth(method), WithoutRenewal())
			v, err := p.Fetch(ctx, q.read)
			answers.Check(t, err)
			if err == nil && v.Lease != nil {
				_, err := p.Renew(ctx, v)
				answers.Check(t, err)
				answers.Check(t, p.Revoke(ctx, v))
			}
			n := 0
			for _, err := range p.List(ctx, "") {
				if answers.Check(t, err); err != nil || n > 100 {
					break
				}
				n++
			}
			answers.Check(t, p.Close())
		})
	})
}
