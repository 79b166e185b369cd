package limit_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	floods "github.com/go-secrets/secrets/internal/answers"
	"github.com/go-secrets/secrets/internal/limit"
)

// answers is a transport that gives the same answer to everything.
type answers struct {
	status  int
	length  int64
	body    io.Reader
	headers http.Header
	closed  bool
	idle    int
}

type closing struct {
	io.Reader
	closed *bool
}

func (c closing) Close() error { *c.closed = true; return nil }

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	h := a.headers
	if h == nil {
		h = http.Header{}
	}
	return &http.Response{StatusCode: a.status, Header: h, ContentLength: a.length, Body: closing{a.body, &a.closed}, Request: r}, nil
}

func (a *answers) CloseIdleConnections() { a.idle++ }

func get(t *testing.T, transport http.RoundTripper) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1", nil)
	require.NoError(t, err)
	return transport.RoundTrip(req)
}

func TestABodyIsReadUpToTheLimitAndNoFurther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status, bytes int
		fails         bool
	}{
		"shorter":                        {200, 9, false},
		"as long":                        {200, 10, false},
		"longer by one":                  {200, 11, true},
		"much longer":                    {200, 1000, true},
		"none":                           {200, 0, false},
		"an error as long as allowed":    {404, 5, false},
		"an error that is longer by one": {500, 6, true},
	} {
		for kind, wrap := range map[string]func(io.Reader) io.Reader{
			"": func(r io.Reader) io.Reader { return r }, " byte by byte": iotest.OneByteReader, " with its end at once": iotest.DataErrReader,
		} {
			a := &answers{status: c.status, length: -1, body: wrap(strings.NewReader(strings.Repeat("x", c.bytes)))}
			resp, err := get(t, &limit.Transport{Next: a, Max: 10, MaxError: 5})
			require.NoError(t, err, name)
			data, err := io.ReadAll(resp.Body)
			if c.fails {
				assert.ErrorIs(t, err, limit.ErrTooLarge, name+kind)
				_, err = resp.Body.Read(make([]byte, 10))
				assert.ErrorIs(t, err, limit.ErrTooLarge, name+kind+": again")
			} else {
				assert.NoError(t, err, name+kind)
				assert.Len(t, data, c.bytes, name+kind)
			}
			require.NoError(t, resp.Body.Close())
			assert.True(t, a.closed, name+kind)
		}
	}
}

func TestWhatIsSaidToBeTooLongIsNotReadAtAll(t *testing.T) {
	t.Parallel()
	a := &answers{status: 200, length: 11, body: iotest.ErrReader(errors.New("was read"))}
	_, err := get(t, &limit.Transport{Next: a, Max: 10})
	require.ErrorIs(t, err, limit.ErrTooLarge)
	assert.True(t, a.closed)
}

func TestAPackedBodyThatNobodyUnpackedIsRefused(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"gzip", "br", "zstd", "deflate", "gzip, gzip", strings.Repeat("x", 1<<16)} {
		a := &answers{status: 500, length: -1, body: strings.NewReader("x"), headers: http.Header{"Content-Encoding": {encoding}}}
		_, err := get(t, &limit.Transport{Next: a, Max: 10})
		require.Error(t, err, encoding)
		assert.Less(t, len(err.Error()), 200)
		assert.True(t, a.closed)
	}
	a := &answers{status: 200, length: -1, body: strings.NewReader("x"), headers: http.Header{"Content-Encoding": {"identity"}}}
	_, err := get(t, &limit.Transport{Next: a, Max: 10})
	require.NoError(t, err)
}

func TestAnErrorOfTheTransportAndItsConnectionsAreThoseOfTheNextOne(t *testing.T) {
	t.Parallel()
	a := &answers{status: 200, body: http.NoBody}
	transport := &limit.Transport{Next: a, Max: 1}
	transport.CloseIdleConnections()
	assert.Equal(t, 1, a.idle)
	(&limit.Transport{Next: roundTripper(nil)}).CloseIdleConnections()
	failed := errors.New("no route")
	_, err := get(t, &limit.Transport{Next: roundTripper(func(*http.Request) (*http.Response, error) { return nil, failed })})
	assert.Equal(t, failed, err)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// It looks at the memory of the whole process, so that it runs alone.
func TestAKilobyteThatUnpacksToAGigabyteCostsNoMoreThanTheLimit(t *testing.T) {
	packed := floods.Packed("", 0)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(packed)
	}))
	defer server.Close()
	client := &http.Client{Transport: &limit.Transport{Next: server.Client().Transport, Max: 1 << 20}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := client.Get(server.URL)
	require.NoError(t, err)
	data, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, limit.ErrTooLarge)
	require.NoError(t, resp.Body.Close())
	runtime.ReadMemStats(&after)
	assert.Len(t, data, 1<<20)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "all that was ever taken")
}

func ExampleTransport() {
	a := &answers{status: 200, length: -1, body: strings.NewReader("a long answer")}
	client := &http.Client{Transport: &limit.Transport{Next: a, Max: 6}}
	resp, err := client.Get("http://127.0.0.1")
	if err != nil {
		return
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	fmt.Printf("%s: %v\n", data, err)
	// Output: a long: the answer is larger than any that this service gives: more than 6 bytes
}
