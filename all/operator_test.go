package all_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestNoValueMaySetAnOptionThatRedirects(t *testing.T) {
	t.Parallel()
	r, err := secrets.Open(t.Context(), "env://")
	require.NoError(t, err)
	defer r.Close()
	check := func(reference string) error {
		ref, err := secrets.ParseRef(reference)
		require.NoError(t, err, reference)
		return r.CheckValue(ref)
	}
	for scheme, options := range map[string][]string{
		"vault": {
			"address", "agent", "allow_http", "auth", "auth_account", "auth_header", "auth_mount", "auth_region", "auth_type", "ca_cert", "ca_path", "client_cert", "client_key",
			"jwt_file", "namespace", "password_file", "role", "role_id", "role_id_file", "secret_id_file", "secret_id_wrapped", "skip_verify", "tls_server_name", "token_file", "username",
		},
		"awssm":   {"endpoint", "allow_http", "profile", "role", "external_id"},
		"ssm":     {"endpoint", "allow_http", "profile", "role", "external_id"},
		"gcp":     {"endpoint", "allow_http", "quota_project"},
		"env":     {"perm"},
		"envfile": {"perm"},
		"file":    {"perm"},
	} {
		for _, option := range options {
			err := check(scheme + "://x/y?" + option + "=true")
			require.ErrorIs(t, err, secrets.ErrInvalid, "%s of %s", option, scheme)
			assert.ErrorContains(t, err, "no configured provider has the same")
		}
	}
	for _, reference := range []string{
		"vault://secret/x?version=3&timeout=5s#k", "vault://team/kv/x?mount=team/kv&kv=2", "awssm://x?region=eu-west-1&stage=AWSPREVIOUS", "ssm:///x?region=eu-west-1&label=l",
		"gcp://p/x?version=1&location=europe-west1", "file:///run/secrets/x?format=json", "env://X?prefix=A_", "arn:aws:ssm:eu-west-1:123456789012:parameter/a",
	} {
		assert.NoError(t, check(reference), reference)
	}
}
