package secrethttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secrethttp"
	"github.com/go-secrets/secrets/secretstest"
)

// An api accepts one token and remembers what it was asked.
type api struct {
	mu     sync.Mutex
	token  string
	asked  []string // token: body
	always bool     // 401 whatever the token
	closed string   // a path that is 401 whatever the token
}

func (a *api) set(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token = token
}

func (a *api) requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string{}, a.asked...)
}

// RoundTrip is the api without a network: for tests of time.
func (a *api) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, req)
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return w.Result(), nil
}

func (a *api) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	a.asked = append(a.asked, token+": "+string(body))
	if token != a.token || a.always || a.closed != "" && req.URL.Path == a.closed {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, "who are you?")
		return
	}
	fmt.Fprint(w, "hello")
}

func polled(t *testing.T, docs map[string]string) (*secrets.Resolver, *secretstest.Provider) {
	t.Helper()
	r, p := secretstest.New(t, docs, secrets.WithLogger(nil))
	p.Disable(secretstest.Watch)
	return r, p
}

func in(f func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}

// do sends a request and returns its code.
func do(t *testing.T, rt http.RoundTripper, req *http.Request) int {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func request(t *testing.T, method string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://api.test/x", body)
	require.NoError(t, err)
	return req
}

func TestARefusedCredential(t *testing.T) {
	t.Run("is replaced, and the request sent once more, body and all", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"token": "one"})
		a := &api{token: "one"}
		rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(a))
		assert.Equal(t, 200, do(t, rt, request(t, "GET", nil)))
		a.set("two")
		p.Set("token", "two")
		req := request(t, "POST", strings.NewReader("body"))
		assert.Equal(t, 200, do(t, rt, req))
		assert.Equal(t, []string{"one: ", "one: body", "two: body"}, a.requests())
		assert.Equal(t, 2, p.Reads("token"))
		assert.Empty(t, req.Header, "the caller's request is as it was")
	}))

	t.Run("is waited for when the manager is two seconds behind, under load", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"token": "one"})
		a := &api{token: "one"}
		rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(a))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var refused atomic.Int32
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				for ctx.Err() == nil {
					if do(t, rt, request(t, "POST", strings.NewReader("x"))) != 200 {
						refused.Add(1)
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		time.Sleep(2 * time.Second)
		a.set("two")
		time.Sleep(2 * time.Second)
		p.Set("token", "two")
		wg.Wait()
		assert.Zero(t, refused.Load())
		assert.LessOrEqual(t, p.Reads("token"), 8)
	}))

	t.Run("leaves alone a body that cannot be sent again, and is replaced for the next request", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"token": "one"})
		a := &api{token: "two"}
		rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(a))
		_, err := r.Get(t.Context(), "token")
		require.NoError(t, err)
		p.Set("token", "two")
		start := time.Now()
		assert.Equal(t, 401, do(t, rt, request(t, "POST", io.MultiReader(strings.NewReader("stream")))))
		assert.Zero(t, time.Since(start))
		assert.Equal(t, []string{"one: stream"}, a.requests())
		assert.Equal(t, 200, do(t, rt, request(t, "GET", nil)))
	}))

	t.Run("that is not replaced is the caller's 401, waited for once and asked about rarely", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"token": "one"})
		a := &api{token: "one", always: true}
		rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(a))
		start := time.Now()
		resp, err := rt.RoundTrip(request(t, "GET", nil))
		require.NoError(t, err)
		assert.Equal(t, 10*time.Second, time.Since(start))
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, "who are you?", string(text), "its body is whole")
		for range 600 {
			start := time.Now()
			assert.Equal(t, 401, do(t, rt, request(t, "GET", nil)))
			assert.LessOrEqual(t, time.Since(start), time.Second)
			time.Sleep(time.Second)
		}
		assert.Len(t, a.requests(), 601, "none was sent twice")
		assert.LessOrEqual(t, p.Reads("token"), 70)
	}))

	t.Run("blocks no request that the server does take", in(func(t *testing.T) {
		r, _ := polled(t, map[string]string{"token": "one"})
		a := &api{token: "one", always: true}
		rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(a), secrethttp.WithWait(0))
		assert.Equal(t, 401, do(t, rt, request(t, "GET", nil)))
		a.always = false
		for range 100 {
			assert.Equal(t, 200, do(t, rt, request(t, "GET", nil)))
		}
	}))

	t.Run("at an endpoint that refuses every credential spoils no later rotation for the others", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"token": "one"})
		a := &api{token: "one", closed: "/admin"}
		rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(a))
		admin := request(t, "GET", nil)
		admin.URL.Path = "/admin"
		assert.Equal(t, 401, do(t, rt, admin))
		for range 30 {
			assert.Equal(t, 200, do(t, rt, request(t, "GET", nil)))
			start := time.Now()
			assert.Equal(t, 401, do(t, rt, admin))
			assert.Zero(t, time.Since(start), "it waits in its first window alone")
			time.Sleep(10 * time.Second)
		}
		p.ResetCalls()
		a.set("two")
		time.AfterFunc(2*time.Second, func() { p.Set("token", "two") })
		assert.Equal(t, 200, do(t, rt, request(t, "GET", nil)))
		assert.LessOrEqual(t, p.Reads("token"), 6)
	}))

	t.Run("is no rejection for those who log in with the same secret", in(func(t *testing.T) {
		r, _ := polled(t, map[string]string{"token": "one"})
		rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(&api{token: "two"}), secrethttp.WithWait(0))
		assert.Equal(t, 401, do(t, rt, request(t, "GET", nil)))
		start := time.Now()
		require.NoError(t, r.Retry(t.Context(), "token", func(error) bool { return true }, func(context.Context, secrets.Secret) error { return nil }))
		assert.Zero(t, time.Since(start))
		assert.Zero(t, r.Status()[0].RejectedAt)
	}))

	t.Run("is not waited for longer than the request's context", in(func(t *testing.T) {
		r, _ := polled(t, map[string]string{"token": "one"})
		rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(&api{token: "two"}))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		assert.Equal(t, 401, do(t, rt, request(t, "GET", nil).WithContext(ctx)))
		assert.Equal(t, 2*time.Second, time.Since(start))
	}))
}

