package rotation_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A gateway stands before a backend that speaks HTTP, counts what is asked,
// and takes the backend away.
type gateway struct {
	URL  string
	asks atomic.Int64

	mu   sync.Mutex
	way  way
	back chan struct{} // closed when it is up again
}

// A way in which a backend is down.
type way int

// The ways.
const (
	up      way = iota
	cut         // connections break
	stopped     // it answers when it goes on
)

func newGateway(t testing.TB, backend string) *gateway {
	t.Helper()
	to, err := url.Parse(backend)
	require.NoError(t, err)
	g := &gateway{back: make(chan struct{})}
	proxy := httputil.NewSingleHostReverseProxy(to)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asks.Add(1)
		g.mu.Lock()
		way, back := g.way, g.back
		g.mu.Unlock()
		switch way {
		case cut:
			panic(http.ErrAbortHandler)
		case stopped:
			select {
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			case <-back:
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	g.URL = s.URL
	t.Cleanup(func() {
		g.be(up)
		s.Close()
	})
	return g
}

// be takes the backend away, or brings it back.
func (g *gateway) be(w way) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.way = w; w == up {
		close(g.back)
		g.back = make(chan struct{})
	}
}
