package ssm

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

func TestEachFailureHasOneClass(t *testing.T) {
	t.Parallel()
	classes := []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrInvalid}
	const html = "<html><body>canary-9f3a</body></html>"
	for name, c := range map[string]struct {
		reply      awstest.Reply
		class      error
		permission string
	}{
		"missing":                       {awstest.Fail(400, "ParameterNotFound", ""), secrets.ErrNotFound, ""},
		"missing version":               {awstest.Fail(400, "ParameterVersionNotFound", "Systems Manager could not find version 9 of /db."), secrets.ErrNotFound, ""},
		"access denied":                 {awstest.Fail(400, "AccessDeniedException", "User: x is not authorized to perform: ssm:GetParameter on resource: y"), secrets.ErrPermission, "ssm:GetParameter"},
		"KMS denied":                    {awstest.Fail(400, "AccessDeniedException", "The ciphertext refers to a customer master key that you cannot access (Service: AWSKMS)"), secrets.ErrPermission, "kms:Decrypt"},
		"key disabled":                  {awstest.Fail(400, "InvalidKeyId", "The query key ID is not valid."), secrets.ErrPermission, "kms:Decrypt"},
		"throttled":                     {awstest.Fail(400, "ThrottlingException", "Rate exceeded"), secrets.ErrThrottled, ""},
		"expired token":                 {awstest.Fail(400, "ExpiredTokenException", ""), secrets.ErrUnauthenticated, ""},
		"internal":                      {awstest.Fail(500, "InternalServerError", ""), secrets.ErrUnavailable, ""},
		"validation":                    {awstest.Fail(400, "ValidationException", "Parameter name must be a fully qualified name."), secrets.ErrInvalid, ""},
		"HTML 403":                      {awstest.Reply{Status: 403, Body: html}, secrets.ErrPermission, "ssm:GetParameter"},
		"HTML 503":                      {awstest.Reply{Status: 503, Body: html}, secrets.ErrUnavailable, ""},
		"HTML 200, of a captive portal": {awstest.Reply{Status: 200, Body: html}, secrets.ErrUnavailable, ""},
		"an empty answer":               {awstest.Reply{Body: "{}"}, secrets.ErrUnavailable, ""},
		"truncated":                     {awstest.Reply{Body: `{"Parameter":{"Value":"canary-9f3a`}, secrets.ErrUnavailable, ""},
		"a list instead of a string":    {awstest.Reply{Body: `{"Parameter":{"Value":["canary-9f3a"]}}`}, secrets.ErrUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := fetch(t, over(t, answer(t, c.reply)), referenced("/db"))
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

func TestTheSDKsErrorStaysWithinReach(t *testing.T) {
	t.Parallel()
	_, err := fetch(t, over(t, answer(t, awstest.Fail(400, "ParameterNotFound", ""))), referenced("/db"))
	var typed *types.ParameterNotFound
	require.ErrorAs(t, err, &typed)
}

func TestAHungServerIsGivenUpWhenTheTimeIsUp(t *testing.T) {
	t.Parallel()
	s := answer(t, awstest.Reply{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	_, err := over(t, s).Fetch(ctx, referenced("/db"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.Equal(t, []string{single, single}, s.Calls())
}

func TestARefusedConnectionIsUnavailable(t *testing.T) {
	t.Parallel()
	_, err := fetch(t, over(t, &awstest.Server{URL: awstest.Unused(t)}), referenced("/db"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
}

func TestWithoutCredentialsTheErrorSaysWhatWasTried(t *testing.T) {
	awstest.Environment(t, "AWS_REGION=eu-west-1")
	start := time.Now()
	_, err := fetch(t, fromURI(t, nil), referenced("/db"))
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	assert.Contains(t, err.Error(), "environment unset, profile default absent")
	assert.Less(t, time.Since(start), 2*time.Second)
}

func TestWithoutARegionTheErrorSaysWhereToSetIt(t *testing.T) {
	awstest.Environment(t, awstest.Keys[0], awstest.Keys[1])
	_, err := fetch(t, fromURI(t, nil), referenced("/db"))
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.Contains(t, err.Error(), "no AWS region")
}
