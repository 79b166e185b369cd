package vault

import (
	"context"
	"net/http"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/answers"
)

// ways are those to a token that need an answer, and the part of the paths that
// is answered with the fuzzer's bytes.
func ways() []struct {
	part string
	with Option
} {
	type way = struct {
		part string
		with Option
	}
	const wrapped = `{"token":"w","accessor":"a","ttl":60,"creation_time":"2026-01-02T03:04:05Z","creation_path":"auth/token/create"}`
	secret := Text("x")
	return []way{
		{"/login", WithAuth(&Kubernetes{Role: "app", JWT: secret})},
		{"/login", WithAuth(&JWT{JWT: secret})},
		{"/login", WithAuth(&Cert{})},
		{"/login", WithAuth(&Userpass{Username: "app", Password: secret})},
		{"/login", WithAuth(&LDAP{Username: "app", Password: secret})},
		{"/login", WithAuth(&AppRole{RoleID: secret, SecretID: secret})},
		{"/wrapping/unwrap", WithAuth(&AppRole{RoleID: secret, SecretID: secret, Wrapped: true})},
		{"/wrapping/unwrap", WithToken(Text(wrapped))},
		{"/lookup-self", WithToken(secret)},
		{"/renew-self", WithAuth(&Cert{})},
		{"/revoke-self", WithAuth(&Cert{})},
	}
}

// FuzzAnswerToALogin answers one of the requests by which a token is got and
// kept with the fuzzer's bytes.
func FuzzAnswerToALogin(f *testing.F) {
	for i := range ways() {
		for status, body := range map[int]string{
			200: `{"request_id":"r","auth":{"client_token":"t","lease_duration":60,"renewable":true,"num_uses":2},"data":{"secret_id":"s","token":"t","ttl":60,"creation_ttl":60,"renewable":true,"num_uses":2}}`,
			201: `{"auth":{"client_token":"","mfa_requirement":{"mfa_request_id":"x","mfa_constraints":{}},"lease_duration":1e300,"num_uses":-1}}`,
			202: `{"auth":{"client_token":"a\nb","lease_duration":-9223372036854775808,"renewable":true},"data":{"ttl":"soon","secret_id":1}}`,
			204: "", 307: "", 400: `{"errors":["invalid role or secret ID"]}`, 401: `{"errors":["x"]}`, 403: `{"errors":["permission denied"]}`, 404: `{"errors":[]}`,
			429: `{"errors":[{"a":1}]}`, 500: `{"errors":["failed to determine alias name from login request"]}`, 502: `<html>`, 503: `{"errors":["Vault is sealed"]}`,
		} {
			f.Add(byte(i), answers.HTTP(status, body, "Content-Type: application/json", "Retry-After: 99999999999999999999", "Location: http://user:x@127.0.0.1:1/%zz"))
		}
		f.Add(byte(i), []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"aut\r\n"))
	}
	f.Fuzz(func(t *testing.T, which byte, answer []byte) {
		all := ways()
		w := all[int(which)%len(all)]
		a := &answerer{hostile: w.part, with: answer}
		a.ttl, a.unwraps, a.lookup = 3600, `{"request_id":"r","data":{"secret_id":"s"}}`, `{"request_id":"r","data":{"ttl":60,"creation_ttl":60,"renewable":true}}`
		cfg := api.DefaultConfig()
		require.NoError(t, cfg.Error)
		cfg.Address, cfg.HttpClient = "https://vault.example.test", &http.Client{Transport: a}
		client, err := api.NewClient(cfg)
		require.NoError(t, err)
		client.SetMaxRetries(0)
		answers.Within(t, len(answer), func(ctx context.Context) {
			p := New(client, w.with, WithoutRenewal())
			err := fetch(p)
			answers.Check(t, err)
			s := p.in().session
			s.mu.Lock()
			token := s.cur
			s.mu.Unlock()
			if err == nil {
				require.NotNil(t, token)
				assert.NoError(t, checkToken(token.id()))
				assert.NotEmpty(t, token.id())
				s.lookupNow(ctx, token)
				s.prolong(token)
				answers.Check(t, fetch(p))
			}
			answers.Check(t, p.Close())
		})
	})
}
