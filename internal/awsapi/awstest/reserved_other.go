//go:build !unix

package awstest

import (
	"net"
	"testing"
)

// A Reserved port is one that refuses connections until Listen. Another process may
// get it meanwhile.
type Reserved struct {
	Addr string // host:port, of this machine
}

// Reserve returns a port of its own.
func Reserve(t testing.TB) *Reserved {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return &Reserved{l.Addr().String()}
}

// Listen listens on the port. The caller closes the listener.
func (r *Reserved) Listen() (net.Listener, error) { return net.Listen("tcp", r.Addr) }
