package awssm

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// An answerer answers every request with the fuzzer's bytes.
type answerer []byte

func (a *answerer) Do(r *http.Request) (*http.Response, error) { return answers.Parse(*a, r) }

func FuzzAnswer(f *testing.F) {
	entry := awstest.SecretEntry("db", "a value")
	binary := awstest.SecretEntry("db", "")
	delete(binary, "SecretString")
	binary["SecretBinary"] = "AAECAw=="
	binary["CreatedDate"] = 1e300
	for _, body := range []map[string]any{
		entry, binary, {},
		{"SecretValues": []any{entry, entry, nil, map[string]any{}}, "Errors": []any{map[string]any{"SecretId": "b", "ErrorCode": "AccessDeniedException", "Message": "x"}}, "NextToken": "again"},
		{"SecretList": []any{map[string]any{"Name": "a"}}, "NextToken": "again"},
		{"SecretList": []any{map[string]any{"Name": nil, "DeletedDate": -1}}},
		{"SecretString": 1}, {"SecretValues": map[string]any{}},
	} {
		text, err := json.Marshal(body)
		require.NoError(f, err)
		f.Add(answers.HTTP(200, string(text), "Content-Type: application/x-amz-json-1.1"))
	}
	for code, status := range map[string]int{
		"ResourceNotFoundException": 400, "InvalidRequestException": 400, "DecryptionFailure": 400, "AccessDeniedException": 400,
		"ThrottlingException": 400, "ExpiredTokenException": 403, "InvalidSignatureException": 403, "InternalServiceError": 500, "a#b:c": 503,
	} {
		f.Add(answers.HTTP(status, `{"__type":"`+code+`","message":"You can't perform this operation on the secret because it was marked for deletion."}`, "X-Amzn-ErrorType: "+code))
	}
	f.Add(answers.HTTP(302, "", "Location: http://user:x@127.0.0.1:1/%zz", "Date: Mon, 01 Jan 0001 00:00:00 GMT"))
	f.Add(answers.HTTP(200, `{"SecretString":`+strings.Repeat("[", 20_000)))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"Sec\r\n"))
	var server answerer
	client := clientOf(&awstest.Server{URL: "https://sm.example.test"}, func(o *secretsmanager.Options) { o.HTTPClient = &server })
	f.Fuzz(func(t *testing.T, answer []byte) {
		server = answer
		answers.Within(t, len(answer), func(ctx context.Context) {
			p := New(client, WithLogger(slog.New(slog.DiscardHandler)))
			_, err := p.Fetch(ctx, referenced("db"))
			answers.Check(t, err)
			_, err = p.Fetch(ctx, referenced("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", "stage", "AWSPENDING"))
			answers.Check(t, err)
			results := p.FetchBatch(ctx, []secrets.Ref{referenced("db"), referenced("b"), named("c")})
			require.Len(t, results, 3)
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
			require.NoError(t, p.Close())
		})
	})
}

// BenchmarkAnswer reads answers of 1, 10 and 100 kB: the time is linear in their
// length.
func BenchmarkAnswer(b *testing.B) {
	for kind, of := range map[string]func(filler string) []byte{
		"value": func(s string) []byte { return answers.HTTP(200, mustJSON(b, awstest.SecretEntry("db", s))) },
		"failure": func(s string) []byte {
			return answers.HTTP(400, `{"__type":"AccessDeniedException","message":"`+s+`"}`)
		},
		"garbage": func(s string) []byte { return answers.HTTP(200, strings.Repeat("[", len(s))) },
		"header":  func(s string) []byte { return answers.HTTP(400, "", "X-Amzn-ErrorType: "+s) },
	} {
		for _, n := range []int{1e3, 1e4, 1e5} {
			b.Run(fmt.Sprintf("%s/%dkB", kind, n/1000), func(b *testing.B) {
				answer := answerer(of(strings.Repeat("a.b string to sig /=", n/20)))
				b.SetBytes(int64(len(answer)))
				p := New(clientOf(&awstest.Server{URL: "https://sm.example.test"}, func(o *secretsmanager.Options) { o.HTTPClient = &answer }))
				for b.Loop() {
					_, _ = p.Fetch(b.Context(), referenced("db"))
				}
			})
		}
	}
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
