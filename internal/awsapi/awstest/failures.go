package awstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
)

// A Provider is what both backends give.
type Provider interface {
	secrets.BatchProvider
	secrets.ListProvider
	io.Closer
}

// Doer is what a client of the SDK sends with.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Makers make a provider.
type Makers struct {
	Scheme string
	Open   func(options map[string]string) (secrets.Provider, error)
	New    func(url string, credentials aws.CredentialsProvider, client Doer) secrets.Provider // over a client of the user's own; nil: the SDK's
}

// walk reads in every way, and checks that each failure has one class. It
// returns the classes that were met.
func (m Makers) walk(t *testing.T, what string, p secrets.Provider, opened error, patience time.Duration) map[error]bool {
	t.Helper()
	met := make(map[error]bool)
	see := func(way string, err error) {
		if err == nil || errors.Is(err, errors.ErrUnsupported) {
			return
		}
		answers.Check(t, err)
		for _, class := range []error{
			secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrInvalid, secrets.ErrClosed,
		} {
			met[class] = met[class] || errors.Is(err, class)
		}
		if t.Failed() {
			t.Fatalf("%s, %s", what, way)
		}
	}
	if opened != nil {
		see("opening", opened)
		return met
	}
	ref := func(path string) secrets.Ref { return secrets.Ref{Scheme: m.Scheme, Path: path} }
	within := func(f func(context.Context)) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		f(ctx)
	}
	within(func(ctx context.Context) { _, err := p.Fetch(ctx, ref("db")); see("a read", err) })
	within(func(ctx context.Context) {
		for _, r := range p.(Provider).FetchBatch(ctx, []secrets.Ref{ref("a"), ref("b/c"), ref("d"), ref("not one"), ref("arn:aws:x")}) {
			see("a batch", r.Err)
		}
	})
	within(func(ctx context.Context) {
		for _, err := range p.(Provider).List(ctx, "") {
			see("a list", err)
		}
	})
	require.NoError(t, p.(Provider).Close())
	within(func(ctx context.Context) { _, err := p.Fetch(ctx, ref("db")); see("a read after Close", err) })
	return met
}

// OneClass provokes every failure that can be, and checks that each has exactly
// one of the seven classes, and which are met.
func OneClass(t *testing.T, m Makers) {
	all := make(map[error]bool)
	add := func(met map[error]bool) {
		for class, is := range met {
			all[class] = all[class] || is
		}
	}
	open := func(what string, patience time.Duration, options map[string]string) {
		p, err := m.Open(options)
		met := m.walk(t, what, p, err, patience)
		require.NotEmpty(t, met, "%s is no failure", what)
		add(met)
	}
	for what, reply := range serviceFailures() {
		Environment(t, Keys...)
		open(what, 700*time.Millisecond, map[string]string{"endpoint": NewServer(t, func(Request) Reply { return reply }).URL})
	}
	for name, l := range Logins {
		for what, set := range loginFailures(t) {
			l.Set(t, "http://127.0.0.1:1")
			set(l)
			options := map[string]string{"endpoint": "http://127.0.0.1:1"}
			for k, v := range l.Options {
				options[k] = v
			}
			open(name+", "+what, 250*time.Millisecond, options)
		}
	}
	for what, set := range settings(t) {
		Environment(t, append(append([]string{}, Keys...), set...)...)
		open(what, 300*time.Millisecond, map[string]string{"endpoint": "http://127.0.0.1:1"})
	}
	for what, config := range profiles(t) {
		Environment(t, "AWS_REGION=eu-west-1", "AWS_PROFILE=dev")
		Write(t, os.Getenv("AWS_CONFIG_FILE"), config)
		open("a profile: "+what, 300*time.Millisecond, map[string]string{"endpoint": "http://127.0.0.1:1"})
	}
	for what, err := range foreignFailures() {
		add(m.walk(t, "credentials of one's own: "+what, m.New("http://127.0.0.1:1", aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{}, err
		}), nil), nil, time.Second))
		keys := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "x"}, nil
		})
		add(m.walk(t, "a client of one's own: "+what, m.New("http://127.0.0.1:1", keys, failing{err}), nil, time.Second))
	}
	for _, class := range []error{
		secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrInvalid, secrets.ErrClosed,
	} {
		require.True(t, all[class], "no failure is %v", class)
	}
}

type failing struct{ err error }

func (f failing) Do(*http.Request) (*http.Response, error) { return nil, f.err }

