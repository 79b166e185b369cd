package rotation_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A gateway stands before a backend that speaks HTTP, counts what is asked,
// and takes the backend away.
type gateway struct {
	URL  string
	asks atomic.Int64
	down atomic.Int32
}

// The ways in which a backend is down.
const (
	up   int32 = iota
	cut        // connections break
	hung       // nothing comes back
)

func newGateway(t testing.TB, backend string) *gateway {
	t.Helper()
	to, err := url.Parse(backend)
	require.NoError(t, err)
	g := new(gateway)
	proxy := httputil.NewSingleHostReverseProxy(to)
	ended := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asks.Add(1)
		switch g.down.Load() {
		case cut:
			panic(http.ErrAbortHandler)
		case hung:
			select {
			case <-r.Context().Done():
			case <-ended:
			}
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	g.URL = s.URL
	t.Cleanup(func() {
		close(ended)
		s.Close()
	})
	return g
}
