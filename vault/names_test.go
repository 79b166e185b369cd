package vault

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestANameDoesNotLeadToTheServersOwnMountsWhereTheBaseHasNoPath(t *testing.T) {
	bareEnvironment(t)
	t.Setenv("VAULT_TOKEN", "t")
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		path := strings.TrimPrefix(r.URL.Path, "/v1/sys/internal/ui/mounts/")
		mount, _, _ := strings.Cut(path, "/")
		if path != r.URL.Path {
			_, _ = fmt.Fprintf(w, `{"request_id":"r","data":{"path":%q,"type":"other"}}`, mount+"/")
			return
		}
		_, _ = fmt.Fprint(w, `{"request_id":"r","data":{"value":"x"}}`)
	}))
	defer server.Close()
	r, err := secrets.Open(t.Context(), "vault://?address="+server.URL, secrets.WithLogger(nil), secrets.WithReferences(map[string]string{
		"license": "vault://sys/license?address=" + server.URL, "token": "vault://identity/oidc/token/app?address=" + server.URL,
	}))
	require.NoError(t, err)
	defer r.Close()
	for _, name := range []string{"sys/license", "sys/internal/ui/mounts", "auth/token/lookup-self", "identity/oidc/token/app", "cubbyhole/x", "sys/a#b"} {
		_, err := r.Get(t.Context(), name)
		require.ErrorIs(t, err, secrets.ErrInvalid, name)
		assert.ErrorContains(t, err, "give the base a path", name)
	}
	assert.Zero(t, asked, "nothing was sent")
	for _, name := range []string{"license", "token", "system/x", "kv/sys"} {
		_, err := r.Get(t.Context(), name)
		require.NoError(t, err, name)
	}
}

func TestATokenInAPathIsRefusedWithoutBeingShown(t *testing.T) {
	bareEnvironment(t)
	for _, path := range []string{"hvs.CAESIJ@vault/x", "hvb.AAAAAQ@vault/x", "hvr.AAAAAQ@vault/x", "s.abcdef@vault/x", "b.abcdef@vault/x"} {
		_, err := documentPath(secrets.Ref{Path: path})
		require.ErrorIs(t, err, secrets.ErrInvalid, path)
		assert.NotContains(t, err.Error(), path[:6])
		_, err = secrets.ParseRef("vault:" + path + "#key")
		require.ErrorIs(t, err, secrets.ErrInvalid, path)
		assert.NotContains(t, err.Error(), path[:6])
	}
	_, err := documentPath(secrets.Ref{Path: "secret/team@example.com/x"})
	require.NoError(t, err)
	_, err = documentPath(secrets.Ref{Path: "kv.s@b/x"})
	require.NoError(t, err)
}

func TestPlainHTTPBeyondLoopbackIsForWhoeverAllowsIt(t *testing.T) {
	const elsewhere = "http://vault.example.test:8200"
	for name, c := range map[string]struct {
		options setup
		env     map[string]string
		ok      bool
	}{
		"an option":                            {setup{"address": elsewhere}, nil, false},
		"an agent":                             {setup{"agent": elsewhere}, nil, false},
		"VAULT_ADDR":                           {nil, map[string]string{"VAULT_ADDR": elsewhere}, false},
		"VAULT_AGENT_ADDR":                     {nil, map[string]string{"VAULT_AGENT_ADDR": elsewhere}, false},
		"BAO_ADDR":                             {nil, map[string]string{"BAO_ADDR": elsewhere}, false},
		"another host is allowed":              {nil, map[string]string{"VAULT_ADDR": elsewhere, "SECRETS_ALLOW_HTTP": "other"}, false},
		"allow_http":                           {setup{"address": elsewhere, "allow_http": "true"}, nil, true},
		"allow_http with VAULT_ADDR":           {setup{"allow_http": "true"}, map[string]string{"VAULT_ADDR": elsewhere}, true},
		"SECRETS_ALLOW_HTTP":                   {nil, map[string]string{"VAULT_ADDR": elsewhere, "SECRETS_ALLOW_HTTP": "vault.example.test"}, true},
		"SECRETS_ALLOW_HTTP with an agent":     {nil, map[string]string{"VAULT_AGENT_ADDR": elsewhere, "SECRETS_ALLOW_HTTP": "vault.example.test"}, true},
		"loopback":                             {setup{"address": "http://127.0.0.1:8200"}, nil, true},
		"a name of loopback":                   {setup{"address": "http://vault.localhost:8200"}, nil, true},
		"allow_http=false is as without":       {setup{"address": elsewhere, "allow_http": "false"}, nil, false},
		"OpenBao's variable is read last":      {nil, map[string]string{"VAULT_ADDR": "https://a", "BAO_ADDR": elsewhere}, true},
		"an option wins over what is in there": {setup{"address": "https://a"}, map[string]string{"VAULT_ADDR": elsewhere}, true},
	} {
		t.Run(name, func(t *testing.T) {
			bareEnvironment(t)
			for variable, value := range c.env {
				t.Setenv(variable, value)
			}
			p, err := open(c.options)
			if c.ok {
				require.NoError(t, err)
				require.NoError(t, p.(*Provider).Close())
				return
			}
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, "?allow_http=true")
			assert.ErrorContains(t, err, "SECRETS_ALLOW_HTTP=vault.example.test")
		})
	}
}

