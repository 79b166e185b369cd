package awssm

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// readBy reads a secret within a time, as what the environment says and the
// login's options open.
func readBy(t *testing.T, l awstest.Login, patience time.Duration) error {
	t.Helper()
	s := awstest.NewServer(t, awstest.SecretsManager{"db": "a value"}.Handle)
	options := map[string]string{"endpoint": s.URL}
	maps.Copy(options, l.Options)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := fromURI(t, options).Fetch(ctx, referenced("db"))
	return err
}

// requireClass checks that an error has one class, and what it says.
func requireClass(t *testing.T, err, class error, says ...string) {
	t.Helper()
	require.Error(t, err)
	t.Log(err)
	for _, other := range classes {
		assert.Equal(t, other == class, errors.Is(err, other), "%v: %v", other, err)
	}
	for _, part := range says {
		assert.Contains(t, err.Error(), part)
	}
	assert.NotContains(t, err.Error(), "\n")
}

func TestASourceThatIsWellGivesCredentials(t *testing.T) {
	for name, f := range awstest.Logins {
		t.Run(name, func(t *testing.T) {
			f.Set(t, awstest.NewSource(t, awstest.Trouble{}).URL)
			require.NoError(t, readBy(t, f, 5*time.Second))
		})
	}
}

func TestTheFailureOfASourceHasTheClassOfItsCause(t *testing.T) {
	for name, f := range awstest.Logins {
		t.Run(name, func(t *testing.T) {
			far := time.Now().Add(time.Hour)
			f.Set(t, awstest.NewSource(t, awstest.Trouble{Until: far, Status: http.StatusServiceUnavailable}).URL)
			err := readBy(t, f, 5*time.Second)
			requireClass(t, err, secrets.ErrUnavailable)
			assert.NotContains(t, err.Error(), "aws sso login", "logging in again mends nothing")
			assert.NotContains(t, err.Error(), "trust policy")
			if name != "instance metadata" {
				f.Set(t, awstest.NewSource(t, awstest.Trouble{Until: far, Status: http.StatusBadRequest}).URL)
				requireClass(t, readBy(t, f, 5*time.Second), secrets.ErrThrottled, "Throttling")
				f.Set(t, awstest.Unused(t))
				requireClass(t, readBy(t, f, 5*time.Second), secrets.ErrUnavailable, "connection refused")
			}
			f.Set(t, awstest.Answering(t, http.StatusTooManyRequests, "slow down"))
			requireClass(t, readBy(t, f, 5*time.Second), secrets.ErrThrottled)
			f.Set(t, awstest.Answering(t, http.StatusForbidden, "no"))
			requireClass(t, readBy(t, f, 5*time.Second), secrets.ErrUnauthenticated)
		})
	}
}

func TestASlowSourceIsWaitedFor(t *testing.T) {
	for name, f := range awstest.Logins {
		t.Run(name, func(t *testing.T) {
			// Three of these are more than what a machine's metadata has to be found.
			f.Set(t, awstest.NewSource(t, awstest.Trouble{Slow: 900 * time.Millisecond}).URL)
			require.NoError(t, readBy(t, f, 8*time.Second))
			f.Set(t, awstest.NewSource(t, awstest.Trouble{Slow: time.Minute}).URL)
			start := time.Now()
			requireClass(t, readBy(t, f, 400*time.Millisecond), secrets.ErrUnavailable, "in time")
			assert.Less(t, time.Since(start), 2*time.Second)
		})
	}
}

func TestInstanceMetadataThatStartsASecondLateIsFound(t *testing.T) {
	f := awstest.Logins["instance metadata"]
	f.Set(t, awstest.NewSource(t, awstest.Trouble{Late: time.Second}).URL)
	require.NoError(t, readBy(t, f, 5*time.Second))
}

func TestACredentialProcessHasTheTimeOfTheRead(t *testing.T) {
	awstest.Environment(t, "AWS_REGION=eu-west-1", "AWS_PROFILE=dev")
	awstest.Write(t, os.Getenv("AWS_CONFIG_FILE"), "[profile dev]\ncredential_process = sleep 2.5; echo '{\"Version\":1,\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"x\"}'\n")
	require.NoError(t, readBy(t, awstest.Login{}, 9*time.Second))
}

