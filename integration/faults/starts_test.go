package faults_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpccredentials "google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
	"github.com/go-secrets/secrets/internal/figures"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

// starts is how many programs start at once.
const starts = 10

// A way is how a program gets to its secret: with the SDK alone, or by a URI.
type way struct {
	bare    reader
	uri     string
	timeout time.Duration // of both; 0: the resolver's default
	note    func() string // is asked at the end; may be nil
}

// A row is something that is wrong while programs start.
type row struct {
	what string
	set  func(t *testing.T) way // makes it anew
}

// rows are those of the table, in its order.
func rows() (all []row) {
	for _, m := range mishaps[:2] {
		for _, s := range services {
			all = append(all, row{s.name + " " + m.name + " for 1 s", func(t *testing.T) way { return s.open(t, m.trouble, blip, 0) }})
		}
	}
	for _, s := range services {
		all = append(all, row{s.name + " answers after 4 s, 60 s of time", func(t *testing.T) way {
			w := s.open(t, slow, 0, 4*time.Second)
			w.timeout = time.Minute
			return w
		}})
	}
	all = append(all,
		row{"a connection to Google takes 3.5 s", lateConnection},
		row{"a database user of Vault's takes 4 s", slowUser},
		row{"credential_process takes 2.5 s", process},
		row{"STS does not know a new web identity for 1 s", unknownIdentity},
	)
	for _, s := range sources {
		for _, m := range mishaps {
			all = append(all, row{s.name + " " + m.name + " " + s.long(m), func(t *testing.T) way {
				f := s.front(t, m.trouble)
				if m.trouble != slow {
					f.lasts = blip
				}
				url := f.start(t)
				uri := s.login(t, url)
				return way{bare: s.bare(url), uri: uri}
			}})
		}
	}
	return all
}

// long tells how long a trouble takes.
func (s source) long(m mishap) string {
	switch m.trouble {
	case slow:
		return "by 2.5 s"
	case late:
		return "by 1 s"
	}
	return "for 1 s"
}

// rowOf finds the line of a row in the log of its process.
var rowOf = regexp.MustCompile(`\| .* \|`)

// TestTenStarts starts ten programs at once in each trouble, with the SDK alone
// and with the library, and prints a table of how many succeeded, and when the
// last of them had ended:
//
//	go test ./faults -run TestTenStarts -v | grep -o '|.*|'
func TestTenStarts(t *testing.T) {
	all := rows()
	lines := make([]string, len(all))
	t.Run("survive", func(t *testing.T) {
		for i, r := range all {
			t.Run(r.what, func(t *testing.T) { lines[i] = rowOf.FindString(alone(t, r.compare)) })
		}
	})
	if !own { // those that a pattern has left out are empty
		lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
		fmt.Printf("| Ten starts | SDK alone | with the library |\n|---|---|---|\n%s\n", strings.Join(lines, "\n"))
	}
}

// compare starts programs of both kinds.
func (r row) compare(t *testing.T) {
	w := r.set(t)
	sdk := w.run(t, w.bare)
	w = r.set(t)
	own := w.run(t, func(ctx context.Context) error {
		var opts []secrets.Option
		if w.timeout > 0 {
			opts = append(opts, secrets.WithTimeout(w.timeout))
		}
		resolver, err := secrets.Open(ctx, w.uri, opts...)
		if err != nil {
			return err
		}
		defer func() { _ = resolver.Close() }()
		_, err = resolver.Get(ctx, "db")
		return err
	})
	assert.Equal(t, starts, own.good)
	figures.Tell(t, "| %s | %s | %s |", r.what, sdk, own)
}

// An outcome is what became of the programs.
type outcome struct {
	good int
	took time.Duration
	note string
}

func (o outcome) String() string {
	return fmt.Sprintf("%d of %d in %.1f s%s", o.good, starts, o.took.Seconds(), o.note)
}

// run starts programs, each with the time that there is.
func (w way) run(t *testing.T, start reader) outcome {
	var good atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for range starts {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), max(w.timeout, normal))
			defer cancel()
			if err := start(ctx); err != nil {
				t.Log(err)
				return
			}
			good.Add(1)
		})
	}
	wg.Wait()
	o := outcome{good: int(good.Load()), took: time.Since(begun)}
	if w.note != nil {
		o.note = w.note()
	}
	return o
}

// A service is what holds the secret.
type service struct {
	name string
	// open puts it behind a trouble of its own.
	open func(t *testing.T, is trouble, lasts, delay time.Duration) way
}

