package endpoint_test

import (
	"context"
	"net"
)

// elsewhere is a connection to another machine.
type elsewhere struct {
	net.Conn
	closed *bool
}

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8200} }
func (e elsewhere) Close() error       { *e.closed = true; return nil }

func dialElsewhere(closed *bool) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return elsewhere{closed: closed}, nil }
}
