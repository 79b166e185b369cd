package envfile_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/envfile"
)

// credentials stand where a path belongs, each with a part that must not be
// repeated.
var credentials = map[string]string{
	"hvs.CAESIJmL0mGvC4bq2kqWuQ": "CAESIJ",
	"hvs.short1":                 "short1",
	"s.Ga5jyNq6kNfRMVQk2LY1j9iu": "Ga5jy",
	`{"type":"service_account","private_key":"-----BEGIN"}`: "service_account",
	"{":           "{",
	`["hunter2"]`: "hunter2",
	"-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END": "MIIEow",
	"-----BEGIN CERTIFICATE-----MIIB/zCCAWigAwIBAgI":              "MIIB",
	"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhcHAifQ.c2lnbmF0dXJl":        "c2lnbmF0dXJl",
	"/etc/eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhcHAifQ.c2lnbmF0dXJl":   "c2lnbmF0dXJl",
	"AKIAIOSFODNN7EXAMPLE":                     "IOSFODNN",
	"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": "wJalr",
	"ghp_16C7e42F292c6912E7710c838347Ae178B4a": "16C7e",
	"q3Zk9xT0uVb7Rw2LmN5pYc8D":                 "q3Zk9",
	"line\nbreak":                              "break",
	"/run/" + strings.Repeat("x", 2000):        "xxxx",
}

func TestACredentialInPlaceOfAPathIsRefusedWhenItIsOpened(t *testing.T) {
	t.Parallel()
	for text, part := range credentials {
		for _, scheme := range []string{"file://", "envfile://"} {
			_, err := secrets.Open(t.Context(), scheme+text)
			require.ErrorIs(t, err, secrets.ErrInvalid, scheme+text)
			assert.NotContains(t, strings.TrimPrefix(err.Error(), "secrets: open: invalid: the path of "+scheme), part)

			_, err = secrets.OpenConfig(t.Context(), secrets.Config{Providers: []string{scheme + text}})
			require.ErrorIs(t, err, secrets.ErrInvalid, scheme+text)
			assert.NotContains(t, err.Error(), part)

			r := secrets.New(envfile.NewEnv(envfile.EnvOptions{}), secrets.WithReferences(map[string]string{"db": scheme + text}))
			_, err = r.Get(t.Context(), "db")
			require.ErrorIs(t, err, secrets.ErrInvalid, scheme+text)
			assert.NotContains(t, err.Error(), part)
			assert.Empty(t, r.Status())
		}
		for _, p := range []secrets.Provider{envfile.NewDir(text, envfile.DirOptions{}), envfile.NewDotenv(text, envfile.DotenvOptions{})} {
			_, err := p.Fetch(t.Context(), secrets.Ref{Path: "x"})
			require.ErrorIs(t, err, secrets.ErrInvalid, text)
			assert.NotContains(t, err.Error(), part)
		}
	}
	_, err := secrets.Open(t.Context(), `file://{"a":1}`)
	assert.ErrorContains(t, err, `the path of file:// is no file name (7 bytes); if it is a credential, write that into a file and give the file's name`)
}

func TestAFolderMayBeMissingWhenItIsOpened(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"secrets", "./run", ".", "..", "../x", "run", ".env", "/run/secrets", "/", "config/Prod2/DbSecrets", "my secrets", "~/.config/app", "${DIR}/x",
		"SecretsOfApplication2024Production", "/nix/store/q3Zk9xT0uVb7Rw2LmN5pYc8D", "./q3Zk9xT0uVb7Rw2LmN5pYc8D", "/mnt/ASIA-PACIFIC-secrets",
		"/var/lib/kubelet/pods/6f1ed002-ab5f-4f4b-9c5b-0d3d2a3f7a11/volumes", "s.yaml", "größe", "C:/secrets", "a&b=c", "what's new(1)", "app@2x",
		filepath.ToSlash(t.TempDir()),
	} {
		for _, scheme := range []string{"file://", "envfile://"} {
			r, err := secrets.Open(t.Context(), scheme+path, secrets.WithOnDemand())
			if err != nil {
				r, err = secrets.OpenConfig(t.Context(), secrets.Config{Providers: []string{scheme + path}})
			}
			if assert.NoError(t, err, scheme+path) {
				require.NoError(t, r.Close())
			}
		}
	}
}

func TestOptionsAreCheckedWhenAURIIsOpened(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{
		"file:///run?format=toml", "file:///run?perm=0600", "file:///run?max=much", "envfile://.env?implicit=maybe", "envfile://.env?max=-1", "env://?tree=2", "env://?perm=x",
	} {
		_, err := secrets.Open(t.Context(), uri)
		require.ErrorIs(t, err, secrets.ErrInvalid, uri)
	}
	for _, scheme := range []string{"file://", "envfile://"} {
		_, err := secrets.Open(t.Context(), scheme)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		require.ErrorContains(t, err, scheme+"/", "an example of a path")
	}
}

func TestAFormatThatTheProgramDoesNotLinkIsRefusedWithTheImportThatItNeeds(t *testing.T) {
	t.Parallel()
	_, err := secrets.Open(t.Context(), "file:///run/secrets?format=yaml")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, `add import _ "github.com/go-secrets/secrets/envfile/yaml"`)
	_, err = envfile.NewDir(t.TempDir(), envfile.DirOptions{Format: envfile.FormatYAML}).Fetch(t.Context(), secrets.Ref{Path: "db"})
	assert.ErrorIs(t, err, secrets.ErrInvalid)
}