var services = []service{
	{"Secrets Manager", func(t *testing.T, is trouble, lasts, delay time.Duration) way {
		url := emulator(t, is, lasts, delay)
		return way{bare: bareSecretsManager(url, false), uri: "awssm://start?search=exact&endpoint=" + url}
	}},
	{"Parameter Store", func(t *testing.T, is trouble, lasts, delay time.Duration) way {
		url := emulator(t, is, lasts, delay)
		return way{bare: bareParameterStore(url), uri: "ssm:///start?search=exact&endpoint=" + url}
	}},
	{"Vault", func(t *testing.T, is trouble, lasts, delay time.Duration) way {
		f := &front{trouble: is, lasts: lasts, delay: delay, next: vaultAnswers(t), says: map[trouble]reply{
			throttled: {429, "", `{"errors":["request path \"kv/data/start/db\": rate limit quota exceeded"]}`}, unavailable: outage,
		}, affects: func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/data/") }}
		t.Setenv("VAULT_TOKEN", here.Token)
		url := f.start(t)
		return way{bare: bareVault(url, "kv/data/start/db", "", nil), uri: "vault://kv/start?search=exact&address=" + url}
	}},
	{"Google", func(t *testing.T, is trouble, lasts, delay time.Duration) way {
		server := googleOfOwn(t)
		var first sync.Once
		var until time.Time
		server.OnCall(func(ctx context.Context, _, _ string) error {
			first.Do(func() { until = time.Now().Add(lasts) })
			switch {
			case is == slow:
				select {
				case <-time.After(delay):
				case <-ctx.Done():
				}
			case time.Now().After(until):
			case is == throttled:
				return status.Error(codes.ResourceExhausted, "quota exceeded")
			default:
				return status.Error(codes.Unavailable, "try again")
			}
			return nil
		})
		return googleAt(server.Addr())
	}},
}

// emulator is that of AWS behind a trouble, with keys to it.
func emulator(t *testing.T, is trouble, lasts, delay time.Duration) (url string) {
	awstest.Environment(t, awstest.Keys...)
	f := &front{trouble: is, lasts: lasts, delay: delay, next: forward(t, here.Emulator), says: map[trouble]reply{
		throttled:   {400, "", `{"__type":"ThrottlingException","message":"Rate exceeded"}`},
		unavailable: {503, "", `{"__type":"ServiceUnavailableException","message":"try again"}`},
	}}
	return f.start(t)
}

func googleAt(address string) way {
	return way{bare: bareGoogle(address), uri: "gcp://my-project/start?search=exact&endpoint=https://" + address}
}

// authority makes what the servers of this process have, once: a process reads
// its authorities once.
var authority = sync.OnceValues(func() (creds grpccredentials.TransportCredentials, ca []byte) {
	cert, ca, err := certify()
	if err != nil {
		panic(err)
	}
	return grpccredentials.NewServerTLSFromCert(&cert), ca
})

// googleOfOwn starts a Secret Manager for this test, which a service account
// logs in to.
func googleOfOwn(t *testing.T) *gcpfake.Server {
	creds, ca := authority()
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, ca, 0o600))
	t.Setenv("SSL_CERT_FILE", file)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", here.Account)
	server, err := gcpfake.Start(grpc.Creds(creds))
	require.NoError(t, err)
	t.Cleanup(server.Close)
	server.Put("projects/my-project/secrets/start-db", []byte(here.Value))
	return server
}

// lateConnection is a network on which a connection takes 3.5 s.
func lateConnection(t *testing.T) way {
	to := googleOfOwn(t).Addr()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go relay(conn, to, 3500*time.Millisecond)
		}
	}()
	return googleAt(l.Addr().String())
}

// relay connects a connection to a server after some time.
func relay(conn net.Conn, to string, after time.Duration) {
	defer func() { _ = conn.Close() }()
	time.Sleep(after)
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() { _, _ = io.Copy(server, conn) }()
	_, _ = io.Copy(conn, server)
}

// slowUser is a Vault whose database takes 4 s to make a user.
func slowUser(t *testing.T) way {
	var users atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/sys/internal/ui/mounts/", func(w http.ResponseWriter, _ *http.Request) {
		reply{200, "", `{"data":{"path":"database/","type":"database"}}`}.write(w)
	})
	mux.HandleFunc("/v1/database/creds/db", func(w http.ResponseWriter, _ *http.Request) {
		n := users.Add(1) // also if nobody waits for it any more
		time.Sleep(4 * time.Second)
		reply{200, "", fmt.Sprintf(`{"lease_id":"database/creds/db/%d","lease_duration":3600,"renewable":true,"data":{"username":"u%d","password":"p"}}`, n, n)}.write(w)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	t.Setenv("VAULT_TOKEN", here.Token)
	url := awstest.Serving(t, mux)
	return way{
		bare: bareVault(url, "database/creds/db", "", nil), uri: "vault://database/creds?search=exact&address=" + url,
		note: func() string {
			assert.EqualValues(t, starts, users.Load(), "no user is made twice")
			return fmt.Sprintf(", %d users", users.Load())
		},
	}
}

func unknownIdentity(t *testing.T) way {
	s := sources[1]
	f := s.front(t, refused)
	f.lasts = blip
	url := f.start(t)
	return way{uri: s.login(t, url), bare: s.bare(url)}
}

func process(t *testing.T) way {
	awstest.Environment(t, "AWS_REGION=eu-west-1", "AWS_PROFILE=dev")
	awstest.Write(t, os.Getenv("AWS_CONFIG_FILE"), "[profile dev]\ncredential_process = sleep 2.5; echo '{\"Version\":1,\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"x\"}'\n")
	return way{bare: bareSecretsManager(here.Emulator, false), uri: "awssm://start?search=exact&endpoint=" + here.Emulator}
}
