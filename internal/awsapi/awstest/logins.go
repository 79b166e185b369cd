package awstest

import (
	"crypto/sha1" // #nosec G505 -- the SDK names its files by it
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Role is the ARN of a role.
const Role = "arn:aws:iam::123456789012:role/reader"

// A Login is a way to get credentials from a source at an address.
type Login struct {
	Options map[string]string              // of the provider's URI
	Set     func(t testing.TB, url string) // the environment and the files
}

// Logins are the ways that lead over the network.
var Logins = map[string]Login{
	"STS for ?role=": {map[string]string{"role": Role}, func(t testing.TB, url string) {
		Environment(t, append(Keys, "AWS_ENDPOINT_URL_STS="+url)...)
	}},
	"STS for a profile's role": {nil, func(t testing.TB, url string) {
		Environment(t, "AWS_REGION=eu-west-1", "AWS_PROFILE=dev", "AWS_ENDPOINT_URL_STS="+url)
		Write(t, os.Getenv("AWS_CONFIG_FILE"), "[profile dev]\nrole_arn = "+Role+"\nsource_profile = base\n[profile base]\naws_access_key_id = AKID\naws_secret_access_key = x\n")
	}},
	"STS for a web identity": {nil, func(t testing.TB, url string) {
		Environment(t, "AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL_STS="+url, "AWS_ROLE_ARN="+Role)
		file := filepath.Join(t.TempDir(), "token")
		Write(t, file, "a-web-identity-token")
		t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
	}},
	"the SSO portal": {nil, func(t testing.TB, url string) {
		Environment(t, "AWS_PROFILE=dev", "AWS_ENDPOINT_URL_SSO="+url)
		Write(t, os.Getenv("AWS_CONFIG_FILE"), SSOProfile)
		Write(t, SSOToken("corp"), `{"accessToken":"an-access-token","expiresAt":"2099-01-01T00:00:00Z","region":"eu-west-1","startUrl":"https://example.awsapps.com/start"}`)
	}},
	"the container's endpoint": {nil, func(t testing.TB, url string) {
		Environment(t, "AWS_REGION=eu-west-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+url)
	}},
	"instance metadata": {nil, func(t testing.TB, url string) {
		Environment(t, "AWS_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=", "AWS_EC2_METADATA_SERVICE_ENDPOINT="+url)
	}},
}

// SSOProfile is a profile dev that logs in by the SSO session corp.
const SSOProfile = `[profile dev]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = reader
region = eu-west-1
[sso-session corp]
sso_region = eu-west-1
sso_start_url = https://example.awsapps.com/start
`

// SSOToken is the file where the SDK looks for the token of an SSO session.
func SSOToken(session string) string {
	sum := sha1.Sum([]byte(session)) // #nosec G401 -- the SDK names its files by it
	return filepath.Join(os.Getenv("HOME"), ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json")
}

// Write writes a file that only its owner can read, and its folder.
func Write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.TrimLeft(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}
