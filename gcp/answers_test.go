package gcp

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
	"github.com/go-secrets/secrets/internal/limit"
)

// readAll reads with a provider in every way, and checks what comes of it.
func readAll(ctx context.Context, t *testing.T, p *Provider) {
	t.Helper()
	_, err := p.Fetch(ctx, named("db"))
	answers.Check(t, err)
	_, err = p.Fetch(ctx, named("db", "latest=enabled"))
	answers.Check(t, err)
	results := p.FetchBatch(ctx, []secrets.Ref{named("db"), named("b", "version=3")})
	require.Len(t, results, 2)
	for _, r := range results {
		answers.Check(t, r.Err)
		assert.False(t, r.Err != nil && r.Value.Data != nil, "a failure comes without a value")
	}
	n := 0
	for _, err := range p.List(ctx, "") {
		if answers.Check(t, err); err != nil || n > 100 {
			break
		}
		n++
	}
}

// FuzzAnswerOverREST answers every request with the fuzzer's bytes.
func FuzzAnswerOverREST(f *testing.F) {
	for _, body := range []string{
		fmt.Sprintf(`{"name":"projects/1/secrets/db/versions/3","payload":{"data":%q,"dataCrc32c":"4"}}`, base64.StdEncoding.EncodeToString([]byte("v"))),
		`{"name":"projects/1/secrets/db/versions/3","payload":{"data":"dg=="}}`,
		`{"name":"projects/2/secrets/other/versions/x","payload":null}`,
		`{"versions":[{"name":"projects/1/secrets/db/versions/99999999999999999999","state":"ENABLED"},{"name":"","state":7}],"nextPageToken":"again"}`,
		`{"secrets":[{"name":"projects/1/secrets/a"},{"name":"/"},{}],"nextPageToken":"again"}`,
		`[{}]`, `{}`, `null`, ``, `<html>`, `{"payload":{"data":"%"}}`, `{"error":{"code":200}}`,
	} {
		f.Add(answers.HTTP(200, body, "Content-Type: application/json"))
	}
	for name, code := range map[string]int{
		"NOT_FOUND": 404, "FAILED_PRECONDITION": 400, "PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401,
		"RESOURCE_EXHAUSTED": 429, "UNAVAILABLE": 503, "": 302, "?": 500,
	} {
		f.Add(answers.HTTP(code, fmt.Sprintf(`{"error":{"code":%d,"message":"is in DISABLED state","status":%q,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","metadata":{"a":"b"}},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"9999999999s"},{"@type":1},7]}}`, code, name),
			"Content-Type: application/json", "Location: http://user:x@127.0.0.1:1/%zz", "Retry-After: 99999999999999999999"))
	}
	f.Add(answers.HTTP(200, `{"payload":`+strings.Repeat("[", 20_000)))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"pay\r\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		p := openURI(t, "gcp://"+project+"?transport=rest&endpoint=127.0.0.1:1")
		p.clients.restOnce.Do(func() {
			next := roundTrip(func(req *http.Request) (*http.Response, error) { return answers.Parse(answer, req) })
			p.clients.restTransport = &limit.Transport{Next: next, Max: maxAnswer}
		})
		answers.Within(t, len(answer), func(ctx context.Context) { readAll(ctx, t, p) })
	})
}

// FuzzAnswerOverGRPC answers with the fuzzer's status, or with a payload of its
// own if the code is 0.
func FuzzAnswerOverGRPC(f *testing.F) {
	info, err := anypb.New(&errdetails.ErrorInfo{Reason: "API_KEY_INVALID", Domain: "googleapis.com"})
	require.NoError(f, err)
	f.Add(uint32(0), "", "projects/1/secrets/db/versions/3", []byte("v"), int64(4))
	f.Add(uint32(0), "", "/versions/", []byte(nil), int64(0))
	for code := codes.Code(1); code < 19; code++ {
		for _, text := range []string{"is in DISABLED state", "Secret [x] not found", "", "\xff\x00", "larger than max (9 vs. 8)"} {
			f.Add(uint32(code), text, info.GetTypeUrl(), info.GetValue(), int64(0))
		}
	}
	s := server(f)
	s.Put(global("db"), []byte("v"))
	p := provider(f, s)
	var mu sync.Mutex // the fuzzer may run inputs at the same time
	f.Fuzz(func(t *testing.T, code uint32, text, name string, data []byte, sum int64) {
		mu.Lock()
		defer mu.Unlock()
		s.OnCall(func(context.Context, string, string) error {
			if code == 0 {
				return nil
			}
			return status.FromProto(&spb.Status{
				Code: int32(code), Message: text, Details: []*anypb.Any{{TypeUrl: name, Value: data}}, // #nosec G115 -- any code
			}).Err()
		})
		s.OnAnswer(func(a *secretmanagerpb.AccessSecretVersionResponse) {
			a.Name, a.Payload = name, &secretmanagerpb.SecretPayload{Data: data, DataCrc32C: &sum}
			if sum == 0 {
				a.Payload.DataCrc32C = nil
			}
		})
		answers.Within(t, len(text)+len(name)+len(data), func(ctx context.Context) { readAll(ctx, t, p) })
	})
}
