package secrethttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secrethttp"
)

func TestARefusedRequestNeedsOneConnection(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(w http.ResponseWriter, req *http.Request){
		"after a short answer": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, "who are you?")
		},
		"after a long answer": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write(make([]byte, 10<<20))
		},
		"after an answer that never ends": func(w http.ResponseWriter, req *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			w.(http.Flusher).Flush()
			<-req.Context().Done()
		},
		"after an answer that goes on for ever": func(w http.ResponseWriter, req *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			for req.Context().Err() == nil {
				fmt.Fprint(w, "no")
				w.(http.Flusher).Flush()
			}
		},
		"after an answer that is shorter than it says": func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, "no")
			w.(http.Flusher).Flush()
			<-req.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, p := polled(t, map[string]string{"token": "one"})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.Header.Get("Authorization") != "Bearer two" {
					refuse(w, req)
				}
			}))
			t.Cleanup(server.Close)
			base := &http.Transport{MaxConnsPerHost: 1}
			t.Cleanup(base.CloseIdleConnections)
			_, err := r.Get(t.Context(), "token")
			require.NoError(t, err)
			p.Set("token", "two")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "POST", server.URL, strings.NewReader("body"))
			require.NoError(t, err)
			assert.Equal(t, 200, do(t, secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(base)), req))
		})
	}
}

func TestARequestThatWaitsForAnotherCredentialHoldsNoConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/refuses" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, "who are you?")
		}
	}))
	t.Cleanup(server.Close)
	r, _ := polled(t, map[string]string{"token": "one"})
	base := &http.Transport{MaxConnsPerHost: 1}
	t.Cleanup(base.CloseIdleConnections)
	refused := make(chan struct{})
	rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(base), secrethttp.WithWait(3*time.Second), secrethttp.WithRefusal(func(resp *http.Response) bool {
		if resp.StatusCode != http.StatusUnauthorized {
			return false
		}
		close(refused)
		return true
	}))
	var waited string
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/refuses", nil)
		if !assert.NoError(t, err) {
			return
		}
		resp, err := rt.RoundTrip(req)
		if !assert.NoError(t, err) {
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		assert.NoError(t, err)
		waited = string(text)
	}()
	<-refused
	begun := time.Now()
	req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/takes", nil)
	require.NoError(t, err)
	assert.Equal(t, 200, do(t, rt, req))
	assert.Less(t, time.Since(begun), 2*time.Second)
	<-ended
	assert.Equal(t, "who are you?", waited, "its body is whole")
}

func TestTheBodyOfARefusalIsWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 30_000)
	for name, write := range map[string]func(w http.ResponseWriter){
		"a short one": func(w http.ResponseWriter) { fmt.Fprint(w, "short") },
		"none":        func(http.ResponseWriter) {},
		"a long one":  func(w http.ResponseWriter) { fmt.Fprint(w, long) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorded := httptest.NewRecorder()
			write(recorded)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
				write(w)
			}))
			t.Cleanup(server.Close)
			r, _ := polled(t, map[string]string{"token": "one"})
			req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
			require.NoError(t, err)
			resp, err := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithWait(0)).RoundTrip(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, recorded.Body.String(), string(got))
		})
	}
}

// A slow transport answers 401, with a body that comes in pieces.
type slow struct{ pieces []string }

func (s slow) RoundTrip(req *http.Request) (*http.Response, error) {
	body, write := io.Pipe()
	go func() {
		for _, piece := range s.pieces {
			time.Sleep(300 * time.Millisecond) // of the bubble: more than is waited for
			if _, err := io.WriteString(write, piece); err != nil {
				return
			}
		}
		_ = write.Close()
	}()
	return &http.Response{StatusCode: http.StatusUnauthorized, Body: body, Header: http.Header{}}, nil
}

func TestTheBodyOfARefusalIsWholeWhenItIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, _ := polled(t, map[string]string{"token": "one"})
		resp, err := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(slow{[]string{"in ", "three ", "pieces"}}), secrethttp.WithWait(0)).RoundTrip(request(t, "GET", nil))
		require.NoError(t, err)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, "in three pieces", string(got))
		require.NoError(t, resp.Body.Close())
	})
}

func TestWhatCountsAsARefusalCanBeSaid(t *testing.T) {
	t.Parallel()
	forbids := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer two" {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	server := httptest.NewServer(forbids)
	t.Cleanup(server.Close)
	send := func(t *testing.T, opts ...secrethttp.Option) (int, int) {
		r, p := polled(t, map[string]string{"token": "one"})
		_, err := r.Get(t.Context(), "token")
		require.NoError(t, err)
		p.Set("token", "two")
		req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
		require.NoError(t, err)
		return do(t, secrethttp.New(r, "token", secrethttp.Bearer(), opts...), req), p.Reads("token")
	}
	t.Run("403 is none by default", func(t *testing.T) {
		t.Parallel()
		code, reads := send(t)
		assert.Equal(t, 403, code)
		assert.Equal(t, 1, reads)
	})
	t.Run("403, where the service means that", func(t *testing.T) {
		t.Parallel()
		code, _ := send(t, secrethttp.WithRefusal(func(resp *http.Response) bool { return resp.StatusCode == http.StatusForbidden }))
		assert.Equal(t, 200, code)
	})
	t.Run("a predicate that panics leaves no connection open", func(t *testing.T) {
		t.Parallel()
		r, _ := polled(t, map[string]string{"token": "one"})
		base := &http.Transport{MaxConnsPerHost: 1}
		t.Cleanup(base.CloseIdleConnections)
		broken := true
		rt := secrethttp.New(r, "token", secrethttp.Bearer(), secrethttp.WithBase(base), secrethttp.WithRefusal(func(*http.Response) bool {
			if broken {
				panic("broken")
			}
			return false
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
		require.NoError(t, err)
		assert.Panics(t, func() { _, _ = rt.RoundTrip(req) })
		broken = false
		assert.Equal(t, 403, do(t, rt, req))
	})
}

func TestACredentialThatPanicsLeavesTheBodyClosed(t *testing.T) {
	t.Parallel()
	r, _ := polled(t, map[string]string{"token": "one"})
	body := &closer{Reader: strings.NewReader("x")}
	req, err := http.NewRequestWithContext(t.Context(), "POST", "https://api.test", body)
	require.NoError(t, err)
	rt := secrethttp.New(r, "token", func(http.Header, secrets.Secret) error { panic("broken") }, secrethttp.WithBase(&api{}))
	assert.Panics(t, func() { _, _ = rt.RoundTrip(req) })
	assert.True(t, body.closed)
}
