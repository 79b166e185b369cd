package awssm

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

var classes = []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrInvalid}

func TestEachFailureHasOneClass(t *testing.T) {
	t.Parallel()
	const html = "<html><body>canary-9f3a</body></html>"
	for name, c := range map[string]struct {
		reply      awstest.Reply
		class      error
		permission string
	}{
		"missing":                       {awstest.Fail(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret."), secrets.ErrNotFound, ""},
		"no value yet":                  {awstest.Fail(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"), secrets.ErrNotFound, ""},
		"scheduled deletion":            {awstest.Fail(400, "InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion."), secrets.ErrNotFound, ""},
		"another request out of place":  {awstest.Fail(400, "InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId."), secrets.ErrInvalid, ""},
		"access denied":                 {awstest.Fail(400, "AccessDeniedException", "User: arn:aws:iam::123456789012:user/app is not authorized to perform: secretsmanager:GetSecretValue on resource: db because no identity-based policy allows it"), secrets.ErrPermission, "secretsmanager:GetSecretValue"},
		"KMS denied":                    {awstest.Fail(400, "AccessDeniedException", "Access to KMS is not allowed"), secrets.ErrPermission, "kms:Decrypt"},
		"KMS denied, named":             {awstest.Fail(400, "AccessDeniedException", "User: x is not authorized to perform: kms:Decrypt on the resource"), secrets.ErrPermission, "kms:Decrypt"},
		"decryption failure":            {awstest.Fail(400, "DecryptionFailure", "Secrets Manager can't decrypt the protected secret text."), secrets.ErrPermission, "kms:Decrypt"},
		"throttled":                     {awstest.Fail(400, "ThrottlingException", "Rate exceeded"), secrets.ErrThrottled, ""},
		"throttled, other code":         {awstest.Fail(400, "RequestLimitExceeded", ""), secrets.ErrThrottled, ""},
		"expired token":                 {awstest.Fail(400, "ExpiredTokenException", "The security token included in the request is expired"), secrets.ErrUnauthenticated, ""},
		"unknown key":                   {awstest.Fail(400, "UnrecognizedClientException", "The security token included in the request is invalid."), secrets.ErrUnauthenticated, ""},
		"bad signature":                 {awstest.Fail(400, "InvalidSignatureException", ""), secrets.ErrUnauthenticated, ""},
		"signature mismatch":            {awstest.Fail(403, "SignatureDoesNotMatch", ""), secrets.ErrUnauthenticated, ""},
		"incomplete signature":          {awstest.Fail(400, "IncompleteSignature", ""), secrets.ErrUnauthenticated, ""},
		"no such key":                   {awstest.Fail(403, "InvalidClientTokenId", ""), secrets.ErrUnauthenticated, ""},
		"internal":                      {awstest.Fail(500, "InternalServiceError", ""), secrets.ErrUnavailable, ""},
		"a code that nobody knows":      {awstest.Fail(400, "TeapotException", ""), secrets.ErrUnavailable, ""},
		"validation":                    {awstest.Fail(400, "ValidationException", "1 validation error detected"), secrets.ErrInvalid, ""},
		"HTML 403":                      {awstest.Reply{Status: 403, Body: html, Type: "text/html"}, secrets.ErrPermission, "secretsmanager:GetSecretValue"},
		"HTML 503":                      {awstest.Reply{Status: 503, Body: html, Type: "text/html"}, secrets.ErrUnavailable, ""},
		"HTML 429":                      {awstest.Reply{Status: 429, Body: html, Type: "text/html"}, secrets.ErrThrottled, ""},
		"HTML 404, of a proxy":          {awstest.Reply{Status: 404, Body: html, Type: "text/html"}, secrets.ErrUnavailable, ""},
		"HTML 200, of a captive portal": {awstest.Reply{Status: 200, Body: html, Type: "text/html"}, secrets.ErrUnavailable, ""},
		"a redirect":                    {awstest.Reply{Status: 302, Body: html, Header: map[string]string{"Location": "http://127.0.0.1:1/"}}, secrets.ErrUnavailable, ""},
		"truncated":                     {awstest.Reply{Body: `{"Name":"db","SecretString":"canary-9f3a`}, secrets.ErrUnavailable, ""},
		"a string instead of an object": {awstest.Reply{Body: `"canary-9f3a"`}, secrets.ErrUnavailable, ""},
		"a list instead of a string":    {awstest.Reply{Body: `{"SecretString":["canary-9f3a"]}`}, secrets.ErrUnavailable, ""},
		"connection closed":             {awstest.Reply{Drop: true}, secrets.ErrUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := fetch(t, over(t, answer(t, c.reply)), referenced("db"))
			for _, class := range classes {
				assert.Equal(t, class == c.class, errors.Is(err, class), "%v: %v", class, err)
			}
			var permission interface{ Permission() string }
			require.ErrorAs(t, err, &permission)
			assert.Equal(t, c.permission, permission.Permission())
			awstest.NoCanary(t, err, "canary-9f3a")
		})
	}
}

func TestARefusedConnectionIsUnavailableAndNamesTheAddress(t *testing.T) {
	t.Parallel()
	url := awstest.Unused(t)
	_, err := fetch(t, over(t, &awstest.Server{URL: url}), referenced("db"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.Contains(t, err.Error(), url[len("http://"):])
}

func TestAHostThatNoNameServerKnowsAsksForTheRegion(t *testing.T) {
	t.Parallel()
	_, err := fetch(t, over(t, &awstest.Server{URL: "http://secretsmanager.eu-wst-1.invalid"}), referenced("db"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.Contains(t, err.Error(), "no connection: dial tcp: lookup secretsmanager.eu-wst-1.invalid")
	assert.Contains(t, err.Error(), `is "eu-west-1" a region`)
	assert.NotContains(t, err.Error(), "StatusCode", "the layers of the SDK say nothing to a reader")
}

func TestTheSDKsErrorStaysWithinReach(t *testing.T) {
	t.Parallel()
	_, err := fetch(t, over(t, answer(t, awstest.Fail(400, "ResourceNotFoundException", "no such"))), referenced("db"))
	var typed *types.ResourceNotFoundException
	require.ErrorAs(t, err, &typed)
	var operation *smithy.OperationError
	require.ErrorAs(t, err, &operation)
	assert.Equal(t, "GetSecretValue", operation.Operation())
}

func TestAnErrorSaysWhatWasAskedWhereAndWhatToAllow(t *testing.T) {
	t.Parallel()
	_, err := fetch(t, over(t, answer(t, awstest.Fail(400, "AccessDeniedException", "not\nallowed"))), referenced("prod/db"))
	for _, part := range []string{"Secrets Manager in eu-west-1", `"prod/db"`, "AccessDeniedException: not allowed", "allow secretsmanager:GetSecretValue", "request 00000000"} {
		assert.Contains(t, err.Error(), part)
	}
	assert.NotContains(t, err.Error(), "\n")
}

func TestRetryAfterIsHandedOn(t *testing.T) {
	t.Parallel()
	reply := awstest.Fail(429, "ThrottlingException", "Rate exceeded")
	reply.Header = map[string]string{"Retry-After": "7"}
	_, err := fetch(t, over(t, answer(t, reply)), referenced("db"))
	var after interface{ RetryAfter() time.Duration }
	require.ErrorAs(t, err, &after)
	assert.Equal(t, 7*time.Second, after.RetryAfter())
}

func TestAValidationErrorIsUnspellableUnlessAVersionWasAskedFor(t *testing.T) {
	t.Parallel()
	p := over(t, answer(t, awstest.Fail(400, "ValidationException", "bad")))
	var u interface{ Unspellable() bool }
	_, err := fetch(t, p, referenced("db"))
	require.ErrorAs(t, err, &u)
	assert.True(t, u.Unspellable())
	_, err = fetch(t, p, referenced("db", "version", awstest.SecretVersion))
	require.ErrorAs(t, err, &u)
	assert.False(t, u.Unspellable())
}

func TestAnAnswerThatBreaksOffIsNoForeignAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more func(http.ResponseWriter, *http.Request) // after half of the body
		says string
	}{
		"the connection ends":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the answer broke off"},
		"the rest does not come": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Length", "1000")
				_, _ = io.WriteString(w, `{"Name":"db","SecretString":"canary-9f3a`)
				_ = http.NewResponseController(w).Flush()
				c.more(w, r)
			}))
			t.Cleanup(server.Close)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := over(t, &awstest.Server{URL: server.URL}).Fetch(ctx, referenced("db"))
			require.ErrorIs(t, err, secrets.ErrUnavailable)
			assert.ErrorContains(t, err, c.says)
			assert.NotContains(t, err.Error(), "captive portal")
			awstest.NoCanary(t, err, "canary-9f3a")
		})
	}
}
