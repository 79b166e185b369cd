package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/figures"
	"github.com/go-secrets/secrets/secrethttp"
)

// A service takes one token at a time.
type service struct {
	token   atomic.Pointer[string]
	refused atomic.Int64
	mu      sync.Mutex
	bodies  map[string]int // how often each was sent
}

func (a *service) set(token string) { a.token.Store(&token) }

func (a *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	a.bodies[string(body)]++
	a.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+*a.token.Load() {
		a.refused.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func TestATokenRotatesUnderLoad(t *testing.T) {
	m := kvManager(t)
	a := &service{bodies: map[string]int{}}
	a.set("token-0")
	m.put("unused", "token-0")
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	r, c := open(t, m.uri)
	base := &http.Transport{MaxIdleConnsPerHost: workers}
	t.Cleanup(base.CloseIdleConnections)
	client := &http.Client{Transport: secrethttp.New(r, "db#password", secrethttp.Bearer(), secrethttp.WithBase(base))}

	var sent, streams, left atomic.Int64
	errRefused := errors.New("401")
	l := start(t, workers, 20*time.Millisecond, func(ctx context.Context) error {
		n := sent.Add(1)
		stream := n%10 == 0
		var body io.Reader = strings.NewReader(fmt.Sprintf("body-%d", n))
		if stream { // which cannot be sent again
			streams.Add(1)
			body = io.MultiReader(strings.NewReader(fmt.Sprintf("stream-%d", n)))
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, body)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		switch {
		case resp.StatusCode == http.StatusOK:
			return nil
		case stream:
			left.Add(1)
			return nil
		}
		return errRefused
	})
	pause(t, time.Second)
	for n := 1; n <= 3; n++ {
		before := c.count()
		token := fmt.Sprintf("token-%d", n)
		a.set(token)
		pause(t, lag)
		rotated := time.Now()
		m.put("unused", token)
		require.Eventually(t, func() bool { return l.quietSince(rotated) }, 15*time.Second, time.Millisecond)
		t.Logf("rotation %d: every worker has the new token %v after it; %d backend reads from the server's change on", n, time.Since(rotated).Round(time.Millisecond), c.count()-before)
		pause(t, time.Second)
	}
	l.end()
	done, failed := l.figures()
	figures.Tell(t, "%d requests, %d of them streams; %d failed; the server refused %d; %d streams were left with their 401; %d backend reads in all",
		done, streams.Load(), failed, a.refused.Load(), left.Load(), c.count())
	require.NoError(t, l.firstFailure())
	assert.Zero(t, failed)
	assert.Positive(t, left.Load())
	a.mu.Lock()
	defer a.mu.Unlock()
	for body, times := range a.bodies {
		if strings.HasPrefix(body, "stream-") {
			assert.Equal(t, 1, times, "a stream is sent once")
			continue
		}
		assert.LessOrEqual(t, times, 2, "one replay")
	}
}
