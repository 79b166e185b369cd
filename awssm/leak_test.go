package awssm

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

const leaked = "canary-7d1f"

// credentialText are credentials as people put them where the name of a file
// belongs.
var credentialText = map[string]string{
	"a JSON web token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ." + leaked + "-c2lnbmF0dXJl",
	"a PEM":            "-----BEGIN CERTIFICATE-----\n" + leaked + "\n-----END CERTIFICATE-----\n",
	"an INI":           "[default]\naws_secret_access_key = " + leaked,
	"a token":          "FwoGZXIvYXdzEBYaD/" + leaked + "/" + strings.Repeat("k3", 40),
}

func withoutCanary(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	awstest.NoCanary(t, err, leaked)
	t.Log(err)
}

// within reads a secret within a second.
func within(t *testing.T, p *Provider) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := p.Fetch(ctx, referenced("db"))
	return err
}

func TestACredentialInTheVariableOfAFileIsNeverTold(t *testing.T) {
	container := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(container.Close)
	for what, text := range credentialText {
		for variable, others := range map[string][]string{
			"AWS_CONFIG_FILE":                        {"AWS_PROFILE=prod"},
			"AWS_SHARED_CREDENTIALS_FILE":            {"AWS_PROFILE=prod"},
			"AWS_WEB_IDENTITY_TOKEN_FILE":            {"AWS_ROLE_ARN=arn:aws:iam::123456789012:role/x"},
			"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": {"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + container.URL},
			"AWS_CA_BUNDLE":                          awstest.Keys[:2],
			"AWS_PROFILE":                            nil,
			"AWS_REGION":                             awstest.Keys[:2],
			"AWS_ENDPOINT_URL_SECRETS_MANAGER":       awstest.Keys[:2],
			"AWS_CONTAINER_AUTHORIZATION_TOKEN":      {"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + container.URL},
			"AWS_CONTAINER_CREDENTIALS_FULL_URI":     nil,
		} {
			if variable == "AWS_PROFILE" && !strings.ContainsAny(text, "\n{") {
				continue // a profile may have any name
			}
			t.Run(variable+" holds "+what, func(t *testing.T) {
				awstest.Environment(t, append(others, "AWS_REGION=eu-west-1", variable+"="+text)...)
				err := within(t, fromURI(t, nil))
				withoutCanary(t, err)
				r, openErr := secrets.Open(t.Context(), "awssm://prod", secrets.WithTimeout(time.Second))
				require.NoError(t, openErr)
				t.Cleanup(func() { _ = r.Close() })
				_, err = r.Get(t.Context(), "db")
				withoutCanary(t, err)
				for _, s := range r.Status() {
					assert.NotContains(t, fmt.Sprintf("%+v", s), leaked)
				}
			})
		}
	}
}

func TestACredentialInAProfilesSettingOfAFileIsNeverTold(t *testing.T) {
	text := credentialText["a token"]
	for _, settings := range []string{
		"web_identity_token_file = " + text + "\nrole_arn = arn:aws:iam::123456789012:role/x",
		"ca_bundle = " + text + "\naws_access_key_id = AKID\naws_secret_access_key = x",
		"credential_process = " + text,
		"credential_process = echo " + leaked + "; false",
		"endpoint_url = http://user:" + leaked + "@127.0.0.1:1\naws_access_key_id = AKID\naws_secret_access_key = x",
		"endpoint_url = http://" + leaked + ":pw@ho st\naws_access_key_id = AKID\naws_secret_access_key = x",
		"retry_mode = " + leaked,
		"duration_seconds = " + leaked,
		leaked,
	} {
		awstest.Environment(t, "AWS_REGION=eu-west-1", "AWS_PROFILE=dev")
		awstest.Write(t, os.Getenv("AWS_CONFIG_FILE"), "[profile dev]\n"+settings+"\n")
		withoutCanary(t, within(t, fromURI(t, nil)))
	}
}

func TestUserInformationOfAnAddressIsNeverTold(t *testing.T) {
	for _, set := range [][]string{
		{"AWS_ENDPOINT_URL=http://user:" + leaked + "@127.0.0.1:1"},
		{"AWS_ENDPOINT_URL_SECRETS_MANAGER=http://" + leaked + "@127.0.0.1:1"},
		{"AWS_ENDPOINT_URL_SECRETS_MANAGER=http://user:" + leaked + "@ho st:1"},
		{"AWS_ENDPOINT_URL_SECRETS_MANAGER=http://user:" + leaked + "@127.0.0.1:port"},
		{"AWS_ENDPOINT_URL_SECRETS_MANAGER=user:" + leaked + "@127.0.0.1"},
		{"AWS_ENDPOINT_URL_SECRETS_MANAGER=http://user:" + leaked + "@example.com"},
		{"AWS_ENDPOINT_URL_STS=http://user:" + leaked + "@127.0.0.1:1", "role"},
		{"AWS_ENDPOINT_URL_STS=http://user:" + leaked + "@ho st", "role"},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://user:" + leaked + "@127.0.0.1:1", "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://user:" + leaked + "@ho st:1", "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="},
		{"AWS_EC2_METADATA_DISABLED=", "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://user:" + leaked + "@ho st", "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="},
	} {
		options := map[string]string{}
		if set[len(set)-1] == "role" {
			options["role"], set = "arn:aws:iam::123456789012:role/x", set[:len(set)-1]
		}
		awstest.Environment(t, append(append([]string{}, awstest.Keys...), set...)...)
		t.Log(set)
		withoutCanary(t, within(t, fromURI(t, options)))
	}
	_, err := open(t.Context(), secrets.Ref{Scheme: "awssm", Options: map[string]string{"endpoint": "https://user:" + leaked + "@example.com"}})
	require.ErrorIs(t, err, secrets.ErrInvalid)
	withoutCanary(t, err)
}

func TestAClientsOwnAddressesAreNotToldEither(t *testing.T) {
	t.Parallel()
	redirect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://user:"+leaked+"@ho st:port/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	t.Cleanup(redirect.Close)
	for _, url := range []string{"http://user:" + leaked + "@127.0.0.1:1", "http://user:" + leaked + "@ho st", redirect.URL} {
		withoutCanary(t, within(t, New(clientOf(&awstest.Server{URL: url}))))
	}
}

func TestARedirectIsNotFollowedAndItsAddressNotTold(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was followed") }))
	t.Cleanup(elsewhere.Close)
	for _, location := range []string{elsewhere.URL, "http://user:" + leaked + "@ho st:port/", "%zz" + leaked} {
		for _, status := range []int{301, 302, 307, 308} {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			}))
			awstest.Environment(t, append(awstest.Keys, "AWS_ENDPOINT_URL_STS="+s.URL)...)
			withoutCanary(t, within(t, fromURI(t, map[string]string{"endpoint": s.URL})))
			withoutCanary(t, within(t, fromURI(t, map[string]string{"endpoint": s.URL, "role": "arn:aws:iam::123456789012:role/x"})))
			s.Close()
		}
	}
}

