package awsapi

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A vanishing server keeps its connections, and from some time on answers
// nothing on those that it has: only on new ones.
type vanishing struct {
	*httptest.Server
	conns atomic.Int64 // the number of the newest connection
	dead  atomic.Int64 // connections up to this number are
	meet  sync.WaitGroup
}

type connKey struct{}

func newVanishing(t *testing.T, together int) *vanishing {
	s := &vanishing{}
	s.meet.Add(together)
	met := sync.OnceFunc(s.meet.Wait)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := r.Context().Value(connKey{}).(int64)
		if n <= s.dead.Load() {
			<-r.Context().Done() // the client has given up
			return
		}
		if n <= int64(together) { // each of the first has a connection of its own
			s.meet.Done()
			met()
		}
		_, _ = io.WriteString(w, "answer")
	}))
	s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, s.conns.Add(1))
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func TestARequestOnADeadConnectionIsSentAgainOnANewOne(t *testing.T) {
	t.Parallel()
	const idle = 5
	s := newVanishing(t, idle)
	transport := newTransport(aws.Config{})
	b := service{next: transport, max: 100, idle: transport.CloseIdleConnections, dialling: new(Options).dialing}
	get := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		require.NoError(t, err)
		resp, err := b.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	var wg sync.WaitGroup
	for range idle {
		wg.Go(func() { assert.NoError(t, get(time.Minute)) })
	}
	wg.Wait()
	require.Equal(t, int64(idle), s.conns.Load(), "that many are idle now")

	s.dead.Store(idle)
	start := time.Now()
	require.NoError(t, get(3*time.Second), "it is sent again, on a connection of its own")
	assert.GreaterOrEqual(t, time.Since(start), time.Second, "after a third of the time")
	assert.Equal(t, int64(idle+1), s.conns.Load(), "and does not try the others one after the other")
}

func TestANameOfThisMachineThatLeadsToAnotherIsNotSpokenTo(t *testing.T) {
	t.Parallel()
	var address net.IP
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			address = n.IP
		}
	}
	if address == nil {
		t.Skip("this machine has no address but loopback's")
	}
	l, err := net.Listen("tcp", net.JoinHostPort(address.String(), "0"))
	require.NoError(t, err)
	var spoken atomic.Bool
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { spoken.Store(true) }))
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	get := func(o *Options, url string) error {
		transport := newTransport(aws.Config{})
		defer transport.CloseIdleConnections()
		transport.DialContext = dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, l.Addr().String()) // as a name server may say
		})
		client := &service{next: transport, max: 100, dialling: o.dialing}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		_, err = client.Do(req)
		return err
	}
	for _, host := range []string{"aws.localhost", "localhost"} {
		require.ErrorContains(t, get(new(Options), "http://"+host+"/"), "is not this machine")
		require.False(t, spoken.Load(), host)
	}
	require.NoError(t, get(&Options{AllowHTTP: true}, "http://aws.localhost/"))
	assert.True(t, spoken.Load())
}
