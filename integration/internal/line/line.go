// Package line is the network between a client and a server of a suite, which
// can be made bad: a toxiproxy on a loopback port, and what it can't do.
package line

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Line leads from a loopback port to a server.
type Line struct {
	Addr string // host:port of the client's end

	proxy *toxiproxy.Proxy
	dead  string // the id of its valve
}

// quiet keeps toxiproxy from telling of each fault that it makes.
var quiet = sync.OnceFunc(func() { zerolog.SetGlobalLevel(zerolog.Disabled) })

// New makes a line to a server, which is told as host:port or as a URL. It
// ends with the test.
func New(tb testing.TB, target string) *Line {
	tb.Helper()
	quiet()
	if _, rest, ok := strings.Cut(target, "://"); ok {
		target = rest
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, unique("line"), "127.0.0.1:0", target)
	require.NoError(tb, proxy.Start())
	tb.Cleanup(proxy.Stop)
	l := &Line{Addr: proxy.Listen, proxy: proxy, dead: newValve(tb)}
	l.Add(tb, "upstream", valveType, fmt.Sprintf(`"id":%q`, l.dead))
	l.Add(tb, "downstream", valveType, fmt.Sprintf(`"id":%q,"ends":true`, l.dead)) // a server ends what says nothing for a while
	return l
}

// Port is that of Addr.
func (l *Line) Port() string {
	_, port, _ := net.SplitHostPort(l.Addr)
	return port
}

// Add adds a toxic of toxiproxy to a stream, upstream or downstream, of every
// connection, those that there are included. Attributes are the inside of a
// JSON object.
func (l *Line) Add(tb testing.TB, stream, kind, attributes string) (mend func()) {
	tb.Helper()
	name := unique(kind)
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(
		fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"attributes":{%s}}`, name, kind, stream, attributes)))
	require.NoError(tb, err)
	return func() { assert.NoError(tb, l.proxy.Toxics.RemoveToxic(context.Background(), name)) }
}

// HalfOpen has the server's end of every connection vanish, and of those that
// are made meanwhile: what is sent is swallowed, and no end is ever told.
// Mended, new connections work and those stay as dead as they are.
func (l *Line) HalfOpen() (mend func()) {
	w := valves.get(l.dead)
	w.off.Store(true)
	return func() { w.off.Store(false) }
}

// Drop ends every connection.
func (l *Line) Drop(tb testing.TB) {
	tb.Helper()
	l.Add(tb, "downstream", "timeout", `"timeout":0`)() // whose removal closes them
}

// Refuse ends every connection and takes no new one: nobody listens.
func (l *Line) Refuse(tb testing.TB) (mend func()) {
	l.proxy.Stop()
	return func() { l.listen(tb) }
}

// BlackHole ends every connection and leaves new ones without any answer, as
// a firewall does that drops packets.
func (l *Line) BlackHole(tb testing.TB) (mend func()) {
	tb.Helper()
	l.proxy.Stop()
	hole := newHole(tb, l.Addr)
	return func() {
		hole.close()
		l.listen(tb)
	}
}

// listen starts the proxy again on the port that it had. The port may be some
// other connection's for a moment.
func (l *Line) listen(tb testing.TB) {
	tb.Helper()
	var err error
	for range 100 {
		if err = l.proxy.Start(); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	assert.NoError(tb, err, "the line cannot be taken up again")
}

func unique(prefix string) string { return fmt.Sprintf("%s-%08x", prefix, rand.Uint32()) }
