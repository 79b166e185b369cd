package awsapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// An answering source answers the first request with one answer, and all others with
// another.
type answering struct {
	first, rest []byte
	calls       int
}

func (s *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.calls++; s.calls == 1 {
		return answers.Parse(s.first, r)
	}
	return answers.Parse(s.rest, r)
}

// A loginOf gets the credentials of one login from what a source answers.
type loginOf struct {
	conn  *Conn
	chain []aws.CredentialSource
	from  *answering
}

// loggingIn configures a login of awstest.Logins once, so that each answer costs
// one login and nothing else.
func loggingIn(t testing.TB, name string) *loginOf {
	login := awstest.Logins[name]
	login.Set(t, "https://login.example.test")
	if name == "the container's endpoint" || name == "instance metadata" {
		login.Set(t, "http://127.0.0.1:1")
	}
	o, err := ParseOptions(login.Options)
	require.NoError(t, err)
	l := &loginOf{from: &answering{}, conn: &Conn{options: o, hide: newHidden(), Region: "eu-west-1"}}
	cfg, err := o.load(t.Context(), l.conn.hide, &sender{options: o, instead: l.from})
	require.NoError(t, err)
	l.chain = sources(cfg.Credentials)
	l.conn.Credentials = &marked{cfg.Credentials, l.conn.hide}
	return l
}

// get gets credentials, and returns the error as a provider does.
func (l *loginOf) get(ctx context.Context, first, rest []byte) error {
	*l.from = answering{first: first, rest: rest}
	l.conn.Credentials.(*marked).CredentialsProvider.(*aws.CredentialsCache).Invalidate()
	if _, err := l.conn.Credentials.Retrieve(ctx); err != nil {
		return l.conn.options.credentialsFailed(err, l.chain, l.conn)
	}
	return nil
}

// fuzzLogin lets answers be anything. The pauses between the SDK's tries take no
// time.
func fuzzLogin(f *testing.F, name string, seeds ...[]byte) {
	seeds = append(seeds,
		answers.HTTP(302, "", "Location: http://user:x@127.0.0.1:1/%zz"),
		answers.HTTP(200, ""), answers.HTTP(204, ""), answers.HTTP(429, "slow down", "Retry-After: 1"), answers.HTTP(503, "<html>"),
		answers.HTTP(400, `{"code":"Throttling","message":"x"}`, "X-Amzn-ErrorType: Throttling"),
		answers.HTTP(200, strings.Repeat("[", 20_000)), answers.HTTP(200, strings.Repeat("<a>", 20_000)),
		[]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"Acc\r\n"), nil)
	for _, seed := range seeds {
		f.Add(seed, seeds[0])
		f.Add(seeds[0], seed)
		f.Add(seed, seed)
	}
	l := loggingIn(f, name)
	f.Fuzz(func(t *testing.T, first, rest []byte) {
		synctest.Test(t, func(t *testing.T) {
			answers.Within(t, len(first)+len(rest), func(ctx context.Context) { answers.Check(t, l.get(ctx, first, rest)) })
		})
	})
}

// stsAnswer is what STS answers to an action.
func stsAnswer(action, credentials string) []byte {
	return answers.HTTP(200, fmt.Sprintf(`<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials>%[2]s</Credentials></%[1]sResult></%[1]sResponse>`, action, credentials))
}

const (
	keysInXML   = `<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>`
	failedInXML = `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>User: x is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>`
	keysInJSON  = `{"Code":"Success","AccessKeyId":"ASIA","SecretAccessKey":"x","Token":"y","Expiration":"2999-01-01T00:00:00Z","LastUpdated":"2020-01-01T00:00:00Z"}`
)

func FuzzAnswerOfSTS(f *testing.F) {
	fuzzLogin(f, "STS for ?role=",
		stsAnswer("AssumeRole", keysInXML), stsAnswer("AssumeRole", ""), stsAnswer("AssumeRole", strings.Replace(keysInXML, "2999", "0000", 1)),
		answers.HTTP(403, fmt.Sprintf(failedInXML, "AccessDenied")), answers.HTTP(400, fmt.Sprintf(failedInXML, "ExpiredToken")))
}

func FuzzAnswerOfSTSToAWebIdentity(f *testing.F) {
	fuzzLogin(f, "STS for a web identity",
		stsAnswer("AssumeRoleWithWebIdentity", keysInXML), stsAnswer("AssumeRole", keysInXML),
		answers.HTTP(400, fmt.Sprintf(failedInXML, "IDPCommunicationError")), answers.HTTP(400, fmt.Sprintf(failedInXML, "InvalidIdentityToken")))
}

func FuzzAnswerOfTheSSOPortal(f *testing.F) {
	fuzzLogin(f, "the SSO portal",
		answers.HTTP(200, `{"roleCredentials":{"accessKeyId":"ASIA","secretAccessKey":"x","sessionToken":"y","expiration":32472144000000}}`),
		answers.HTTP(200, `{"roleCredentials":{"expiration":-1}}`), answers.HTTP(200, `{"roleCredentials":{"expiration":9223372036854775807}}`), answers.HTTP(200, `{}`),
		answers.HTTP(403, `{"message":"No access"}`, "X-Amzn-ErrorType: ForbiddenException"), answers.HTTP(401, `{"message":"expired"}`, "X-Amzn-ErrorType: UnauthorizedException"))
}

func FuzzAnswerOfAContainersEndpoint(f *testing.F) {
	fuzzLogin(f, "the container's endpoint",
		answers.HTTP(200, keysInJSON), answers.HTTP(200, `{"Expiration":"x"}`), answers.HTTP(200, `{}`),
		answers.HTTP(400, `{"code":"InvalidAuthToken","message":"x"}`), answers.HTTP(500, `{"code":1}`))
}

func FuzzAnswerOfInstanceMetadata(f *testing.F) {
	fuzzLogin(f, "instance metadata",
		answers.HTTP(200, keysInJSON, "X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600"), answers.HTTP(200, "role", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600"),
		answers.HTTP(200, "role\nother\n"), answers.HTTP(200, `{"Code":"Failed","Message":"x"}`), answers.HTTP(401, ""), answers.HTTP(403, ""), answers.HTTP(404, ""))
}

// A source that is none of Amazon's may answer anything, and what a provider
// makes of it has one class.
func TestAnAnswerWithoutCredentialsIsAnError(t *testing.T) {
	for name := range awstest.Logins {
		l := loggingIn(t, name)
		err := l.get(t.Context(), answers.HTTP(200, "{}"), answers.HTTP(200, "{}"))
		require.Error(t, err, name)
		require.NotErrorIs(t, err, secrets.ErrInvalid, name)
		answers.Check(t, err)
	}
}

// BenchmarkLogin reads answers of 1, 10 and 100 kB: the time is linear in their
// length.
func BenchmarkLogin(b *testing.B) {
	for name := range awstest.Logins {
		for _, n := range []int{1e3, 1e4, 1e5} {
			b.Run(fmt.Sprintf("%s/%dkB", name, n/1000), func(b *testing.B) {
				l := loggingIn(b, name)
				answer := answers.HTTP(403, `{"code":"AccessDenied","message":"`+strings.Repeat("a.b string to sig /=", n/20)+`"}`, "X-Amzn-ErrorType: AccessDenied")
				b.SetBytes(int64(len(answer)))
				for b.Loop() {
					_ = l.get(b.Context(), answer, answer)
				}
			})
		}
	}
}
