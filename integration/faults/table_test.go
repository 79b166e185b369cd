package faults_test

import (
	"testing"
	"time"

	"github.com/go-secrets/secrets/integration/internal/line"
)

// A fault is something that is wrong with a network.
type fault struct {
	name string
	make func(t *testing.T, c *connection) (mend func())

	// size is that of a value, in bytes.
	size int
	// timeout is the resolver's, for a cold read; for a held secret it is
	// short, so that several refreshes fail.
	timeout time.Duration
	// takes is how long a value takes at least that arrives all the same; 0:
	// none does, and the read fails.
	takes time.Duration
	// causes are what the error tells, one of them.
	causes []string
}

const (
	small = 100
	large = 3500 // which a Parameter Store still takes

	short  = 2500 * time.Millisecond // less than what a backend gives an attempt
	normal = 10 * time.Second        // the default: the backend's own attempts end before
)

// A connection is what lies between a client and a server: a name and a line.
type connection struct {
	*line.Line
	host string
}

// toxic is a fault that toxiproxy makes.
func toxic(stream, kind, attributes string) func(*testing.T, *connection) func() {
	return func(t *testing.T, c *connection) func() { return c.Add(t, stream, kind, attributes) }
}

// resolves is a fault of the name: the connections end, so that the name is
// asked for again.
func resolves(a answer) func(*testing.T, *connection) func() {
	return func(t *testing.T, c *connection) func() {
		names.set(c.host, a)
		c.Drop(t)
		return func() { names.set(c.host, loopback) }
	}
}

var inTime = []string{"in time", "deadline exceeded", "timeout"}

var faults = []fault{
	{
		name: "a latency of 300 ms",
		make: toxic("downstream", "latency", `"latency":300`), size: large, timeout: normal, takes: 300 * time.Millisecond,
	},
	{
		name: "a latency of 250 ms with a jitter of 200 ms",
		make: toxic("downstream", "latency", `"latency":250,"jitter":200`), size: large, timeout: normal, takes: 50 * time.Millisecond,
	},
	{
		name: "a latency longer than the timeout",
		make: toxic("downstream", "latency", `"latency":5000`), size: large, timeout: short, causes: inTime,
	},
	{
		name: "a bandwidth of 1 kB/s, enough for a small secret",
		make: toxic("downstream", "bandwidth", `"rate":1`), size: small, timeout: normal, takes: 300 * time.Millisecond,
	},
	{
		name: "a bandwidth of 1 kB/s, too little for a large secret",
		make: toxic("downstream", "bandwidth", `"rate":1`), size: large, timeout: short, causes: inTime,
	},
	{
		name: "a cut in the middle of a body",
		make: toxic("downstream", "limit_data", `"bytes":2600`), size: large, timeout: short, causes: []string{"EOF", "broke off"},
	},
	{
		name: "connections whose other end vanishes",
		make: func(_ *testing.T, c *connection) func() { return c.HalfOpen() }, size: large, timeout: short, causes: inTime,
	},
	{
		name: "connections whose other end vanishes, with the default timeout",
		make: func(_ *testing.T, c *connection) func() { return c.HalfOpen() }, size: large, timeout: normal, causes: inTime,
	},
	{
		name: "a reset",
		make: toxic("downstream", "reset_peer", `"timeout":0`), size: large, timeout: short, causes: []string{"reset", "EOF", "closed"},
	},
	{
		name: "a black hole",
		make: func(t *testing.T, c *connection) func() { return c.BlackHole(t) }, size: large, timeout: short, causes: inTime,
	},
	{
		name: "a black hole, with the default timeout",
		make: func(t *testing.T, c *connection) func() { return c.BlackHole(t) }, size: large, timeout: normal, causes: inTime,
	},
	{
		name: "a port where nobody listens",
		make: func(t *testing.T, c *connection) func() { return c.Refuse(t) }, size: large, timeout: short, causes: []string{"refused"},
	},
	{
		name: "a host name that does not resolve",
		make: resolves(unknown), size: large, timeout: short, causes: []string{"no such host"},
	},
	{
		name: "a nameserver that fails",
		make: resolves(failing), size: large, timeout: short, causes: []string{"server misbehaving"},
	},
	{
		name: "a nameserver that is silent",
		make: resolves(silent), size: large, timeout: short, causes: append([]string{"lookup"}, inTime...),
	},
}
