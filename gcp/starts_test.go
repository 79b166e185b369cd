package gcp

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/go-secrets/secrets/internal/figures"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

const starts = 10

// A trouble is what a start meets: env sets it up for one start, and returns
// the environment of the program that starts.
type trouble struct {
	name string
	env  func(t *testing.T) []string
}

// troubles are what sources of credentials do at a start.
func troubles() []trouble {
	tokens := func(answer http.HandlerFunc) func(*testing.T) []string {
		return func(t *testing.T) []string {
			web := httptest.NewServer(answer)
			t.Cleanup(web.Close)
			dir := t.TempDir()
			return []string{"GOOGLE_APPLICATION_CREDENTIALS=" + write(t, dir, "pool.json", externalAccount(t, web.URL, map[string]any{"file": write(t, dir, "token", "x")}))}
		}
	}
	good := func(w http.ResponseWriter) { _, _ = w.Write([]byte(token("t1", 3600))) }
	slow := func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(2500 * time.Millisecond)
		good(w)
	}
	return []trouble{
		{"a metadata server that needs 2.5 s", func(t *testing.T) []string { return []string{"GCE_METADATA_HOST=" + metadataServer(t, slow)} }},
		{"a metadata server that starts 1 s late", func(t *testing.T) []string {
			addr := refusedAddr(t)
			timer := time.AfterFunc(time.Second, func() {
				if listener, err := net.Listen("tcp", addr); err == nil {
					_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { good(w) })) // #nosec G114 -- a test's, which ends with the process
				}
			})
			t.Cleanup(func() { timer.Stop() })
			return []string{"GCE_METADATA_HOST=" + addr}
		}},
		{"a token endpoint that answers 503 for 1 s", func(t *testing.T) []string {
			var once sync.Once
			var until atomic.Int64
			return tokens(func(w http.ResponseWriter, _ *http.Request) {
				once.Do(func() { until.Store(time.Now().Add(time.Second).UnixNano()) })
				if time.Now().UnixNano() < until.Load() {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				good(w)
			})(t)
		}},
		{"a token endpoint that needs 2.5 s", tokens(slow)},
	}
}

func TestAStartSurvivesWhatTheBareClientSurvives(t *testing.T) {
	cert, ca := certify(t, globalHost)
	s, err := gcpfake.Start(grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	s.Put(global("db"), []byte("v"))
	proxy, _ := tunnel(t, s.Addr())
	for _, tr := range troubles() {
		t.Run(tr.name, func(t *testing.T) {
			for _, who := range []string{"bare", "resolver"} {
				var good atomic.Int32
				var longest atomic.Int64
				var all sync.WaitGroup
				for range starts {
					env := append(tr.env(t), "HTTPS_PROXY=http://"+proxy, "SSL_CERT_FILE="+ca, "GCP_TEST_CHILD_WHO="+who)
					all.Go(func() {
						outcomes, _ := inChild(t, env, "gcp://my-project", "gcp://my-project/db")
						if outcomes[0].Error == "" {
							good.Add(1)
						}
						for took := int64(outcomes[0].Took); ; {
							most := longest.Load()
							if took <= most || longest.CompareAndSwap(most, took) {
								return
							}
						}
					})
				}
				all.Wait()
				figures.Tell(t, "%s: %d of %d starts, the longest %v", who, good.Load(), starts, time.Duration(longest.Load()).Round(10*time.Millisecond))
				if who == "resolver" {
					assert.EqualValues(t, starts, good.Load())
				}
			}
		})
	}
}
