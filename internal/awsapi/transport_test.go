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
