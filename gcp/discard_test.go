package gcp

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// sidecar passes connections on, as a proxy beside the program does. Those that
// it has when the switch is set go on taking what is sent, and pass on nothing
// any more, in either direction.
func sidecar(t *testing.T, to string) (addr string, conns func() int64, vanish func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var made, dead atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	keep := func(c net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		open = append(open, c)
	}
	wg.Go(func() {
		for {
			here, err := listener.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", to)
			if err != nil {
				_ = here.Close()
				continue
			}
			keep(here)
			keep(there)
			n := made.Add(1)
			pass := func(from, to net.Conn) {
				defer to.Close()
				b := make([]byte, 4096)
				for {
					read, err := from.Read(b)
					if n > dead.Load() && read > 0 {
						_, _ = to.Write(b[:read])
					}
					if err != nil {
						return
					}
				}
			}
			wg.Go(func() { pass(here, there) })
			wg.Go(func() { pass(there, here) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return listener.Addr().String(), made.Load, func() { dead.Store(made.Load()) }
}

func TestAConnectionThatSwallowsCallsIsReplaced(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	addr, conns, vanish := sidecar(t, s.Addr())
	p := openURI(t, "gcp://"+project+"?endpoint="+addr)
	p.attempt = silence + 100*time.Millisecond
	_, err := p.Fetch(soon(t), named("db"))
	require.NoError(t, err)
	require.Equal(t, int64(1), conns())

	vanish()
	_, err = p.Fetch(soon(t), named("db"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	p.attempt = time.Minute // a machine that is busy takes its time to connect
	v, err := p.Fetch(soon(t), named("db"))
	require.NoError(t, err, "the next call has a connection of its own")
	assert.Equal(t, "v", string(v.Data))
	assert.Equal(t, int64(2), conns())

	p.clients.mu.Lock()
	defer p.clients.mu.Unlock()
	assert.Len(t, p.clients.retired, 1, "the old one is closed once no call can be under way on it, or with the provider")
}

func TestACallThatIsGivenUpEarlyCostsNoConnection(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	addr, conns, _ := sidecar(t, s.Addr())
	p := openURI(t, "gcp://"+project+"?endpoint="+addr)
	_, err := p.Fetch(soon(t), named("db"))
	require.NoError(t, err)
	s.SetLatency(time.Minute)
	p.attempt = 50 * time.Millisecond
	_, err = p.Fetch(soon(t), named("db"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	s.SetLatency(0)
	p.attempt = attemptTimeout
	_, err = p.Fetch(soon(t), named("db"))
	require.NoError(t, err)
	assert.Equal(t, int64(1), conns())
}
