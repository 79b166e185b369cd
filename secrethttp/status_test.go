package secrethttp_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secrethttp"
	"github.com/go-secrets/secrets/secretstest"
)

func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, nil)
	req.Host = "127.0.0.1:8080"
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func TestStatusHandler(t *testing.T) {
	t.Parallel()
	secret := canary.New()
	start := func(t *testing.T, opts ...secrethttp.StatusOption) (http.Handler, *secrets.Resolver, *secretstest.Provider) {
		r, p := polled(t, map[string]string{"db": secret, "<b>odd&": secret})
		for _, name := range []string{"db", "<b>odd&"} {
			_, err := r.Get(t.Context(), name)
			require.NoError(t, err)
		}
		return secrethttp.StatusHandler(r, opts...), r, p
	}

	t.Run("shows the status as JSON, and no value", func(t *testing.T) {
		t.Parallel()
		h, r, _ := start(t)
		w := ask(h, "GET", "/")
		assert.Equal(t, 200, w.Code)
		assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		var got []secrets.Status
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
		require.Len(t, got, 2)
		assert.Equal(t, r.Status()[0].Version, got[0].Version)
		_, found := canary.For(secret).Text(w.Body.String())
		assert.False(t, found)
	})

	t.Run("shows a page to browsers, with names escaped and no value", func(t *testing.T) {
		t.Parallel()
		h, r, _ := start(t)
		w := ask(h, "GET", "/", "Accept", "text/html,*/*")
		assert.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		assert.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
		page := w.Body.String()
		assert.Contains(t, page, r.Status()[0].Version)
		assert.Contains(t, page, "&lt;b&gt;odd&amp;")
		assert.NotContains(t, page, "<b>")
		assert.NotContains(t, page, "<form")
		_, found := canary.For(secret).Text(page)
		assert.False(t, found)
		assert.Contains(t, ask(h, "GET", "/?format=json", "Accept", "text/html").Body.String(), "[")
	})

	t.Run("is an empty array before anything was asked for", func(t *testing.T) {
		t.Parallel()
		r, _ := secretstest.New(t, nil)
		assert.JSONEq(t, "[]", ask(secrethttp.StatusHandler(r), "GET", "/").Body.String())
	})

	t.Run("leads back to the page after a refresh, and never to another host", func(t *testing.T) {
		t.Parallel()
		h, _, _ := start(t, secrethttp.AllowRefresh(), secrethttp.AllowHosts("app.example"))
		for path, want := range map[string]string{
			"/debug/secrets": "https://app.example/debug/secrets?",
			"//evil.example": "https://app.example//evil.example?",
		} {
			req := httptest.NewRequest("POST", "https://app.example/", nil)
			req.URL.Path, req.URL.RawQuery = path, "refresh=db"
			req.Header.Set("Accept", "text/html")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			require.Equal(t, 303, w.Code)
			asked := url.URL{Scheme: "https", Host: "app.example", Path: path}
			next, err := asked.Parse(w.Header().Get("Location"))
			require.NoError(t, err)
			assert.Equal(t, want, next.String())
		}
	})

	t.Run("refreshes only when that is allowed, and not for other sites", func(t *testing.T) {
		t.Parallel()
		h, _, p := start(t)
		assert.Equal(t, 405, ask(h, "POST", "/?refresh=db").Code)
		assert.Equal(t, 1, p.Reads("db"))

		h, r, p := start(t, secrethttp.AllowRefresh())
		p.Set("db", "two")
		assert.Equal(t, 200, ask(h, "POST", "/?refresh=db").Code)
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		secretstest.AssertEqual(t, "two", s)
		assert.Equal(t, 403, ask(h, "POST", "/?refresh=db", "Sec-Fetch-Site", "cross-site").Code)
		for _, name := range []string{"other", "/x", "db#key", "db/", "DB", " db", "token"} {
			before := len(r.Status())
			w := ask(h, "POST", "/?refresh="+url.QueryEscape(name))
			assert.Equal(t, 404, w.Code, name)
			assert.Contains(t, w.Body.String(), "shows no secret of that name")
			assert.Len(t, r.Status(), before, "%s was not looked for", name)
		}
		assert.Equal(t, 405, ask(h, "POST", "/").Code)
		assert.Equal(t, 405, ask(h, "DELETE", "/?refresh=db").Code)
		w := ask(h, "POST", "/?refresh=db", "Accept", "text/html")
		assert.Equal(t, 303, w.Code)
		assert.Contains(t, ask(h, "GET", "/", "Accept", "text/html").Body.String(), `action="?refresh=db"`)
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		assert.Equal(t, 502, ask(h, "POST", "/?refresh=db").Code)
		assert.Contains(t, ask(h, "GET", "/", "Accept", "text/html").Body.String(), `class="stale"`)
	})

	t.Run("makes no more than one new lease in a minute", in(func(t *testing.T) {
		r, p := polled(t, nil)
		p.SetFunc("db", func(context.Context) (secrets.Value, error) {
			return secrets.Value{Data: []byte("x"), Expires: time.Now().Add(time.Hour), Lease: "id"}, nil
		})
		_, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		h := secrethttp.StatusHandler(r, secrethttp.AllowRefresh())
		for range 20 {
			w := ask(h, "POST", "/?refresh=db")
			assert.Equal(t, 429, w.Code)
			assert.Equal(t, "61", w.Header().Get("Retry-After"))
		}
		assert.Equal(t, 1, p.Reads("db"))
		time.Sleep(2 * time.Minute)
		assert.Equal(t, 200, ask(h, "POST", "/?refresh=db").Code)
		assert.Equal(t, 429, ask(h, "POST", "/?refresh=db").Code)
	}))

	t.Run("answers for addresses, localhost and the hosts that are allowed alone", func(t *testing.T) {
		t.Parallel()
		h, _, p := start(t, secrethttp.AllowRefresh(), secrethttp.AllowHosts("Status.internal", "app.internal:8443", "[2001:db8::1]"))
		for host, want := range map[string]int{
			"127.0.0.1": 200, "10.1.2.3:8080": 200, "[::1]:8080": 200, "[::1]": 200, "[fe80::1%25eth0]:80": 200, "localhost": 200, "LOCALHOST:99": 200, "": 200,
			"status.internal": 200, "STATUS.internal:8080": 200, "app.internal:8443": 200,
			"app.internal": 421, "app.internal:80": 421, "evil.example": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421,
			"2130706433": 421, "0x7f.1": 421, "127.0.0.1.": 421, "x.localhost": 421, "status.internal.": 421, "evil.example:127.0.0.1": 421, "[::1]evil": 421,
		} {
			for _, method := range []string{"GET", "POST"} {
				req := httptest.NewRequest(method, "/?refresh=db", nil)
				req.Host = host
				w := httptest.NewRecorder()
				reads := p.Reads("db")
				h.ServeHTTP(w, req)
				assert.Equal(t, want, w.Code, "%s %s", method, host)
				if want == 421 {
					assert.Contains(t, w.Body.String(), "AllowHosts")
					assert.NotContains(t, w.Body.String(), "db")
					assert.Equal(t, reads, p.Reads("db"))
				}
			}
		}
	})

	t.Run("answers a probe", func(t *testing.T) {
		t.Parallel()
		h, r, p := start(t)
		assert.Equal(t, 200, ask(h, "GET", "/?healthy").Code)
		p.Fail("down", secrets.ErrPermission)
		_, err := r.Get(t.Context(), "down")
		require.Error(t, err)
		assert.Equal(t, 503, ask(h, "GET", "/?healthy").Code)
		assert.Equal(t, 200, ask(h, "GET", "/").Code)
		assert.Contains(t, ask(h, "GET", "/", "Accept", "text/html").Body.String(), "Not healthy")
	})
}
