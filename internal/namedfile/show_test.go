package namedfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/namedfile"
)

// none are texts that get into a variable that should name a file.
var none = map[string]string{
	"a service account's key":     `{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\nMIIEvQ"}`,
	"JSON on several lines":       "{\n  \"client_secret\": \"x\"\n}",
	"a PEM block":                 "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
	"a certificate on one line":   "-----BEGIN CERTIFICATE-----MIIB/zCCAWigAwIBAgI",
	"a Vault token":               "hvs.CAESIJmL0mGvC4bq2kqWuQ",
	"an old Vault token":          "s.Ga5jyNq6kNfRMVQk2LY1j9iu",
	"a JWT":                       "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhcHAifQ.c2lnbmF0dXJl",
	"a password":                  "correct horse battery staple",
	"base64 with a slash":         "Zm9v/YmFyL2Jhei9xdXV4+Zm9vYmFy",
	"base64 that begins with one": "/wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	"a URL with a password":       "https://user:hunter2@example.com/x",
	"what has a line break":       "/run/secrets/token\nhvs.x",
	"what is longer than a path":  "/tmp/" + strings.Repeat("a", 5000),
	"what is no UTF-8":            "/tmp/\xff\xfe",
	"what has a NUL":              "/tmp/a\x00b",
}

func TestATextThatIsNoFileNameIsShownAsItsLengthAlone(t *testing.T) {
	t.Parallel()
	for what, text := range none {
		assert.False(t, namedfile.Plausible(text), what)
		assert.Equal(t, fmt.Sprintf("something that is no file name (%d bytes)", len(text)), namedfile.Show(text), what)
	}
}

func TestAFileNameIsShown(t *testing.T) {
	t.Parallel()
	there := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(there, nil, 0o600))
	for what, text := range map[string]string{
		"a file that exists":                      there,
		"one beside it that does not":             there + "s",
		"a path whose first folder exists":        "/etc/no/such/file",
		"a path of a volume that was not mounted": "/vault/secrets/token",
		"another, with digits and dashes":         "/mnt/aws-secrets/db-2/password",
		"a relative path":                         "./token",
		"one that leads upwards":                  "../secrets/token",
		"a home directory":                        "~/.vault-token",
		"a lone name with the extension of a key": "service-account.json",
		"a dotenv":                                   ".env",
		"a name of one of the current folder's":      "namedfile.go",
		"a name in other letters than ASCII's":       "./schlüssel/größe.pem",
		"a path with blanks, as on a Mac or Windows": "./Application Support/key.json",
	} {
		assert.True(t, namedfile.Plausible(text), what)
		assert.Contains(t, namedfile.Show(text), filepath.Base(text), what)
	}
	assert.Equal(t, `""`, namedfile.Show(""))
}

func TestScrubTakesOutWhatIsNoName(t *testing.T) {
	t.Parallel()
	for what, text := range none {
		_, err := os.Open(text)
		require.Error(t, err, what)
		for _, wrapped := range []error{err, fmt.Errorf("reading: %w", err), errors.New("open " + text + ": no such file")} {
			scrubbed := namedfile.Scrub(wrapped, text)
			assert.NotContains(t, scrubbed.Error(), text, what)
			var path *fs.PathError
			if errors.As(scrubbed, &path) {
				assert.NotContains(t, path.Path, text, what)
			}
			assert.Equal(t, errors.Is(wrapped, fs.ErrNotExist), errors.Is(scrubbed, fs.ErrNotExist), what)
		}
	}
	_, err := os.Open("/etc/no/such/file")
	assert.Equal(t, err, namedfile.Scrub(err, "/etc/no/such/file"), "a name that is one stays")
	assert.NoError(t, namedfile.Scrub(nil, "x"))
}
