package nearest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-secrets/secrets/internal/nearest"
)

func TestTheNearestWordIsHintedAtIfOneIsNear(t *testing.T) {
	t.Parallel()
	methods := []string{"approle", "cert", "jwt", "kubernetes", "ldap", "token", "userpass"}
	for word, want := range map[string]string{
		"aprole": "approle", "kuberntes": "kubernetes", "tokne": "token", "Token": "token", "userpas": "userpass", "certs": "cert",
		"oidc": "", "": "", "x": "", strings.Repeat("token", 100): "",
	} {
		hint := nearest.Hint(word, methods)
		if want == "" {
			assert.Empty(t, hint, word)
			continue
		}
		assert.Equal(t, "; did you mean "+want+"?", hint, word)
	}
	assert.Empty(t, nearest.Hint("a", nil))
	assert.Empty(t, nearest.Hint("9", []string{"1", "2"}), "every other letter is as near")
}
