package endpoint

import (
	"context"
	"net"
)

// A DialFunc is what [http.Transport.DialContext] takes.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Dialer wraps dial for a transport that speaks plain http with host, which
// CheckPlain has accepted as loopback. If the connection reaches another machine,
// even a proxy, the Dialer closes it before anything is sent.
func Dialer(dial DialFunc, host string) DialFunc {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if err := CheckDialed(host, conn.RemoteAddr()); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return conn, nil
	}
}
