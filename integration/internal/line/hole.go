//go:build unix

package line

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A hole is an address that answers no attempt to connect: somebody listens
// there, has no room for one more connection and accepts none, so that the
// kernel drops what comes. (Linux; other kernels refuse.)
type hole struct {
	listener net.Listener
	fill     []net.Conn
}

func newHole(tb testing.TB, addr string) *hole {
	tb.Helper()
	h := new(hole)
	var err error
	for range 100 { // the port may be some other connection's for a moment
		if h.listener, err = net.Listen("tcp", addr); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	require.NoError(tb, err)
	raw, err := h.listener.(*net.TCPListener).SyscallConn()
	require.NoError(tb, err)
	var listened error
	require.NoError(tb, raw.Control(func(fd uintptr) { listened = syscall.Listen(int(fd), 0) }))
	require.NoError(tb, listened)
	for range 16 {
		conn, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err != nil {
			return h
		}
		h.fill = append(h.fill, conn)
	}
	h.close()
	require.FailNow(tb, "a listener without room takes connections all the same")
	return nil
}

func (h *hole) close() {
	for _, conn := range h.fill {
		_ = conn.Close()
	}
	_ = h.listener.Close()
}