func TestANameOfLoopbackThatLeadsElsewhereGetsNoRequest(t *testing.T) {
	bareEnvironment(t)
	t.Setenv("VAULT_TOKEN", "t")
	other := otherAddress(t)
	reached := false
	l, err := net.Listen("tcp", other+":0")
	if err != nil {
		t.Skip("this machine has no address but loopback's")
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })} // #nosec G112 -- a test
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	// A proxy is reached in place of what the name says, as another resolver would lead elsewhere.
	t.Setenv("VAULT_PROXY_ADDR", "http://"+l.Addr().String())
	opened, err := open(setup{"address": "http://vault.localhost:8200"})
	require.NoError(t, err)
	p := opened.(*Provider)
	defer p.Close()
	_, err = p.Fetch(context.Background(), secrets.Ref{Path: "kv/x"})
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, "leads elsewhere")
	assert.False(t, reached)
}

// otherAddress is one of this machine that is not loopback's.
func otherAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return "192.0.2.1"
}

func TestWhatNoRequestWasMadeForIsInvalid(t *testing.T) {
	for name, c := range map[string]struct {
		options setup
		env     map[string]string
		class   error
	}{
		"an address without a scheme":       {setup{"address": "vault.example.test:8200"}, nil, secrets.ErrInvalid},
		"one of another scheme":             {setup{"address": "ftp://vault.example.test"}, nil, secrets.ErrInvalid},
		"one without a host":                {setup{"address": "https://"}, nil, secrets.ErrInvalid},
		"a namespace with a line break":     {setup{"address": "https://127.0.0.1:1", "namespace": "a\nb"}, nil, secrets.ErrInvalid},
		"a header with a line break":        {setup{"address": "https://127.0.0.1:1"}, map[string]string{"VAULT_HEADERS": `{"X-A":"a\nb"}`}, secrets.ErrInvalid},
		"headers that are no JSON":          {setup{"address": "https://127.0.0.1:1"}, map[string]string{"VAULT_HEADERS": `X-A: b`}, secrets.ErrInvalid},
		"a token with a line break":         {setup{"address": "https://127.0.0.1:1"}, map[string]string{"VAULT_TOKEN": "a\nb"}, secrets.ErrUnauthenticated},
		"a token with a null":               {setup{"address": "https://127.0.0.1:1", "token_file": "/dev/null"}, nil, secrets.ErrUnauthenticated},
		"a proxy of an unknown scheme":      {setup{"address": "https://127.0.0.1:1"}, map[string]string{"VAULT_PROXY_ADDR": "ftp://proxy"}, nil},
		"a server that is simply not there": {setup{"address": "https://127.0.0.1:1"}, nil, secrets.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			bareEnvironment(t)
			t.Setenv("VAULT_TOKEN", "t")
			for variable, value := range c.env {
				t.Setenv(variable, value)
			}
			opened, err := open(c.options)
			if err == nil {
				p := opened.(*Provider)
				defer p.Close()
				_, err = p.Fetch(context.Background(), secrets.Ref{Path: "kv/x"})
			}
			require.Error(t, err)
			t.Log(err)
			if c.class != nil {
				assert.ErrorIs(t, err, c.class)
			}
		})
	}
}
