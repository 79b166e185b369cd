//go:build unix

package awssm

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/figures"
)

// gigabyte is what a hostile server answers with: text without an end in JSON.
const gigabyte = 1 << 30

// zeros is a gigabyte of text, packed into a megabyte.
var zeros = func() []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	chunk := bytes.Repeat([]byte("0"), 1<<20)
	_, _ = io.WriteString(w, `{"__type":"`)
	for range gigabyte >> 20 {
		_, _ = w.Write(chunk)
	}
	_ = w.Close()
	return b.Bytes()
}

// hostile are servers that answer with more than there is memory for.
func hostile(packed []byte) map[string]func(http.ResponseWriter, *http.Request, int) {
	flood := func(w http.ResponseWriter, r *http.Request, most int) {
		chunk := []byte(strings.Repeat("0", 1<<16))
		_, _ = io.WriteString(w, `{"__type":"`)
		for sent := 0; sent < most && r.Context().Err() == nil; sent += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	return map[string]func(http.ResponseWriter, *http.Request, int){
		"a gigabyte": func(w http.ResponseWriter, r *http.Request, status int) {
			w.WriteHeader(status)
			flood(w, r, gigabyte)
		},
		"a gigabyte as a megabyte of gzip": func(w http.ResponseWriter, _ *http.Request, status int) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(status)
			_, _ = w.Write(packed)
		},
		"an endless answer": func(w http.ResponseWriter, r *http.Request, status int) {
			w.WriteHeader(status)
			flood(w, r, 1<<62)
		},
		"endless headers": func(w http.ResponseWriter, r *http.Request, _ int) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			line := []byte("X-A: " + strings.Repeat("0", 1<<12) + "\r\n")
			for r.Context().Err() == nil {
				if _, err := conn.Write(line); err != nil {
					return
				}
			}
		},
	}
}

// peak runs f and returns how far the heap grew over what it was before, at
// most.
func peak(f func()) uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	idle, most := m.HeapAlloc, uint64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}()
	f()
	close(stop)
	<-stopped
	return max(most, idle) - idle
}

// TestAnAnswerWithoutAnEndTakesLittleMemory measures all kinds of calls against
// all kinds of answers. The heap is the process', so nothing runs beside it.
func TestAnAnswerWithoutAnEndTakesLittleMemory(t *testing.T) {
	packed := zeros()
	for what, write := range hostile(packed) {
		statuses := []int{200}
		if what == "a gigabyte as a megabyte of gzip" {
			statuses = []int{200, 400, 404, 500}
		}
		for _, status := range statuses {
			url := awstest.Serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				write(w, r, status)
			}))
			for call, run := range floods(t, url) {
				var err error
				most := peak(func() { err = run() })
				require.Error(t, err, "%s, status %d, %s", what, status, call)
				told := errors.Is(err, secrets.ErrUnavailable) || status < 500 && errors.Is(err, secrets.ErrUnauthenticated) // a login that is refused
				assert.True(t, told, "%s, status %d, %s: %v", what, status, call, err)
				assert.Less(t, most, uint64(canary.HeapRoom), "%s, status %d, %s", what, status, call)
				if status == 200 {
					figures.Tell(t, "%s, %s: %.1f MiB over idle: %s", call, what, float64(most)/(1<<20), firstWords(err))
				}
			}
		}
	}
}

func firstWords(err error) string {
	words := strings.Fields(err.Error())
	return strings.Join(words[:min(len(words), 14)], " ")
}

// floods are the calls that a server at url floods: of the service, and of each
// credential source.
func floods(t *testing.T, url string) map[string]func() error {
	bounded := func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), 5*time.Second) }
	fetchWith := func(options map[string]string) error {
		ctx, cancel := bounded()
		defer cancel()
		p, err := open(ctx, secrets.Ref{Scheme: "awssm", Options: options})
		require.NoError(t, err)
		defer func() { _ = p.(*Provider).Close() }()
		_, err = p.Fetch(ctx, referenced("db"))
		return err
	}
	service := func(read func(context.Context, *Provider) error) func() error {
		return func() error {
			awstest.Environment(t, awstest.Keys...)
			ctx, cancel := bounded()
			defer cancel()
			p, err := open(ctx, secrets.Ref{Scheme: "awssm", Options: map[string]string{"endpoint": url}})
			require.NoError(t, err)
			defer func() { _ = p.(*Provider).Close() }()
			return read(ctx, p.(*Provider))
		}
	}
	calls := map[string]func() error{
		"a value": service(func(ctx context.Context, p *Provider) error { _, err := p.Fetch(ctx, referenced("db")); return err }),
		"a batch": service(func(ctx context.Context, p *Provider) error {
			return p.FetchBatch(ctx, references("a", "b", "c"))[0].Err
		}),
		"a list": service(func(ctx context.Context, p *Provider) error { return firstError(p, ctx) }),
		"a client": func() error {
			ctx, cancel := bounded()
			defer cancel()
			_, err := New(clientOf(&awstest.Server{URL: url})).Fetch(ctx, referenced("db"))
			return err
		},
	}
	for name, f := range froms {
		calls["a login: "+name] = func() error {
			f.set(t, url)
			options := map[string]string{"endpoint": url}
			for k, v := range f.options {
				options[k] = v
			}
			return fetchWith(options)
		}
	}
	return calls
}

func firstError(p *Provider, ctx context.Context) error {
	for _, err := range p.List(ctx, "") {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestAListWithoutAnEndIsAnError(t *testing.T) {
	t.Parallel()
	n := 0
	for name, handle := range map[string]func(awstest.Request) awstest.Reply{
		"the same token": func(awstest.Request) awstest.Reply {
			return awstest.OK(map[string]any{"SecretList": []any{map[string]any{"Name": "a"}}, "NextToken": "again"})
		},
		"empty pages": func(awstest.Request) awstest.Reply {
			n++
			return awstest.OK(map[string]any{"NextToken": awstest.Names("token", n+1)[n]})
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := firstError(over(t, awstest.NewServer(t, handle)), t.Context())
			require.ErrorIs(t, err, secrets.ErrUnavailable)
			assert.ErrorContains(t, err, "no end")
		})
	}
}

func TestAPipeInPlaceOfAConfigurationFileIsRefusedAndNotWaitedFor(t *testing.T) {
	for _, variable := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CA_BUNDLE"} {
		t.Run(variable, func(t *testing.T) {
			awstest.Environment(t, append(awstest.Keys, variable+"="+fifo(t))...)
			if variable == "AWS_WEB_IDENTITY_TOKEN_FILE" {
				t.Setenv("AWS_ACCESS_KEY_ID", "")
				t.Setenv("AWS_ROLE_ARN", role)
			}
			start := time.Now()
			p := fromURI(t, nil)
			require.Error(t, within(t, p))
			require.NoError(t, p.Close())
			assert.Less(t, time.Since(start), 5*time.Second)
		})
	}
	awstest.Environment(t, append(awstest.Keys, "AWS_CONFIG_FILE="+os.DevNull)...)
	require.NoError(t, from{}.read(t, 5*time.Second), "people switch the file off by this")
}
