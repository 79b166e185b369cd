package vault

import (
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/foreign"
)

// translate reads what bank-vaults has after vault:, path#key[#version], in
// which nothing is escaped.
func translate(form string, ref *secrets.Ref) error {
	if form != "vault:" {
		return nil
	}
	if strings.Contains(ref.Path, "${") {
		return foreign.Invalid("vault: with a template ${…} is not supported: name one key, as vault:path#key")
	}
	path, rest, _ := strings.Cut(ref.Path, "#")
	key, version, versioned := strings.Cut(rest, "#")
	path = strings.TrimPrefix(path, "/")
	first, _, _ := strings.Cut(path, "/")
	before, _, at := strings.Cut(first, "@")
	switch {
	case path == "" || key == "":
		return foreign.Invalid("this form of a reference to Vault reads vault:path#key[#version]; for a path alone write vault://path")
	case strings.IndexByte(ref.Path, 0) >= 0:
		return foreign.Invalid("vault: holds a NUL byte")
	case strings.Contains(path, "://") || at && strings.Contains(before, ":"), looksLikeToken(first):
		return foreign.Invalid("vault: takes a path, and neither a URL nor user:password@ nor a token")
	case versioned && (version == "" || !foreign.Only(version, foreign.Digits)):
		return foreign.Invalid("vault: the version after the second # is no number")
	}
	ref.Path, ref.Field = path, key
	if versioned {
		ref.Options = map[string]string{"version": version}
	}
	return nil
}
