package faults_test

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
	"github.com/go-secrets/secrets/internal/canary"
)

// A source is what a backend gets its credentials from.
type source struct {
	name string
	// login sets the environment, so that the source is asked at url, and
	// returns the provider's URI.
	login func(t *testing.T, url string) (uri string)
	bare  func(url string) reader // reads with the SDK alone, after login
	// answers gives credentials, and says is how it refuses to.
	answers func(t *testing.T) http.Handler
	says    map[trouble]reply
	steps   int // how many answers it takes, if more than one
	affects func(*http.Request) bool
	// secret is the file of a credential that the source itself judges: a wrong
	// one is refused.
	secret func() string
	// One of names is in the text of every failure; all of mends are in that of
	// a refusal.
	names, mends []string
	// absent: where nobody listens for so long, there is no such source on this
	// machine, and no credentials.
	absent time.Duration
}

const (
	stsThrottled = `<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>`
	stsDown      = `<ErrorResponse><Error><Type>Receiver</Type><Code>ServiceUnavailable</Code><Message>try again</Message></Error></ErrorResponse>`
	stsDenies    = `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/app is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>`
	stsNoIssuer  = `<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>No OpenIDConnect provider found in your account</Message></Error></ErrorResponse>`
)

var (
	overload = reply{429, "", "too many requests"}
	outage   = reply{503, "", "<html><h1>503 Service Temporarily Unavailable</h1></html>"}
)

var sources = []source{
	{
		name: "STS for a role", login: amazon("STS for ?role="), bare: func(string) reader { return bareSecretsManager(here.Emulator, true) }, answers: amazonAnswers,
		says:  map[trouble]reply{throttled: {400, "", stsThrottled}, unavailable: {503, "", stsDown}, refused: {403, "", stsDenies}},
		names: []string{"STS"}, mends: []string{"role " + awstest.Role + " was not given", "AccessDenied", "allow sts:AssumeRole and check the role's trust policy"},
	},
	{
		name: "STS for a web identity", login: amazon("STS for a web identity"), bare: byAmazon, answers: amazonAnswers,
		says:  map[trouble]reply{throttled: {400, "", stsThrottled}, unavailable: {503, "", stsDown}, refused: {400, "", stsNoIssuer}},
		names: []string{"the web identity token"}, mends: []string{"InvalidIdentityToken", awstest.Role, "check the service account's role and its trust policy"},
	},
	{
		name: "the SSO portal", login: amazon("the SSO portal"), bare: byAmazon, answers: amazonAnswers,
		says: map[trouble]reply{
			throttled:   {429, "TooManyRequestsException", `{"message":"HTTP 429 Unknown Code"}`},
			unavailable: {503, "ServiceUnavailableException", `{"message":"try again"}`},
			refused:     {401, "UnauthorizedException", `{"message":"Session token not found or invalid"}`},
		},
		names: []string{"SSO", "profile dev"}, mends: []string{"UnauthorizedException", "run `aws sso login --profile dev`"},
	},
	{
		name: "instance metadata", login: amazon("instance metadata"), bare: byAmazon, answers: amazonAnswers, steps: 3,
		says:  map[trouble]reply{throttled: overload, unavailable: {503, "", ""}, refused: {404, "", ""}},
		names: []string{"instance metadata"}, mends: []string{"has no role for this machine", "attach an instance profile"}, absent: 2 * time.Second,
	},
	{
		name: "the Pod Identity agent", login: podIdentity, bare: byAmazon, answers: amazonAnswers,
		says: map[trouble]reply{
			throttled: {429, "", "[a request id]: (ThrottlingException): Rate exceeded"}, unavailable: {503, "", "[a request id]: (ServiceUnavailableException): try again"},
			refused: {404, "", "[a request id]: (ResourceNotFoundException): No association found"},
		},
		names: []string{"the container's endpoint http://127.0.0.1:"}, mends: []string{"ResourceNotFoundException", "Pod Identity association of the service account"},
	},
	{
		name: "Google's token endpoint", login: pool, bare: byGoogle, answers: googleToken,
		says: map[trouble]reply{
			throttled: {429, "", `{"error":"resource_exhausted","error_description":"Quota exceeded"}`}, unavailable: outage,
			refused: {400, "", `{"error":"invalid_grant","error_description":"The audience in ID Token does not match the expected audience."}`},
		},
		names: []string{"/v1/token"}, mends: []string{"were refused", "The audience in ID Token does not match", "replace the file"},
	},
	{
		name: "Google's metadata server", login: googleMetadata, bare: byGoogle, answers: googleToken,
		says: map[trouble]reply{
			throttled: overload, unavailable: outage,
			refused: {403, "", "Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied"},
		},
		names: []string{"metadata server", "/computeMetadata/"}, mends: []string{"refuses one for the workload's service account", "iam.serviceAccounts.getAccessToken", "roles/iam.workloadIdentityUser"}, absent: 2 * time.Second,
	},
	{
		name: "Vault's approle", login: approle, bare: byApprole, answers: vaultAnswers, affects: isLogin, secret: func() string { return here.SecretID },
		says:  map[trouble]reply{throttled: {429, "", `{"errors":["request path \"auth/approle/login\": rate limit quota exceeded"]}`}, unavailable: outage},
		names: []string{"login", "no answer from http://127.0.0.1:"}, mends: []string{"role id or secret id", "deliver a new secret id"},
	},
	{
		name: "Vault's kubernetes", login: kubernetes, bare: byKubernetes, answers: vaultAnswers, affects: isLogin, secret: func() string { return here.JWT },
		says:  map[trouble]reply{throttled: {429, "", `{"errors":["request path \"auth/kubernetes/login\": rate limit quota exceeded"]}`}, unavailable: outage},
		names: []string{"login", "no answer from http://127.0.0.1:"}, mends: []string{"kubernetes", "check the role, what it is bound to"},
	},
}

