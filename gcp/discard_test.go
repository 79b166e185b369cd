package gcp

import (
	"context"
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
	return sidecarAfter(t, to, 0)
}

// sidecarAfter is a sidecar that takes its time to make a connection.
func sidecarAfter(t *testing.T, to string, wait time.Duration) (addr string, conns func() int64, vanish func()) {
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
			select {
			case <-time.After(wait):
			case <-t.Context().Done():
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

// within returns a context with so much time.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestAConnectionThatSwallowsCallsCostsAThirdOfTheTime(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	addr, conns, vanish := sidecar(t, s.Addr())
	p := openURI(t, "gcp://"+project+"?endpoint="+addr)
	_, err := p.Fetch(soon(t), named("db"))
	require.NoError(t, err)
	require.Equal(t, int64(1), conns())

	vanish()
	began := time.Now()
	v, err := p.Fetch(within(t, 12*time.Second), named("db"))
	require.NoError(t, err, "the second attempt has a connection of its own")
	assert.Equal(t, "v", string(v.Data))
	assert.Equal(t, int64(2), conns())
	assert.GreaterOrEqual(t, time.Since(began), 4*time.Second)
	p.clients.mu.Lock()
	defer p.clients.mu.Unlock()
	assert.Empty(t, p.clients.out, "the old one is closed")
	assert.Empty(t, p.clients.calls)
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
	_, err = p.Fetch(within(t, 150*time.Millisecond), named("db"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	s.SetLatency(0)
	_, err = p.Fetch(soon(t), named("db"))
	require.NoError(t, err)
	assert.Equal(t, int64(1), conns())
}

func TestAServiceThatTakesLongerThanAThirdOfTheTimeIsRead(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	s.SetLatency(1200 * time.Millisecond)
	v, err := provider(t, s).Fetch(within(t, 3*time.Second), named("db"))
	require.NoError(t, err)
	assert.Equal(t, "v", string(v.Data))
	assert.Equal(t, 2, s.Calls("AccessSecretVersion"), "the first call was cut")
}

func TestAConnectionThatComesUpLaterThanAThirdOfTheTimeIsUsed(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	addr, conns, _ := sidecarAfter(t, s.Addr(), 3500*time.Millisecond)
	v, err := openURI(t, "gcp://"+project+"?endpoint="+addr).Fetch(within(t, 10*time.Second), named("db"))
	require.NoError(t, err)
	assert.Equal(t, "v", string(v.Data))
	assert.Equal(t, int64(1), conns())
}