func TestInstanceMetadataThatRefusesIsNotUnreachable(t *testing.T) {
	f := awstest.Logins["instance metadata"]
	f.Set(t, awstest.Answering(t, http.StatusNotFound, ""))
	err := readBy(t, f, 5*time.Second)
	requireClass(t, err, secrets.ErrUnauthenticated, "instance metadata has no role for this machine", "instance profile")
	assert.NotContains(t, err.Error(), "unreachable")

	// In a container, the answer to the request for a token ends a hop before.
	mux := http.NewServeMux()
	mux.HandleFunc("/latest/api/token", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	f.Set(t, awstest.Serving(t, mux))
	err = readBy(t, f, 2*time.Second)
	requireClass(t, err, secrets.ErrUnauthenticated, "hop limit", "--http-put-response-hop-limit 2")
	assert.NotContains(t, err.Error(), "unreachable")
}

func TestWhatSpeaksPlainTextIsNotTakenForAProxy(t *testing.T) {
	agent := awstest.Logins["the container's endpoint"]
	for status, c := range map[int]struct {
		code  string
		class error
	}{
		404: {"ResourceNotFoundException", secrets.ErrUnauthenticated},
		429: {"ThrottlingException", secrets.ErrThrottled},
		503: {"ServiceUnavailableException", secrets.ErrUnavailable},
	} {
		agent.Set(t, awstest.Answering(t, status, "[an-id]: ("+c.code+"): a-secret-perhaps"))
		err := readBy(t, agent, 5*time.Second)
		requireClass(t, err, c.class, "the container's endpoint http://127.0.0.1:", "status "+strconv.Itoa(status)+", "+c.code)
		assert.NotContains(t, err.Error(), "proxy")
		assert.NotContains(t, err.Error(), "a-secret-perhaps", "anything may answer there")
	}
	metadata := awstest.Logins["instance metadata"]
	metadata.Set(t, awstest.Answering(t, 503, "a-secret-perhaps"))
	err := readBy(t, metadata, 5*time.Second)
	requireClass(t, err, secrets.ErrUnavailable, "instance metadata: status 503")
	assert.NotContains(t, err.Error(), "proxy")
	assert.NotContains(t, err.Error(), "a-secret-perhaps")
}

func TestARefusedWebIdentityDoesNotBlameTheRole(t *testing.T) {
	f := awstest.Logins["STS for a web identity"]
	f.Set(t, awstest.Answering(t, http.StatusForbidden, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>`))
	f.Options = map[string]string{"role": "arn:aws:iam::123456789012:role/second"}
	err := readBy(t, f, 5*time.Second)
	requireClass(t, err, secrets.ErrUnauthenticated, "the web identity token", awstest.Role, "AccessDenied")
	assert.NotContains(t, err.Error(), "role/second")
}

func TestAWebIdentityThatSTSCannotVerifyNowIsNotRefused(t *testing.T) {
	f := awstest.Logins["STS for a web identity"]
	f.Set(t, awstest.Answering(t, http.StatusBadRequest, `<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements</Message></Error></ErrorResponse>`))
	err := readBy(t, f, 5*time.Second)
	requireClass(t, err, secrets.ErrUnavailable, "STS, for the web identity token", "retrieve verification key")
	assert.NotContains(t, err.Error(), "trust policy")
}

func TestAProfileThatWantsACodeSaysSo(t *testing.T) {
	awstest.Environment(t, "AWS_REGION=eu-west-1", "AWS_PROFILE=dev")
	awstest.Write(t, os.Getenv("AWS_CONFIG_FILE"), "[profile dev]\nrole_arn = "+awstest.Role+"\nmfa_serial = arn:aws:iam::123456789012:mfa/x\nsource_profile = base\n[profile base]\naws_access_key_id = AKID\naws_secret_access_key = x\n")
	requireClass(t, readBy(t, awstest.Login{}, 5*time.Second), secrets.ErrUnauthenticated, "mfa_serial", "profile dev")
}

func TestWhatIsWrongBeforeAnythingIsSentIsInvalid(t *testing.T) {
	for _, region := range []string{"eu-west-1\n", " eu-west-1", "eu west 1", "eu-west-1/x", "$REGION"} {
		awstest.Environment(t, append(awstest.Keys, "AWS_REGION="+region)...)
		requireClass(t, readBy(t, awstest.Login{}, 5*time.Second), secrets.ErrInvalid, "AWS_REGION")
		_, err := open(t.Context(), secrets.Ref{Scheme: "awssm", Options: map[string]string{"region": region}})
		requireClass(t, err, secrets.ErrInvalid, "option region")
	}
	awstest.Environment(t, awstest.Keys...)
	client := clientOf(&awstest.Server{URL: "http://127.0.0.1:1"}, func(o *secretsmanager.Options) { o.Region = "eu west 1"; o.BaseEndpoint = nil })
	_, err := fetch(t, New(client), referenced("db"))
	requireClass(t, err, secrets.ErrInvalid)
	none := clientOf(&awstest.Server{}, func(o *secretsmanager.Options) { o.Region = "" })
	_, err = fetch(t, New(none), referenced("db"))
	requireClass(t, err, secrets.ErrInvalid, "the client", "Region")
	assert.NotContains(t, err.Error(), "?region=")
}

func TestRenewedKeysAreUsedByTheReadThatFindsTheOldOnesRefused(t *testing.T) {
	m := awstest.SecretsManager{"db": "a value", "a": "1", "b": "2", "c": "3"}
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		if r.KeyID == "AKIDOLD" {
			return awstest.Fail(400, "ExpiredTokenException", "The security token included in the request is expired")
		}
		return m.Handle(r)
	})
	for name, read := range map[string]func(p *Provider) error{
		"a read": func(p *Provider) error { _, err := fetch(t, p, referenced("db")); return err },
		"a batch": func(p *Provider) error {
			for _, r := range p.FetchBatch(t.Context(), references("a", "b", "c")) {
				if r.Err != nil {
					return r.Err
				}
			}
			return nil
		},
		"a list": func(p *Provider) error {
			for _, err := range p.List(t.Context(), "") {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			awstest.Environment(t, "AWS_REGION=eu-west-1")
			file := os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
			awstest.Write(t, file, "[default]\naws_access_key_id = AKIDOLD\naws_secret_access_key = x\n")
			p := fromURI(t, map[string]string{"endpoint": s.URL})
			s.Reset()
			requireClass(t, read(p), secrets.ErrUnauthenticated, "ExpiredTokenException")
			assert.Len(t, s.Calls(), 1, "the same keys are not sent twice")
			awstest.Write(t, file, "[default]\naws_access_key_id = AKIDNEW\naws_secret_access_key = x\n")
			require.NoError(t, read(p))
		})
	}
}

func TestAnARNWithoutItsSuffixIsToldWhatItLacks(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"ResourceNotFoundException", "AccessDeniedException"} {
		p := over(t, answer(t, awstest.Fail(400, code, "no")))
		_, err := fetch(t, p, referenced("arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db"))
		assert.ErrorContains(t, err, "six characters")
		_, err = fetch(t, p, referenced("arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"))
		assert.NotContains(t, err.Error(), "six characters")
		_, err = fetch(t, p, referenced("prod/db"))
		assert.NotContains(t, err.Error(), "six characters")
	}
}

func TestAnEndpointWithoutBatchesIsReadSingly(t *testing.T) {
	t.Parallel()
	m, refs := store(5)
	for name, reply := range map[string]awstest.Reply{
		"501 with a code":  awstest.Fail(501, "InternalFailure", "API action 'BatchGetSecretValue' for service 'secretsmanager' not yet implemented"),
		"500 with a code":  awstest.Fail(500, "InternalFailure", "The batch_get_secret_value action has not been implemented"),
		"501 as text":      {Status: 501, Body: "not implemented", Type: "text/plain"},
		"400":              awstest.Fail(400, "UnknownOperationException", ""),
		"404 without code": {Status: 404, Body: "not found", Type: "text/plain"},
	} {
		s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
			if r.Operation == batched {
				return reply
			}
			return m.Handle(r)
		})
		p := over(t, s)
		requireAll(t, refs, p.FetchBatch(t.Context(), refs))
		s.Reset()
		requireAll(t, refs, p.FetchBatch(t.Context(), refs))
		assert.Zero(t, count(s.Calls(), batched), "%s: it is not tried again", name)
	}
}

func TestAClientThatPanicsInABatchPanicsWhereItMayBeRecovered(t *testing.T) {
	t.Parallel()
	p := New(clientOf(&awstest.Server{URL: "http://127.0.0.1:1"}, func(o *secretsmanager.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider("AKID", "x", "")
		o.HTTPClient = aws.HTTPClient(panics{})
	}))
	assert.Panics(t, func() { p.FetchBatch(t.Context(), references(awstest.Names("s", 50)...)) })
}

type panics struct{}

func (panics) Do(*http.Request) (*http.Response, error) { panic("a client of one's own") }
