package secrethttp_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secrethttp"
	"github.com/go-secrets/secrets/secretstest"
)

// A web is a set of servers without a network: what each path answers, and
// which requests came, with the credential or without.
type web struct {
	mu       sync.Mutex
	redirect map[string]string // scheme://host/path: Location
	code     int
	seen     []string
}

func (w *web) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	place := req.URL.Scheme + "://" + req.URL.Host + req.URL.Path
	line := place
	if req.Host != "" && req.Host != req.URL.Host {
		line += " as " + req.Host
	}
	if strings.HasPrefix(req.Header.Get("Authorization"), "Bearer ") {
		line += " with it"
	}
	w.seen = append(w.seen, line)
	recorded := httptest.NewRecorder()
	if to, ok := w.redirect[place]; ok {
		http.Redirect(recorded, req, to, w.code)
	}
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return recorded.Result(), nil // whose Request is nil
}

func TestAfterRedirectsTheCredentialGoesOnlyWhereNobodyElseHadASay(t *testing.T) {
	t.Parallel()
	r, _ := secretstest.New(t, map[string]string{"token": "one"})
	for name, test := range map[string]struct {
		redirect map[string]string
		from     string
		host     string // of the header
		opts     []secrethttp.Option
		want     []string
	}{
		"on the same host": {
			redirect: map[string]string{"https://a/1": "/2", "https://a/2": "https://A/3"}, from: "https://a/1",
			want: []string{"https://a/1 with it", "https://a/2 with it", "https://A/3 with it"},
		},
		"back from another host": {
			redirect: map[string]string{"https://a/1": "https://b/", "https://b/": "https://a/chosen-by-b", "https://a/chosen-by-b": "/on"}, from: "https://a/1",
			want: []string{"https://a/1 with it", "https://b/", "https://a/chosen-by-b", "https://a/on"},
		},
		"back from another port": {
			redirect: map[string]string{"https://a/1": "https://a:8443/", "https://a:8443/": "https://a/2"}, from: "https://a/1",
			want: []string{"https://a/1 with it", "https://a:8443/", "https://a/2"},
		},
		"to the default port, said and unsaid": {
			redirect: map[string]string{"https://a/1": "https://a:443/2"}, from: "https://a/1",
			want: []string{"https://a/1 with it", "https://a:443/2 with it"},
		},
		"down to plain http on the same port": {
			redirect: map[string]string{"https://localhost:8443/1": "http://localhost:8443/2", "http://localhost:8443/2": "https://localhost:8443/3"}, from: "https://localhost:8443/1",
			want: []string{"https://localhost:8443/1 with it", "http://localhost:8443/2", "https://localhost:8443/3"},
		},
		"down to plain http where that is allowed": {
			redirect: map[string]string{"https://a/1": "http://a/2"}, from: "https://a/1",
			opts: []secrethttp.Option{secrethttp.WithHosts("a"), secrethttp.WithPlainHTTP("a")},
			want: []string{"https://a/1 with it", "http://a/2"},
		},
		"to a subdomain and its parent": {
			redirect: map[string]string{"https://a/1": "https://www.a/", "https://www.a/": "https://a/2"}, from: "https://a/1",
			want: []string{"https://a/1 with it", "https://www.a/", "https://a/2"},
		},
		"to a user's name that looks like the host": {
			redirect: map[string]string{"https://a/1": "https://a:443@b/2"}, from: "https://a/1",
			want: []string{"https://a/1 with it", "https://b/2"},
		},
		"to the named hosts, from one that is not named": {
			redirect: map[string]string{"https://b/1": "https://a/chosen-by-b"}, from: "https://b/1", opts: []secrethttp.Option{secrethttp.WithHosts("a")},
			want: []string{"https://b/1", "https://a/chosen-by-b"},
		},
		"between the named hosts": {
			redirect: map[string]string{"https://a/1": "https://b/2", "https://b/2": "https://a/3"}, from: "https://a/1", opts: []secrethttp.Option{secrethttp.WithHosts("a", "b")},
			want: []string{"https://a/1 with it", "https://b/2 with it", "https://a/3 with it"},
		},
		"between the named hosts, by way of another": {
			redirect: map[string]string{"https://a/1": "https://c/", "https://c/": "https://b/2"}, from: "https://a/1", opts: []secrethttp.Option{secrethttp.WithHosts("a", "b")},
			want: []string{"https://a/1 with it", "https://c/", "https://b/2"},
		},
		"with a host of the header that is kept": {
			redirect: map[string]string{"https://a/1": "/2"}, from: "https://a/1", host: "virtual",
			want: []string{"https://a/1 as virtual with it", "https://a/2 as virtual with it"},
		},
		"to another host behind the same server": {
			redirect: map[string]string{"https://a/1": "https://a/2"}, from: "https://a/1", host: "virtual",
			want: []string{"https://a/1 as virtual with it", "https://a/2"},
		},
		"to a named server, asked for a host that is not named": {
			from: "https://a/1", host: "virtual", opts: []secrethttp.Option{secrethttp.WithHosts("a")},
			want: []string{"https://a/1 as virtual"},
		},
		"nowhere, when no host is named": {
			from: "https://a/1", opts: []secrethttp.Option{secrethttp.WithHosts()}, want: []string{"https://a/1"},
		},
	} {
		for _, code := range []int{302, 307, 308} {
			t.Run(fmt.Sprintf("%s, %d", name, code), func(t *testing.T) {
				t.Parallel()
				w := &web{redirect: test.redirect, code: code}
				client := &http.Client{Transport: secrethttp.New(r, "token", secrethttp.Bearer(), append(test.opts, secrethttp.WithBase(w))...)}
				req, err := http.NewRequestWithContext(t.Context(), "POST", test.from, strings.NewReader("body"))
				require.NoError(t, err)
				req.Host = test.host
				resp, err := client.Do(req)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				assert.Equal(t, test.want, w.seen)
				assert.NotContains(t, resp.Request.Header.Get("Authorization"), "Bearer", "the answer's request has no credential")
			})
		}
	}
}

