package gcp

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
)

// failing asserts that there is an error, and that it has one class.
func failing(t *testing.T, what string, err error) {
	t.Helper()
	if assert.Error(t, err, what) {
		answers.Check(t, err)
	}
}

// everyCall makes every kind of call, and asserts that all fail.
func everyCall(ctx context.Context, t *testing.T, what string, p *Provider) {
	t.Helper()
	for _, options := range [][]string{nil, {"version=3"}, {"latest=enabled"}} {
		_, err := p.Fetch(ctx, named("db", options...))
		failing(t, what, err)
	}
	for _, r := range p.FetchBatch(ctx, []secrets.Ref{named("db"), named("a.b"), {Path: "My_Project/x"}, {Base: project, Path: "db", Options: map[string]string{"version": "a/b"}}}) {
		failing(t, what, r.Err)
	}
	for _, err := range p.List(ctx, project) {
		failing(t, what, err)
	}
}

// what the service says, and what decides between two classes.
var (
	sentences = []string{"", "Secret [x] not found or has no versions.", "is in DISABLED state", "is in DESTROYED state", "CryptoKey x cannot be used", "per-RPC creds failed due to error: x",
		"larger than max (9 vs. 8)", "unexpected HTTP status code received from server: 200 (OK)", "name resolver error"}
	reasons = []string{"", "IAM_PERMISSION_DENIED", "SERVICE_DISABLED", "BILLING_DISABLED", "CONSUMER_INVALID", "USER_PROJECT_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
		"SECURITY_POLICY_VIOLATED", "RATE_LIMIT_EXCEEDED", "API_KEY_INVALID", "something else"}
)

func TestWhateverTheServiceAnswersHasOneClass(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	overGRPC, overREST := provider(t, s), restProvider(t, s.REST())
	var fail error
	s.OnCall(func(context.Context, string, string) error { return fail })
	for code := codes.Canceled; code < 19; code++ {
		for _, sentence := range sentences {
			for _, r := range reasons {
				if r != "" && sentence != "" {
					continue // one at a time
				}
				details := []protoadapt.MessageV1{reason(r), &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Hour)}}
				st, err := status.New(code, sentence).WithDetails(details...)
				require.NoError(t, err)
				fail = st.Err()
				what := fmt.Sprint(code, " ", sentence, " ", r)
				everyCall(soon(t), t, what, overGRPC)
				if code < 17 {
					everyCall(soon(t), t, what+" over REST", overREST)
				}
			}
		}
	}
}

func TestWhateverAnotherServerAnswersHasOneClass(t *testing.T) {
	t.Parallel()
	for _, code := range []int{200, 204, 301, 302, 400, 401, 403, 404, 407, 409, 412, 429, 499, 500, 501, 502, 503, 504} {
		for _, body := range []string{"", "<html>", "{}", "[]", "null", `{"error":{"code":404,"status":"NOT_FOUND","message":"x"}}`, `{"error":"x"}`, `{"payload":{}}`, `{"name":"projects/1/secrets/other/versions/1","payload":{"data":"dg=="}}`} {
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(code)
				_, _ = io.WriteString(w, body)
			}))
			p := openURI(t, "gcp://my-project?transport=rest&endpoint="+web.Listener.Addr().String())
			_, err := p.Fetch(soon(t), named("db"))
			failing(t, fmt.Sprint(code, " ", body), err)
			for _, err := range p.List(soon(t), project) {
				if err != nil {
					answers.Check(t, err)
				}
			}
			web.Close()
		}
	}
}

func TestWhateverKeepsACallFromBeingAnsweredHasOneClass(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	page := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(page.Close)
	home := alone(t, "127.0.0.1:1")
	key := serviceAccount(t, home)
	for credentials, set := range map[string]string{
		"a key": key, "none": "", "a file that is not there": home + "/none.json", "a file that is none": write(t, home, "x.json", "x"), "a folder": home, "no file name": "{}",
	} {
		for what, options := range map[string]string{
			"nobody listens": "endpoint=https://127.0.0.1:1", "no answer": "endpoint=https://" + silent.Addr().String(), "a page": "endpoint=https://" + page.Listener.Addr().String(),
			"no such host": "endpoint=https://nothing.invalid", "an emulator that is away": "endpoint=127.0.0.1:1", "nobody listens to REST": "transport=rest&endpoint=https://127.0.0.1:1",
		} {
			t.Run(what+" with "+credentials, func(t *testing.T) {
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", set)
				p := openURI(t, "gcp://my-project?"+options)
				ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
				defer cancel()
				everyCall(ctx, t, what, p)
				given, cancel := context.WithCancel(t.Context())
				cancel()
				everyCall(given, t, "given up", p)
				require.NoError(t, p.Close())
				everyCall(soon(t), t, "closed", p)
			})
		}
	}
}

func TestAClientThatIsNoneHasOneClass(t *testing.T) {
	t.Parallel()
	for what, p := range map[string]*Provider{"no client": New(nil), "a separator that is none": New(nil, WithSeparator("/")), "a location that is none": New(nil, WithLocation("X"))} {
		everyCall(soon(t), t, what, p)
	}
}
