//go:build unix

package awstest

import (
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
)

// A Reserved port is one that refuses connections until Listen. It is bound
// meanwhile, so that no other process gets it.
type Reserved struct {
	Addr string // host:port, of this machine
	fd   int
}

// Reserve returns a port of its own.
func Reserve(t testing.TB) *Reserved {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return &Reserved{net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port)), fd}
}

// Listen listens on the port, once. The caller closes the listener.
func (r *Reserved) Listen() (net.Listener, error) {
	file := os.NewFile(uintptr(r.fd), r.Addr)
	defer func() { _ = file.Close() }() // the listener has a duplicate
	if err := syscall.Listen(r.fd, 128); err != nil {
		return nil, err
	}
	return net.FileListener(file)
}
