// Package token knows what the tokens of common services look like. It is for
// refusing them where a name or a path belongs.
package token

import "strings"

// prefixes are what the tokens of common services begin with.
var prefixes = []string{
	"AIza", "eyJ", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "sk_live_", "sk_test_", "xoxb-", "xoxp-", "ya29.",
}

// Like reports whether a text is a token: of Vault, those of before its version
// 1.10 (s.…, b.…, r.…) included, or of a common service.
func Like(s string) bool {
	if OfVault(s) {
		return true
	}
	if len(s) >= 16 && (s[:4] == "AKIA" || s[:4] == "ASIA") && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == "" {
		return true
	}
	if len(s) >= 20 && s[1] == '.' && strings.IndexByte("sbr", s[0]) >= 0 {
		return true
	}
	for _, prefix := range prefixes {
		if len(s) >= 16 && strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// OfVault reports whether a text begins as tokens of Vault do.
func OfVault(s string) bool {
	return len(s) > 4 && s[:2] == "hv" && strings.IndexByte("sbr", s[2]) >= 0 && s[3] == '.'
}
