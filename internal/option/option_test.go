package option_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets/internal/option"
)

func TestAWrongWordIsToldWithTheLegalOnesAndTheNearest(t *testing.T) {
	t.Parallel()
	assert.Empty(t, option.OneOf("transport", "rest", "grpc", "rest"))
	assert.Empty(t, option.Bool("renew", "false"))
	assert.Equal(t, `option transport is grpc or rest, not "rset"; did you mean rest?`, option.OneOf("transport", "rset", "grpc", "rest"))
	assert.Equal(t, `option kv is 1 or 2, not "9"`, option.OneOf("kv", "9", "1", "2"))
	assert.Equal(t, `option latest is enabled, not ""`, option.OneOf("latest", "", "enabled"))
	assert.Equal(t, `option key_type is rsa, ec or ed25519, not "dsa"; did you mean rsa?`, option.OneOf("key_type", "dsa", "rsa", "ec", "ed25519"))
	assert.Equal(t, `option renew is true or false, not "True"; did you mean true?`, option.Bool("renew", "True"))
}

func TestAValueThatMayBeACredentialIsNotShown(t *testing.T) {
	t.Parallel()
	for value, part := range map[string]string{
		"hvs.CAESIJmL0mGvC4bq2kqWuQ":  "CAESIJ",
		"user:hunter2@vault":          "hunter2",
		`{"private_key":"x"}`:         "private",
		"-----BEGIN PRIVATE KEY-----": "BEGIN",
		"q3Zk9xT0uVb7Rw2LmN5pYc8D":    "q3Zk9",
		strings.Repeat("y", 65):       "yyy",
		"line\nbreak":                 "break",
	} {
		for _, text := range []string{option.Bool("renew", value), option.Not("version", "a number", value), option.File("token_file", value) + option.Show(value)} {
			assert.NotContains(t, text, part)
			assert.Contains(t, text, "bytes)")
		}
	}
	assert.Equal(t, `"latest"`, option.Show("latest"))
}

func TestAFileNeedNotBeThere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"/run/secrets/token", "ca.pem", "./x", "token"} {
		assert.Empty(t, option.File("token_file", name))
	}
	assert.Equal(t, "option token_file is no file name (26 bytes); if it is a credential, write that into a file and give the file's name", option.File("token_file", "hvs.CAESIJmL0mGvC4bq2kqWuQ"))
}
