package ssm

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// An answerer answers a single read with the fuzzer's first bytes, and all else
// with the second.
type answerer struct{ one, rest []byte }

func (a *answerer) Do(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+single) {
		return answers.Parse(a.one, r)
	}
	return answers.Parse(a.rest, r)
}

func FuzzAnswer(f *testing.F) {
	parameter := awstest.Parameter("db", "a value", 1)
	odd := map[string]any{"Name": "/prod/db/../..//x", "Value": "", "Version": -1 << 62, "Type": "?", "LastModifiedDate": 1e300}
	missing := answers.HTTP(400, `{"__type":"ParameterNotFound"}`)
	for _, body := range []map[string]any{
		{"Parameter": parameter}, {"Parameter": odd}, {"Parameter": nil}, {"Parameter": []any{}}, {},
		{"Parameters": []any{parameter, parameter, odd, nil}, "InvalidParameters": []any{"b", "b", ""}},
		{"Parameters": []any{awstest.Parameter("/prod/db/user", "x", 1), awstest.Parameter("/prod/db/a/b", "x", 1), awstest.Parameter("/prod/db/a", "x", 1), odd}, "NextToken": "again"},
		{"Parameters": []any{map[string]any{"Name": "/a"}}, "NextToken": "again"},
	} {
		text, err := json.Marshal(body)
		require.NoError(f, err)
		f.Add(answers.HTTP(200, string(text), "Content-Type: application/x-amz-json-1.1"), missing)
		f.Add(missing, answers.HTTP(200, string(text)))
	}
	for code, status := range map[string]int{
		"ParameterVersionNotFound": 400, "InvalidKeyId": 400, "AccessDeniedException": 400, "ValidationException": 400,
		"ThrottlingException": 400, "ExpiredTokenException": 403, "InvalidSignatureException": 403, "InternalServerError": 500, "a#b:c": 501,
	} {
		failure := answers.HTTP(status, `{"__type":"`+code+`","message":"User: x is not authorized to perform: kms:Decrypt"}`, "X-Amzn-ErrorType: "+code)
		f.Add(failure, failure)
	}
	f.Add(answers.HTTP(302, "", "Location: http://user:x@127.0.0.1:1/%zz"), answers.HTTP(200, `{"Parameters":`+strings.Repeat("[", 20_000)))
	var server answerer
	client := clientOf(&awstest.Server{URL: "https://ssm.example.test"}, func(o *ssm.Options) { o.HTTPClient = &server })
	f.Fuzz(func(t *testing.T, one, rest []byte) {
		server = answerer{one, rest}
		answers.Within(t, len(one)+len(rest), func(ctx context.Context) {
			p := New(client, WithTree(), WithLogger(slog.New(slog.DiscardHandler)))
			_, err := p.Fetch(ctx, named("db"))
			answers.Check(t, err)
			_, err = p.Fetch(ctx, referenced("/db:3"))
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
