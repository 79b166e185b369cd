package gcp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
	watched "github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/figures"
)

const (
	gigabyte = 1 << 30
	heapRoom = watched.HeapRoom // bytes over idle
)

// packed is a gigabyte of blanks in gzip, about a megabyte.
var packed = sync.OnceValue(func() []byte { return answers.Packed("", ' ') })

// A flood is an answer that is too large. It begins with start, which may be
// the beginning of one that makes sense.
type flood struct {
	name  string
	write func(w http.ResponseWriter, r *http.Request, status int, start []byte)
}

var floods = []flood{
	{"1 GB", func(w http.ResponseWriter, _ *http.Request, status int, start []byte) {
		w.WriteHeader(status)
		_, _ = w.Write(start)
		pour(w, gigabyte)
	}},
	{"1 GB that is announced", func(w http.ResponseWriter, _ *http.Request, status int, start []byte) {
		w.Header().Set("Content-Length", fmt.Sprint(len(start)+gigabyte))
		w.WriteHeader(status)
		_, _ = w.Write(start)
		pour(w, gigabyte)
	}},
	{"1 MB of gzip that is 1 GB", func(w http.ResponseWriter, r *http.Request, status int, _ []byte) {
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(status)
		_, _ = w.Write(packed())
	}},
	{"an endless answer", func(w http.ResponseWriter, r *http.Request, status int, start []byte) {
		w.WriteHeader(status)
		_, _ = w.Write(start)
		for r.Context().Err() == nil && pour(w, 1<<20) == nil {
		}
	}},
	{"an answer that trickles", func(w http.ResponseWriter, r *http.Request, status int, start []byte) {
		w.WriteHeader(status)
		_, _ = w.Write(start)
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(" ")); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	}},
}

var blanks = bytes.Repeat([]byte(" "), 1<<20)

func pour(w io.Writer, n int) error {
	for n > 0 {
		m, err := w.Write(blanks[:min(n, len(blanks))])
		if err != nil {
			return err
		}
		n -= m
	}
	return nil
}

// peak runs f and returns by how much the heap grew meanwhile.
func peak(f func()) uint64 {
	runtime.GC()
	var idle runtime.MemStats
	runtime.ReadMemStats(&idle)
	done := make(chan struct{})
	var most uint64
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	f()
	close(done)
	watch.Wait()
	return most - min(most, idle.HeapAlloc)
}

// withinBounds runs read, which meets a flood, and asserts its class, its time and
// its heap.
func withinBounds(t *testing.T, what string, read func() error) {
	t.Helper()
	packed() // which is not read's
	var err error
	began := time.Now()
	grown := peak(func() { err = read() })
	assert.Less(t, time.Since(began), time.Minute, "it ends; figures tell when")
	onlyClass(t, err, secrets.ErrUnavailable)
	assert.Less(t, grown, uint64(heapRoom))
	figures.Tell(t, "%s: %.1f MiB over idle, %v: %v", what, float64(grown)/(1<<20), time.Since(began).Round(time.Millisecond), err)
}

const floodTime = 1500 * time.Millisecond

func TestALoginReadsNoMoreOfAnAnswerThanATokenHas(t *testing.T) {
	for _, f := range floods {
		for _, status := range []int{200, 503} {
			t.Run(fmt.Sprintf("of a token endpoint, %s, HTTP %d", f.name, status), func(t *testing.T) {
				pool(t, func(w http.ResponseWriter, r *http.Request) { f.write(w, r, status, []byte(`{"access_token":"`)) })
				withinBounds(t, "login", func() error {
					_, err := loginOf(t).Token(within(t, floodTime))
					return err
				})
			})
		}
		t.Run("of the metadata server, "+f.name, func(t *testing.T) {
			alone(t, metadataServer(t, func(w http.ResponseWriter, r *http.Request) { f.write(w, r, 200, []byte(`{"access_token":"`)) }))
			withinBounds(t, "login", func() error {
				_, err := loginOf(t).Token(within(t, floodTime))
				return err
			})
		})
	}
}

func TestAReadOverRESTReadsNoMoreOfAnAnswerThanThereCanBe(t *testing.T) {
	for _, f := range floods {
		for what, status := range map[string]int{"value": 200, "error": 404, "list": 200} {
			t.Run(what+", "+f.name, func(t *testing.T) {
				p := restProvider(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					f.write(w, r, status, []byte(`{"name":"`))
				}))
				withinBounds(t, what, func() error { return readOrList(t, p, what) })
			})
		}
	}
}

func readOrList(t *testing.T, p *Provider, what string) error {
	ctx := within(t, floodTime)
	if what != "list" {
		_, err := p.Fetch(ctx, named("db"))
		return err
	}
	for _, err := range p.List(ctx, project) {
		if err != nil {
			return err
		}
	}
	return nil
}

// grpcFrame returns the beginning of a message, which says how long it is.
func grpcFrame(flag byte, size uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{flag}, size)
}

func TestAReadOverGRPCReadsNoMoreOfAnAnswerThanThereCanBe(t *testing.T) {
	floods := map[string]func(w http.ResponseWriter, r *http.Request){
		"a message of 1 GB": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(grpcFrame(0, gigabyte))
			_ = pour(w, gigabyte)
		},
		"a message of 9 MB": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(grpcFrame(0, 9<<20))
			_ = pour(w, 9<<20)
		},
		"a message of gzip that is 1 GB": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Grpc-Encoding", "gzip")
			_, _ = w.Write(grpcFrame(1, uint32(len(packed()))))
			_, _ = w.Write(packed())
		},
		"endless messages": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(grpcFrame(0, 1<<20)); err != nil || pour(w, 1<<20) != nil {
					return
				}
			}
		},
		"an endless page": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			for r.Context().Err() == nil && pour(w, 1<<20) == nil {
			}
		},
		"a message that never ends": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(grpcFrame(0, 4<<20))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"an error of 4 MB": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Grpc-Status", "5")
			w.Header().Set("Grpc-Message", string(bytes.Repeat([]byte("x"), 4<<20)))
		},
	}
	for name, write := range floods {
		for _, what := range []string{"value", "list"} {
			t.Run(what+", "+name, func(t *testing.T) {
				web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "application/grpc")
					write(w, r)
				}))
				web.Config.Protocols = new(http.Protocols)
				web.Config.Protocols.SetUnencryptedHTTP2(true)
				web.Start()
				t.Cleanup(web.Close)
				p := openURI(t, "gcp://my-project?endpoint="+web.Listener.Addr().String())
				withinBounds(t, what, func() error { return readOrList(t, p, what) })
			})
		}
	}
}