// foreignFailures are those of what a user hands in, which may itself be made
// with package secrets.
func foreignFailures() map[string]error {
	failures := map[string]error{
		"plain": errors.New("no"), "late": context.DeadlineExceeded, "canceled": context.Canceled, "an end": io.ErrUnexpectedEOF,
		"several": errors.Join(secrets.ErrInvalid, secrets.ErrThrottled, os.ErrNotExist),
	}
	for _, class := range []error{
		secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrInvalid, secrets.ErrClosed,
	} {
		failures["of class "+class.Error()] = fmt.Errorf("the key of AWS: %w", &secrets.Error{Op: "get", Name: "aws/key", Err: class})
	}
	return failures
}

// serviceFailures are what a service, or something in its place, answers.
func serviceFailures() map[string]Reply {
	replies := map[string]Reply{
		"nothing": {Drop: true}, "no answer": {Hang: true}, "no JSON": {Body: "<html>"}, "no object": {Body: "[]"}, "an empty object": {Body: "{}"},
		"a redirect": {Status: 302, Header: map[string]string{"Location": "http://user:x@127.0.0.1:1/%zz"}}, // #nosec G101 -- made up, for a test that it is not printed
		"packed":     {Body: "{}", Header: map[string]string{"Content-Encoding": "br"}}, "large": {Body: strings.Repeat("x", 5<<20)},
		"a token that leads nowhere": OK(map[string]any{"NextToken": "again"}),
	}
	for _, status := range []int{400, 401, 403, 404, 408, 413, 429, 500, 501, 503} {
		replies[fmt.Sprint("status ", status)] = Reply{Status: status, Body: "no"}
		for _, code := range []string{
			"AccessDeniedException", "ResourceNotFoundException", "ParameterNotFound", "ThrottlingException", "ExpiredTokenException", "ValidationException",
			"InvalidRequestException", "DecryptionFailure", "InternalServiceError", "UnknownOperationException", "TeapotException", "a b:c#d",
		} {
			if status == 400 || status == 500 {
				replies[fmt.Sprint(status, " ", code)] = Fail(status, code, "it was marked for deletion")
			}
		}
	}
	return replies
}

// loginFailures are what a source of credentials answers.
func loginFailures(t *testing.T) map[string]func(Login) {
	answering := func(status int, body string, header ...string) func(Login) {
		return func(l Login) { l.Set(t, Answering(t, status, body, header...)) }
	}
	failures := map[string]func(Login){
		"nothing listens": func(l Login) { l.Set(t, Unused(t)) },
		"no answer": func(l Login) {
			l.Set(t, Serving(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that nobody waits
				<-r.Context().Done()
			})))
		},
		"an end": func(l Login) {
			l.Set(t, Serving(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })))
		},
		"plain http":      func(l Login) { l.Set(t, "http://192.0.2.1:1") },
		"an empty object": answering(200, "{}"), "nothing in it": answering(200, ""), "a page": answering(200, "<html><body>sign in</body></html>"),
		"no credentials": answering(200, "<AssumeRoleResponse><AssumeRoleResult></AssumeRoleResult></AssumeRoleResponse>"),
		"empty keys":     answering(200, `{"AccessKeyId":"","roleCredentials":{"accessKeyId":""}}`),
		"a redirect":     answering(302, "", "Location", "http://user:x@127.0.0.1:1/%zz"),
		"too large":      answering(200, strings.Repeat("x", 300<<10)),
	}
	for _, status := range []int{400, 401, 403, 404, 429, 500, 503} {
		failures[fmt.Sprint("status ", status)] = answering(status, "no")
		for _, code := range []string{"AccessDenied", "Throttling", "ExpiredToken", "IDPCommunicationError", "ForbiddenException"} {
			if status == 400 || status == 403 {
				failures[fmt.Sprint(status, " ", code, " in JSON")] = answering(status, `{"code":"`+code+`","message":"no"}`, "X-Amzn-ErrorType", code)
				failures[fmt.Sprint(status, " ", code, " in XML")] = answering(status, `<ErrorResponse><Error><Code>`+code+`</Code><Message>no</Message></Error></ErrorResponse>`)
			}
		}
	}
	return failures
}