func byAmazon(string) reader { return bareSecretsManager(here.Emulator, false) }

func byGoogle(string) reader { return bareGoogle(here.Google) }

func byApprole(url string) reader {
	return bareVault(url, "kv/data/start/db", "approle", map[string]string{"role_id": here.RoleID, "secret_id": credential()})
}

func byKubernetes(url string) reader {
	return bareVault(url, "kv/data/start/db", "kubernetes", map[string]string{"jwt": credential()})
}

// amazon is one of the logins of package awstest.
func amazon(name string) func(*testing.T, string) string {
	return func(t *testing.T, url string) string {
		l, ok := awstest.Logins[name]
		require.True(t, ok, name)
		l.Set(t, url)
		uri := "awssm://start?search=exact&endpoint=" + here.Emulator
		for option, value := range l.Options {
			uri += "&" + option + "=" + value
		}
		return uri
	}
}

func podIdentity(t *testing.T, url string) string {
	uri := amazon("the container's endpoint")(t, url)
	awstest.Write(t, credential(), canary.New())
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", credential())
	return uri
}

func amazonAnswers(*testing.T) http.Handler { return new(awstest.Source) }

// credential is the file of a credential.
func credential() string { return filepath.Join(os.Getenv("HOME"), "credential") }

// google returns the provider's URI of Google's, with nothing of another login
// in the environment.
func google(t *testing.T) string {
	awstest.Environment(t) // for the home
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("SSL_CERT_FILE", here.CA)
	return "gcp://my-project/start?search=exact&endpoint=https://" + here.Google
}

// pool logs in by workload identity federation.
func pool(t *testing.T, url string) string {
	uri := google(t)
	awstest.Write(t, credential(), canary.New())
	file := filepath.Join(os.Getenv("HOME"), "pool.json")
	awstest.Write(t, file, `{"type":"external_account","audience":"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",`+
		`"subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":"`+url+`/v1/token","credential_source":{"file":"`+credential()+`"}}`)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	return uri
}

func googleMetadata(t *testing.T, url string) string {
	uri := google(t)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(url, "http://"))
	return uri
}

func googleToken(*testing.T) http.Handler {
	token := reply{200, "", `{"access_token":"a-token","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":3600}`}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Metadata-Flavor", "Google")
		if strings.HasSuffix(r.URL.Path, "/universe-domain") { // which the bare client asks for
			http.NotFound(w, r)
			return
		}
		token.write(w)
	})
}

func approle(t *testing.T, url string) string {
	awstest.Environment(t) // for the home
	deliver(t, here.SecretID)
	return "vault://kv/start?search=exact&auth=approle&role_id_file=" + here.RoleID + "&secret_id_file=" + credential() + "&address=" + url
}

func kubernetes(t *testing.T, url string) string {
	awstest.Environment(t)
	deliver(t, here.JWT)
	return "vault://kv/start?search=exact&auth=kubernetes&role=app&jwt_file=" + credential() + "&address=" + url
}

// deliver copies a file to where the program has its credential.
func deliver(t *testing.T, from string) {
	text, err := os.ReadFile(from)
	require.NoError(t, err)
	awstest.Write(t, credential(), string(text))
}

func vaultAnswers(t *testing.T) http.Handler { return forward(t, here.Vault) }

// forward is a server at another one's address.
func forward(t *testing.T, address string) http.Handler {
	to, err := url.Parse(address)
	require.NoError(t, err)
	return httputil.NewSingleHostReverseProxy(to)
}

func isLogin(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/login") }

var classes = []error{
	secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrInvalid, secrets.ErrClosed,
}