func TestWhereTheCredentialGoes(t *testing.T) {
	t.Parallel()
	r, _ := secretstest.New(t, map[string]string{"token": "one"})

	t.Run("not over plain http to another machine", func(t *testing.T) {
		t.Parallel()
		a := &api{}
		rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(a))
		body := &closer{Reader: strings.NewReader("x")}
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://api.test/x", body)
		require.NoError(t, err)
		_, err = rt.RoundTrip(req)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Empty(t, a.requests())
		assert.True(t, body.closed)
		for _, host := range []string{"127.0.0.1", "[::1]:8080", "localhost:1", "127.8.8.8"} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+host, nil)
			require.NoError(t, err)
			do(t, secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(a), secrethttp.WithWait(0)), req)
		}
		assert.Len(t, a.requests(), 4)
	})

	t.Run("not along a redirect to another host", func(t *testing.T) {
		t.Parallel()
		elsewhere := &api{}
		other := httptest.NewServer(elsewhere)
		defer other.Close()
		var tokens []string
		mux := http.NewServeMux()
		mux.HandleFunc("/away", func(w http.ResponseWriter, req *http.Request) {
			tokens = append(tokens, req.Header.Get("Authorization"))
			http.Redirect(w, req, other.URL, http.StatusFound)
		})
		mux.HandleFunc("/here", func(w http.ResponseWriter, req *http.Request) {
			tokens = append(tokens, req.Header.Get("Authorization"))
			http.Redirect(w, req, "/there", http.StatusFound)
		})
		mux.HandleFunc("/there", func(_ http.ResponseWriter, req *http.Request) {
			tokens = append(tokens, req.Header.Get("Authorization"))
		})
		server := httptest.NewServer(mux)
		defer server.Close()
		client := &http.Client{Transport: secrethttp.New(r, "token", secrethttp.Bearer())}
		for _, path := range []string{"/away", "/here"} {
			resp, err := client.Get(server.URL + path)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
		assert.Equal(t, []string{": "}, elsewhere.requests())
		assert.Equal(t, []string{"Bearer one", "Bearer one", "Bearer one"}, tokens)
		client.CloseIdleConnections()
	})

	t.Run("to the hosts that were named alone", func(t *testing.T) {
		t.Parallel()
		a := &api{token: "one"}
		rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(a), secrethttp.WithHosts("API.test", "other.test:8443"), secrethttp.WithWait(0))
		for url, want := range map[string]int{"https://api.test/": 200, "https://api.test:99/": 200, "https://other.test:8443": 200, "https://other.test": 401, "https://evil.test": 401, "http://evil.test": 401} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
			require.NoError(t, err)
			assert.Equal(t, want, do(t, rt, req), url)
		}
	})
}

