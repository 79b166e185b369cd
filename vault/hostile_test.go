package vault

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
	"github.com/go-secrets/secrets/internal/canary"
)

// peak runs f and returns by how many bytes the heap was larger than before at
// most.
func peak(f func()) int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	idle := int64(m.HeapAlloc)
	var most atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), int64(m.HeapAlloc)-idle))
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-done
	return most.Load()
}

// What answers in a server's place may send a gigabyte, or a megabyte that
// unpacks to one, or never end. It measures the heap of the process, so that it
// runs alone.
func TestAnAnswerWithoutMeasureCostsNoMemoryAndEndsInTime(t *testing.T) {
	bareEnvironment(t)
	t.Setenv("VAULT_TOKEN", "t")
	t.Setenv("VAULT_SECRET_ID", "s")
	head := `{"request_id":"r","data":{"value":"`
	packed := answers.Packed(head, 'a')
	piece := bytes.Repeat([]byte("a"), 1<<16)
	floods := map[string]func(w http.ResponseWriter, r *http.Request, status int){
		"1 GB, plain": func(w http.ResponseWriter, _ *http.Request, status int) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, head)
			for range 1 << 14 {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		},
		"1 GB, as it says": func(w http.ResponseWriter, _ *http.Request, status int) {
			w.Header().Set("Content-Length", fmt.Sprint(1<<30))
			w.WriteHeader(status)
			for range 1 << 14 {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		},
		"1 MB that unpacks to 1 GB": func(w http.ResponseWriter, _ *http.Request, status int) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(status)
			_, _ = w.Write(packed)
		},
		"without an end": func(w http.ResponseWriter, r *http.Request, status int) {
			w.WriteHeader(status)
			for r.Context().Err() == nil {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		},
		"without an end, drop by drop": func(w http.ResponseWriter, r *http.Request, status int) {
			w.WriteHeader(status)
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte("a")); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		},
		"headers without an end": func(w http.ResponseWriter, _ *http.Request, status int) {
			for i := range 1 << 10 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("a", 1<<10))
			}
			w.WriteHeader(status)
		},
	}
	for kind, flood := range floods {
		for what, c := range map[string]struct {
			at     string // which path floods
			status int
			uri    string
		}{
			"a value":            {"/v1/secret/data/k", 200, "vault://secret?mount=secret&kv=2"},
			"an error":           {"/v1/secret/data/k", 500, "vault://secret?mount=secret&kv=2"},
			"a missing one":      {"/v1/secret/data/k", 404, "vault://secret?mount=secret&kv=2"},
			"a login":            {"/v1/auth/approle/login", 200, "vault://secret?mount=secret&kv=2&role_id=r"},
			"a refused login":    {"/v1/auth/approle/login", 400, "vault://secret?mount=secret&kv=2&role_id=r"},
			"a list":             {"/v1/sys/internal/ui/mounts", 200, "vault://"},
			"the mount's kind":   {"/v1/sys/internal/ui/mounts/secret/k", 200, "vault://secret"},
			"what was unwrapped": {"/v1/sys/wrapping/unwrap", 200, "vault://secret?mount=secret&kv=2&role_id=r&secret_id_wrapped=true"},
		} {
			t.Run(what+": "+kind, func(t *testing.T) {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.HasPrefix(r.URL.Path, c.at) {
						flood(w, r, c.status)
						return
					}
					_, _ = io.WriteString(w, `{"request_id":"r","auth":{"client_token":"t","lease_duration":60},"data":{"data":{"value":"x"},"metadata":{"version":1}}}`)
				}))
				defer server.Close()
				separator := "?"
				if strings.Contains(c.uri, "?") {
					separator = "&"
				}
				const timeout = 500 * time.Millisecond
				r, err := secrets.Open(t.Context(), c.uri+separator+"address="+server.URL, secrets.WithTimeout(timeout), secrets.WithLogger(nil))
				require.NoError(t, err)
				defer r.Close()
				start := time.Now()
				used := peak(func() {
					if what != "a list" {
						_, err = r.Get(t.Context(), "k")
						return
					}
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					defer cancel()
					for _, listErr := range r.List(ctx, "") {
						err = listErr
					}
				})
				require.ErrorIs(t, err, secrets.ErrUnavailable)
				assert.Less(t, used, int64(canary.HeapRoom))
				assert.Less(t, time.Since(start), timeout+2*time.Second)
				assert.Less(t, len(err.Error()), 1000)
			})
		}
	}
}