func TestPlainHTTP(t *testing.T) {
	r, _ := secretstest.New(t, map[string]string{"token": "one"})
	server := httptest.NewServer(&api{token: "one"})
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	code := func(t *testing.T, host string, rt http.RoundTripper) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+net.JoinHostPort(host, port), nil)
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		return resp.StatusCode, nil
	}
	// to is a transport whose names all lead to one address.
	to := func(addr string) http.RoundTripper {
		return &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
			if err != nil {
				return nil, err
			}
			return &led{conn, &net.TCPAddr{IP: net.ParseIP(addr), Port: 80}}, nil
		}}
	}

	t.Run("goes to a name that leads to this machine", func(t *testing.T) {
		got, err := code(t, "vault.localhost", secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(to("127.0.0.1"))))
		require.NoError(t, err)
		assert.Equal(t, 200, got)
	})
	t.Run("does not go to a name of this machine that leads elsewhere", func(t *testing.T) {
		for _, host := range []string{"vault.localhost", "localhost"} {
			_, err := code(t, host, secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(to("192.0.2.1"))))
			require.ErrorIs(t, err, secrets.ErrInvalid)
			require.ErrorContains(t, err, "192.0.2.1, which is not this machine")
			require.ErrorContains(t, err, "SECRETS_ALLOW_HTTP="+host)
		}
	})
	t.Run("goes where it is allowed, by option or environment", func(t *testing.T) {
		_, err := code(t, "api.internal", secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(to("192.0.2.1"))))
		require.ErrorIs(t, err, secrets.ErrInvalid)
		require.ErrorContains(t, err, "SECRETS_ALLOW_HTTP=api.internal")
		require.ErrorContains(t, err, "WithPlainHTTP")
		for _, allowed := range []string{"API.internal", "api.internal:" + port} {
			got, err := code(t, "api.internal", secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(to("192.0.2.1")), secrethttp.WithPlainHTTP(allowed)))
			require.NoError(t, err)
			assert.Equal(t, 200, got)
		}
		t.Setenv("SECRETS_ALLOW_HTTP", "other, api.internal")
		got, err := code(t, "api.internal", secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(to("192.0.2.1"))))
		require.NoError(t, err)
		assert.Equal(t, 200, got)
	})
}

// led is a connection that says that it leads to another address.
type led struct {
	net.Conn
	remote net.Addr
}

func (c *led) RemoteAddr() net.Addr { return c.remote }