type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

func TestCredentials(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		doc  string
		set  secrethttp.Credential
		want http.Header
	}{
		"Bearer":                      {"abc", secrethttp.Bearer(), http.Header{"Authorization": {"Bearer abc"}}},
		"Header":                      {"abc", secrethttp.Header("X-API-Key"), http.Header{"X-Api-Key": {"abc"}}},
		"Basic of username":           {`{"username":"u","password":"p:w"}`, secrethttp.Basic(), http.Header{"Authorization": {"Basic dTpwOnc="}}},
		"Basic of user":               {`{"user":"u","password":"p:w"}`, secrethttp.Basic(), http.Header{"Authorization": {"Basic dTpwOnc="}}},
		"Basic of the password alone": {"p:w", secrethttp.BasicUser("u"), http.Header{"Authorization": {"Basic dTpwOnc="}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			require.NoError(t, test.set(h, secretstest.Value(test.doc)))
			assert.Equal(t, test.want, h)
		})
	}
	secret := canary.New()
	for name, test := range map[string]struct {
		doc string
		set secrethttp.Credential
	}{
		"a newline":           {secret + "\n", secrethttp.Bearer()},
		"a control character": {secret + "\x01", secrethttp.Header("X")},
		"nothing":             {"", secrethttp.Bearer()},
		"no document":         {secret, secrethttp.Basic()},
		"no password":         {`{"user":"` + secret + `"}`, secrethttp.Basic()},
		"a user with a colon": {`{"user":"a:` + secret + `","password":"p"}`, secrethttp.Basic()},
	} {
		t.Run("refuse "+name+" without quoting it, and close the body", func(t *testing.T) {
			t.Parallel()
			r, _ := secretstest.New(t, map[string]string{"x": test.doc})
			body := &closer{Reader: strings.NewReader("")}
			req, err := http.NewRequestWithContext(t.Context(), "POST", "https://api.test", body)
			require.NoError(t, err)
			_, err = secrethttp.New(r, "x", test.set, secrethttp.WithBase(&api{})).RoundTrip(req)
			require.Error(t, err)
			assert.Empty(t, canary.For(secret).Error(err))
			assert.True(t, body.closed)
		})
	}
	t.Run("a missing one is an error, and closes the body", func(t *testing.T) {
		t.Parallel()
		r, _ := secretstest.New(t, nil)
		body := &closer{Reader: strings.NewReader("")}
		req, err := http.NewRequestWithContext(t.Context(), "POST", "https://api.test", body)
		require.NoError(t, err)
		_, err = secrethttp.New(r, "x", secrethttp.Bearer()).RoundTrip(req)
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.True(t, body.closed)
	})
}