// settings are variables that cannot be right.
func settings(t *testing.T) map[string][]string {
	garbage := filepath.Join(t.TempDir(), "garbage")
	Write(t, garbage, "garbage")
	empty := filepath.Join(t.TempDir(), "empty")
	Write(t, empty, "")
	identity := []string{"AWS_ACCESS_KEY_ID=", "AWS_ROLE_ARN=" + Role, "AWS_ENDPOINT_URL_STS=http://127.0.0.1:1"}
	sets := map[string][]string{
		"the service is not there":  nil,
		"a region that is none":     {"AWS_REGION=eu west 1"},
		"no region":                 {"AWS_REGION="},
		"half of the keys":          {"AWS_SECRET_ACCESS_KEY="},
		"a profile that is nowhere": {"AWS_PROFILE=nowhere", "AWS_ACCESS_KEY_ID="},
		"certificates of garbage":   {"AWS_CA_BUNDLE=" + garbage},
		"a malformed configuration": {"AWS_CONFIG_FILE=" + garbage, "AWS_PROFILE=dev"},
		"a mode that is none":       {"AWS_RETRY_MODE=often"},
		"a number that is none":     {"AWS_MAX_ATTEMPTS=many"},
		"an endpoint that is none":  {"AWS_ACCESS_KEY_ID=", "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/"},
		"an address of metadata":    {"AWS_ACCESS_KEY_ID=", "AWS_EC2_METADATA_DISABLED=", "AWS_EC2_METADATA_SERVICE_ENDPOINT=::"},
	}
	for what, name := range map[string]string{"missing": garbage + "-missing", "a directory": filepath.Dir(garbage), "empty": empty, "no name": "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"} {
		sets["certificates: "+what] = []string{"AWS_CA_BUNDLE=" + name}
		sets["a token: "+what] = append([]string{"AWS_WEB_IDENTITY_TOKEN_FILE=" + name}, identity...)
		sets["a container's token: "+what] = []string{"AWS_ACCESS_KEY_ID=", "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:1", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + name}
	}
	if pipe := fifo(t); pipe != "" {
		sets["certificates: a pipe"] = []string{"AWS_CA_BUNDLE=" + pipe}
		sets["a token: a pipe"] = append([]string{"AWS_WEB_IDENTITY_TOKEN_FILE=" + pipe}, identity...)
		sets["a configuration: a pipe"] = []string{"AWS_CONFIG_FILE=" + pipe}
	}
	return sets
}

// profiles are those that give no credentials.
func profiles(t *testing.T) map[string]string {
	pipe := fifo(t)
	return map[string]string{
		"a process that fails":           "[profile dev]\ncredential_process = exit 3\n",
		"a process without output":       "[profile dev]\ncredential_process = true\n",
		"a process without keys":         "[profile dev]\ncredential_process = echo '{\"Version\":1}'\n",
		"a process that is late":         "[profile dev]\ncredential_process = sleep 1\n",
		"a process without an end":       "[profile dev]\ncredential_process = yes\n",
		"a role with a code":             "[profile dev]\nrole_arn = " + Role + "\nmfa_serial = x\nsource_profile = base\n[profile base]\naws_access_key_id = AKID\naws_secret_access_key = x\n",
		"a role of nothing":              "[profile dev]\nrole_arn = " + Role + "\nsource_profile = nowhere\n",
		"a source that is none":          "[profile dev]\nrole_arn = " + Role + "\ncredential_source = Moon\n",
		"a circle":                       "[profile dev]\nrole_arn = " + Role + "\nsource_profile = other\n[profile other]\nrole_arn = " + Role + "\nsource_profile = dev\n",
		"half of an SSO session":         "[profile dev]\nsso_session = corp\n",
		"an SSO session, no login":       SSOProfile,
		"a login session, no login":      "[profile dev]\nlogin_session = arn:aws:iam::123456789012:user/me\n",
		"a token that is missing":        "[profile dev]\nrole_arn = " + Role + "\nweb_identity_token_file = /no/such/token\n",
		"certificates, missing":          "[profile dev]\nca_bundle = /no/such/file.pem\n",
		"certificates, a pipe":           "[profile dev]\nca_bundle = " + pipe + "\n",
		"an endpoint that is none":       "[profile dev]\naws_access_key_id = AKID\naws_secret_access_key = x\nendpoint_url = http://%zz\n",
		"plain http":                     "[profile dev]\naws_access_key_id = AKID\naws_secret_access_key = x\nendpoint_url = http://192.0.2.1\n",
		"a duration that is none":        "[profile dev]\nrole_arn = " + Role + "\nduration_seconds = long\nsource_profile = base\n[profile base]\naws_access_key_id = AKID\naws_secret_access_key = x\n",
		"no section":                     "dev\n",
		"keys that the service dislikes": "[profile dev]\naws_access_key_id = AKID\n",
	}
}
