package gcp

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func loginOf(t *testing.T) *login {
	l := newLogin()
	t.Cleanup(l.close)
	return l
}

func TestOneLoginServesAllWhoWait(t *testing.T) {
	var requests atomic.Int32
	alone(t, metadataServer(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		assert.Equal(t, "Google", r.Header.Get("Metadata-Flavor"))
		assert.Contains(t, r.URL.RawQuery, "cloud-platform")
		_, _ = w.Write([]byte(token("t1", 3600)))
	}))
	l := loginOf(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			got, err := l.Token(soon(t))
			if assert.NoError(t, err) {
				assert.Equal(t, "t1", got.Value)
			}
		})
	}
	all.Wait()
	_, err := l.Token(soon(t))
	require.NoError(t, err)
	assert.EqualValues(t, 1, requests.Load())
}

func TestATokenThatEndsSoonIsRenewedBesideItsUse(t *testing.T) {
	var requests atomic.Int32
	block := make(chan struct{})
	alone(t, metadataServer(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			_, _ = w.Write([]byte(token("t1", 60))) // within the last minutes of its life
			return
		}
		<-block
		_, _ = w.Write([]byte(token("t2", 3600)))
	}))
	l := loginOf(t)
	for range 3 {
		got, err := l.Token(soon(t))
		require.NoError(t, err)
		assert.Equal(t, "t1", got.Value, "nobody waits for the new one")
	}
	close(block)
	require.Eventually(t, func() bool {
		got, err := l.Token(soon(t))
		return err == nil && got.Value == "t2"
	}, 5*time.Second, 5*time.Millisecond)
	assert.EqualValues(t, 2, requests.Load())
}

func TestAWaitForCredentialsEndsWithTheCallersContext(t *testing.T) {
	silent := silentAddr(t)
	alone(t, silent)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := openURI(t, "gcp://my-project").Fetch(ctx, named("db"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	onlyClass(t, err, secrets.ErrUnavailable)
	assert.Less(t, time.Since(began), time.Second)
	assert.ErrorContains(t, err, silent, "the error says what was waited for")
}

func TestAMetadataServerThatComesUpLaterIsFound(t *testing.T) {
	addr := refusedAddr(t)
	alone(t, addr)
	l := loginOf(t)
	_, err := l.Token(soon(t))
	onlyClass(t, err, secrets.ErrUnauthenticated)

	listenAt(t, addr, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(token("t1", 3600)))
	})
	require.Eventually(t, func() bool {
		got, err := l.Token(soon(t))
		return err == nil && got.Value == "t1"
	}, 5*time.Second, 10*time.Millisecond, "the failure is remembered for less than a second")
}

// listenAt starts a server on an address that refusedAddr gave.
func listenAt(t *testing.T, addr string, handler http.HandlerFunc) {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	require.NoError(t, err, "somebody else took the port")
	web := httptest.NewUnstartedServer(handler)
	_ = web.Listener.Close()
	web.Listener = listener
	web.Start()
	t.Cleanup(web.Close)
}

func TestAFailureIsToldAgainUntilItsFilesChange(t *testing.T) {
	home := alone(t, "127.0.0.1:1")
	file := write(t, home, "key.json", "{}")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	l := loginOf(t)
	_, first := l.Token(soon(t))
	require.Error(t, first)
	_, again := l.Token(soon(t))
	assert.Same(t, first, again, "it is remembered")

	serviceAccount(t, home) // writes the same file
	_, err := l.Token(soon(t))
	require.NoError(t, err, "what was mended is read at once")
}

func TestATokenThatTheServiceRefusesIsReplacedOnce(t *testing.T) {
	var tokens atomic.Int32
	alone(t, metadataServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(token(string(rune('a'+tokens.Add(1)-1)), 3600)))
	}))
	l := loginOf(t)
	first, err := l.Token(soon(t))
	require.NoError(t, err)
	held := l.session()
	l.forget(held)
	second, err := l.Token(soon(t))
	require.NoError(t, err)
	assert.NotEqual(t, first.Value, second.Value)
	l.forget(held)
	assert.NotNil(t, l.session(), "a refusal of the old token costs the new one nothing")
}

func TestAClosedLoginStartsNothing(t *testing.T) {
	alone(t, silentAddr(t))
	l := newLogin()
	waiting := make(chan error, 1)
	go func() {
		_, err := l.Token(context.Background())
		waiting <- err
	}()
	require.Eventually(t, func() bool { return len(l.waiting()) > len("while waiting for Google Cloud credentials") }, 5*time.Second, time.Millisecond)
	began := time.Now()
	l.close()
	assert.Less(t, time.Since(began), time.Second, "an attempt under way is ended")
	require.Error(t, <-waiting)
	_, err := l.Token(t.Context())
	require.ErrorIs(t, err, secrets.ErrClosed)
}
