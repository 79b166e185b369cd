package endpoint_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/endpoint"
)

func TestShowTellsAnAddressAndNoCredential(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://vault.example.com:8200":           "https://vault.example.com:8200",
		"http://user:pw@vault:8200":                "http://vault:8200",
		"http://pw@vault:8200/v1/x":                "http://vault:8200/v1/x",
		"https://vault/v1/x?token=pw#pw":           "https://vault/v1/x",
		"//user:pw@vault":                          "//vault",
		"unix:///run/vault.sock":                   "unix:///run/vault.sock",
		"localhost:8200":                           "localhost:8200",
		"http://[::1]:8200":                        "http://[::1]:8200",
		"user:pw@vault:8200":                       "something that is no URL (18 bytes)",
		"http://user:pw/@vault:8200":               "something that is no URL (26 bytes)",
		"http://user:1234/pw@vault:8200":           "something that is no URL (30 bytes)",
		"http://user:1234#pw@vault:8200":           "something that is no URL (30 bytes)",
		"http://user:1234?pw@vault:8200":           "something that is no URL (30 bytes)",
		"http://user:p\nw@vault":                   "something that is no URL (21 bytes)",
		"http://user:%zz@vault":                    "something that is no URL (21 bytes)",
		"hvs.CAESIJ0token":                         "something that is no URL (16 bytes)",
		"mailto:user":                              "something that is no URL (11 bytes)",
		"":                                         "something that is no URL (0 bytes)",
		"-----BEGIN PRIVATE KEY-----\nMIIB\n-----": "something that is no URL (38 bytes)",
	} {
		assert.Equal(t, want, endpoint.Show(raw), "%q", raw)
	}
}

func TestStripLeavesNoUserInformationWithinReach(t *testing.T) {
	t.Parallel()
	password := canary.New()
	search := canary.For(password)
	_, parse := url.Parse("http://user:" + password + "/@vault:8200")
	require.Error(t, parse)
	cause := &net.OpError{Op: "dial", Net: "tcp", Err: fs.ErrPermission}
	full := &url.Error{Op: "Get", URL: "http://user:" + password + "@vault:8200/v1/x?t=" + password, Err: cause}
	location := fmt.Errorf("failed to parse Location header %q: %w", "http://u:"+password+"@h:x", fs.ErrInvalid)
	proxy := fmt.Errorf("invalid proxy address %q: %w", password, fs.ErrInvalid)
	for name, err := range map[string]error{
		"a request's error":                full,
		"one that is wrapped with its URL": fmt.Errorf("get %s: %w", full.URL, full),
		"a parser's error":                 parse,
		"one within another":               &url.Error{Op: "Get", URL: "http://vault", Err: full},
		"a redirect that is no URL":        &url.Error{Op: "Get", URL: "http://vault", Err: location},
		"a proxy that is no URL":           &url.Error{Op: "Get", URL: "http://vault", Err: proxy},
		"one that is joined":               errors.Join(errors.New("first"), full),
	} {
		require.NotEmpty(t, search.Error(err), "%s: the test must be able to fail", name)
		assert.Empty(t, search.Error(endpoint.Strip(err)), name)
		var u *url.Error
		assert.ErrorAs(t, endpoint.Strip(err), &u, name)
	}
	assert.ErrorIs(t, endpoint.Strip(full), fs.ErrPermission)
	var op *net.OpError
	assert.ErrorAs(t, endpoint.Strip(fmt.Errorf("x: %w", full)), &op)
	assert.Equal(t, `Get "http://vault:8200/v1/x": dial tcp: permission denied`, endpoint.Strip(full).Error())

	plain := fmt.Errorf("while reading: %w", &url.Error{Op: "Get", URL: "http://vault", Err: cause})
	assert.Equal(t, plain, endpoint.Strip(plain), "what holds nothing stays as it is")
	assert.Equal(t, fs.ErrExist, endpoint.Strip(fs.ErrExist))
	assert.NoError(t, endpoint.Strip(nil))
}

func TestPlainHTTPGoesToLoopbackAndWhereItIsAllowed(t *testing.T) {
	t.Setenv(endpoint.AllowVariable, "localstack:4566, Emulator.test ,,10.0.0.7,2001:db8::7")
	for raw, ok := range map[string]bool{
		"https://vault.example.com":     true,
		"http://127.0.0.1:8200":         true,
		"http://127.8.9.10":             true,
		"http://[::1]:8200":             true,
		"http://[::ffff:127.0.0.1]":     true,
		"http://localhost:4566":         true,
		"http://LOCALHOST":              true,
		"http://localhost.:4566":        true,
		"http://vault.localhost":        true,
		"http://localstack:4566":        true,
		"http://emulator.test":          true,
		"http://10.0.0.7":               true,
		"http://[2001:db8::7]:80":       true,
		"unix:///run/x.sock":            true,
		"http://vault.example.com":      false,
		"HTTP://vault.example.com":      false,
		"http://10.0.0.8":               false,
		"http://0.0.0.0":                false,
		"http://localhost.evil.example": false,
		"http://notlocalhost":           false,
		"http://127.0.0.1.evil.example": false,
		"http://2130706433":             false,
		"http://":                       false,
	} {
		assert.Equal(t, ok, endpoint.CheckPlain("VAULT_ADDR", raw, false) == nil, raw)
		assert.NoError(t, endpoint.CheckPlain("VAULT_ADDR", raw, true), raw)
	}
	err := endpoint.CheckPlain("VAULT_ADDR", "http://user:pw@vault.example.com:8200", false)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "VAULT_ADDR is http://vault.example.com:8200")
	assert.Contains(t, err.Error(), "?allow_http=true")
	assert.Contains(t, err.Error(), "SECRETS_ALLOW_HTTP=vault.example.com")
	assert.NotContains(t, err.Error(), "pw")
}

func TestWhatANameLeadsToIsUpToTheDialledAddress(t *testing.T) {
	t.Parallel()
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 8200} }
	for _, ip := range []string{"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"} {
		assert.NoError(t, endpoint.CheckDialed("vault.localhost", tcp(ip)), ip)
	}
	assert.NoError(t, endpoint.CheckDialed("localhost", &net.UnixAddr{Name: "/run/x.sock", Net: "unix"}))
	for _, ip := range []string{"10.0.0.1", "192.0.2.1", "2001:db8::1", "0.0.0.0"} {
		assert.ErrorContains(t, endpoint.CheckDialed("vault.localhost", tcp(ip)), ip)
	}
}

func TestADialThatEndsElsewhereIsNoConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	address := server.Listener.Addr().String()
	here := endpoint.Dialer(new(net.Dialer).DialContext, "vault.localhost:8200")
	conn, err := here(t.Context(), "tcp", address)
	require.NoError(t, err, "loopback by its address")
	require.NoError(t, conn.Close())

	closed := false
	elsewhere := endpoint.Dialer(dialElsewhere(&closed), "vault.localhost:8200")
	_, err = elsewhere(t.Context(), "tcp", "vault.localhost:8200")
	require.ErrorContains(t, err, "vault.localhost leads to 192.0.2.1")
	assert.True(t, closed, "before anything is sent")
	assert.NotErrorIs(t, err, fs.ErrClosed)
}