func TestAProxysPasswordIsNotTold(t *testing.T) {
	if os.Getenv("AWSSM_TEST_PROXY") == "" {
		// net/http reads the variables once in a process.
		for _, proxy := range []string{"http://user:" + leaked + "@127.0.0.1:1", "http://user:" + leaked + "@ho st:port"} {
			out := again(t, "TestAProxysPasswordIsNotTold", "AWSSM_TEST_PROXY=1", "HTTPS_PROXY="+proxy)
			assert.NotContains(t, out, leaked)
			assert.Contains(t, out, "unavailable")
		}
		return
	}
	awstest.Environment(t, awstest.Keys...)
	err := within(t, fromURI(t, map[string]string{"endpoint": "https://secretsmanager.example.invalid"}))
	withoutCanary(t, err)
}

func TestAnAnswerThatRepeatsTheCredentialsIsNotRepeated(t *testing.T) {
	const token = "IQoJb3JpZ2luX2VjE-" + leaked
	message := "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key.\n\n" +
		"The Canonical String for this request should have been\n'POST\n/\n\nhost:x\nx-amz-security-token:" + token + "\n'\n"
	for _, c := range []struct{ code, message string }{
		{"InvalidSignatureException", message},
		{"SignatureDoesNotMatch", message},
		{"AccessDeniedException", "the token " + token + " is not allowed to do this"},
		{"ResourceNotFoundException", "no secret for " + token},
		{"TeapotException", "key not-a-real-key-" + leaked + " is odd"},
		{"code " + token, "x"},
	} {
		reply := awstest.Fail(400, c.code, c.message)
		reply.Header = map[string]string{"X-Amzn-Requestid": token, "X-Echo": token}
		s := answer(t, reply)
		sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`, c.code, c.message, token)
		}))
		awstest.Environment(t, "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=not-a-real-key-"+leaked, "AWS_SESSION_TOKEN="+token, "AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL_STS="+sts.URL)
		for _, options := range []map[string]string{{"endpoint": s.URL}, {"endpoint": s.URL, "role": "arn:aws:iam::123456789012:role/x"}} {
			p := fromURI(t, options)
			err := within(t, p)
			withoutCanary(t, err)
			var api smithy.APIError
			require.ErrorAs(t, err, &api, "the SDK's error is there")
			for _, r := range p.FetchBatch(t.Context(), references("a", "b", "c")) {
				withoutCanary(t, r.Err)
			}
			for _, err := range p.List(t.Context(), "") {
				withoutCanary(t, err)
			}
		}
		withoutCanary(t, within(t, New(clientOf(s, func(o *secretsmanager.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "not-a-real-key-" + leaked, SessionToken: token}, nil
			})
		}))))
		sts.Close()
	}
}

func TestAWebIdentityTokenThatIsRepeatedIsNotTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	awstest.Write(t, file, "web-identity-"+leaked+"\n")
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		assert.Equal(t, "web-identity-"+leaked, r.Form.Get("WebIdentityToken"), "without the line break")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>token %s</Message></Error></ErrorResponse>`, r.Form.Get("WebIdentityToken"))
	}))
	t.Cleanup(sts.Close)
	awstest.Environment(t, "AWS_REGION=eu-west-1", "AWS_WEB_IDENTITY_TOKEN_FILE="+file, "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/x", "AWS_ENDPOINT_URL_STS="+sts.URL)
	err := within(t, fromURI(t, nil))
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	withoutCanary(t, err)
}
