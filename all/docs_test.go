package all_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/all"
)

var schemes = []string{"awssm", "env", "envfile", "file", "gcp", "ssm", "vault"}

// pages returns what is written for users, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../doc.go", "../*/doc.go", "../config/config.go"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, paths, pattern)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			texts[path] = string(text)
		}
	}
	return texts
}

// open checks a URI as a reference does: its scheme and its options.
func open(t *testing.T, uri string) error {
	t.Helper()
	r, err := secrets.OpenConfig(context.Background(), secrets.Config{References: map[string]string{"name": uri}})
	if err == nil {
		require.NoError(t, r.Close())
	}
	return err
}

func TestEveryBackendIsLinked(t *testing.T) {
	t.Parallel()
	for _, scheme := range schemes {
		assert.NoError(t, open(t, scheme+"://x/y"))
	}
}

func TestEveryURIThatIsWrittenForUsersIsTaken(t *testing.T) {
	t.Parallel()
	uris := regexp.MustCompile(`\b(` + strings.Join(schemes, "|") + `)://[^\s"'` + "`" + `|,)]*`)
	seen := 0
	for path, text := range pages(t) {
		for _, uri := range uris.FindAllString(text, -1) {
			uri = strings.TrimRight(uri, ".:;")
			if strings.Contains(uri, "…") || strings.Contains(uri, "PROJECT") || strings.HasSuffix(uri, "://") || strings.HasSuffix(uri, "=") { // where a value follows
				continue
			}
			seen++
			if err := open(t, uri); err != nil { // of a provider, perhaps
				r, providerErr := secrets.Open(t.Context(), uri)
				if assert.NoError(t, providerErr, "%s: %s: %v", path, uri, err) {
					require.NoError(t, r.Close())
				}
			}
		}
	}
	assert.Greater(t, seen, 50, "the pattern finds too few URIs to be right")
}

func TestEveryOptionIsInTheGuideToReferences(t *testing.T) {
	t.Parallel()
	guide := pages(t)["../docs/references.md"]
	known := regexp.MustCompile(`it knows ([a-z_, ]+)\)`)
	for _, scheme := range schemes {
		err := open(t, scheme+"://x?no-such-option=1")
		require.Error(t, err)
		m := known.FindStringSubmatch(err.Error())
		require.NotNil(t, m, err)
		for option := range strings.SplitSeq(m[1], ", ") {
			if strings.HasPrefix(option, "auth_") || strings.HasSuffix(option, "_file") || option == "role_id" || option == "secret_id_wrapped" || option == "username" {
				continue // vault's logins, told on its page
			}
			assert.Contains(t, guide, "`"+option+"`", "%s://", scheme)
		}
	}
}
