package gcp

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// checkedOptions are all options with values that they can have, and values
// that they cannot, with a part of the text that refuses them.
var checkedOptions = map[string]struct {
	right []string
	wrong map[string]string
}{
	"separator": {right: []string{"-", "__", "x"}, wrong: map[string]string{"": "one or more letters", "/": `not "/"`, "::": `not "::"`}},
	"location": {right: []string{"europe-west1", "us-east1"}, wrong: map[string]string{
		"": "drop it to read global secrets", "Europe": `not "Europe"`, "europe_west1": "such as europe-west1", "evil.example/": "such as europe-west1",
	}},
	"endpoint": {right: []string{"127.0.0.1:9090", "https://private.example", "private.example", "http://localhost:9090/"}, wrong: map[string]string{
		"": "reads host:port", "ftp://x": "reads host:port", "host:99999": "reads host:port", "host:0": "reads host:port", "http://emulator:9090": "?allow_http=true",
		"https://u:p@host": "user:password@", "https://host/path": "reads host:port", "a b": "reads host:port",
	}},
	"allow_http": {right: []string{"true", "false"}, wrong: map[string]string{"maybe": `option allow_http is true or false, not "maybe"`, "ture": "did you mean true?", "": `not ""`}},
	"transport":  {right: []string{"grpc", "rest"}, wrong: map[string]string{"http": `option transport is grpc or rest, not "http"`, "gprc": "did you mean grpc?", "": `not ""`}},
	"quota_project": {right: []string{"my-project", "123456789012", "example.com:my-project"}, wrong: map[string]string{
		"My_Project": `option quota_project is a project id: lower-case letters, digits and hyphens, not "My_Project"`, "": `not ""`,
	}},
	"version": {right: []string{"7", "latest", "prod"}, wrong: map[string]string{"1/2": `not "1/2"`, "": `not ""`, "v 1": "a version is a number"}},
	"latest":  {right: []string{"enabled"}, wrong: map[string]string{"newest": `option latest is enabled, not "newest"`, "enable": "did you mean enabled?", "": `not ""`}},
}

func TestAWrongValueOfAnOptionIsRefusedWhenAURIIsOpened(t *testing.T) {
	t.Setenv(emulatorEnv, "")
	for _, name := range strings.Fields("separator location endpoint quota_project allow_http transport version latest") {
		c, known := checkedOptions[name]
		require.True(t, known, "a row for the option %s", name)
		for _, value := range c.right {
			r, err := secrets.Open(t.Context(), "gcp://my-project?"+name+"="+url.PathEscape(value))
			if assert.NoError(t, err, "%s=%s", name, value) {
				require.NoError(t, r.Close())
			}
		}
		for value, text := range c.wrong {
			for _, uri := range []string{"gcp://my-project?", "gcp://my-project/db?"} {
				_, err := secrets.Open(t.Context(), uri+name+"="+url.PathEscape(value))
				if assert.ErrorIs(t, err, secrets.ErrInvalid, "%s=%s", name, value) {
					assert.ErrorContains(t, err, text, "%s=%s", name, value)
				}
			}
		}
	}
}

func TestEveryOptionOfABackendHasARow(t *testing.T) {
	t.Parallel()
	_, err := secrets.Open(t.Context(), "gcp://my-project?no_such_option=x")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	_, known, _ := strings.Cut(err.Error(), "(it knows ")
	known, _, _ = strings.Cut(known, ")")
	for name := range strings.SplitSeq(strings.Split(known, ";")[0], ", ") {
		if !strings.Contains(" decode references search trim ttl ", " "+name+" ") { // the resolver's own
			assert.Contains(t, checkedOptions, name)
		}
	}
}

func TestAPathThatCanLeadNowhereIsRefusedWhenAURIIsOpened(t *testing.T) {
	t.Setenv(emulatorEnv, "")
	for uri, text := range map[string]string{
		"gcp://":                                    "names no project",
		"gcp:///":                                   "names no project",
		"gcp://?location=europe-west1":              "names no project",
		"gcp://My-Project":                          `"My-Project" is no project id`,
		"gcp://my_project/prod":                     `"my_project" is no project id`,
		"gcp://-project":                            "is no project id",
		"gcp://AIzaSyA1234567890abcdefghij":         "what it holds (",
		"gcp://my-project/a.b":                      `"a.b" stands in front of every name`,
		"gcp://my-project/a//b":                     "stands in front of every name",
		"gcp://my-project/secrets/db#key":           "",
		"gcp://my-project?latest=enabled&version=3": "goes with no other version than latest",
		"gcp://projects/my-project/locations/europe-west1?location=us-east1": "the option location says us-east1",
		"gcp://projects/my-project/locations/Europe":                         "no location such as europe-west1",
		"gcp://my-project/" + strings.Repeat("x", 255):                       "255 is the most",
	} {
		_, err := secrets.Open(t.Context(), uri)
		if assert.ErrorIs(t, err, secrets.ErrInvalid, uri) {
			assert.ErrorContains(t, err, text, uri)
		}
		assert.NotContains(t, err.Error(), "1234567890abc")
	}
	for _, uri := range []string{
		"gcp://my-project", "gcp://my-project/", "gcp://123456789012", "gcp://example.com:my-project", "gcp://my-project/prod", "gcp://p",
		"gcp://projects/my-project/locations/europe-west1", "gcp://my-project?version=prod", "gcp://my-project?latest=enabled&version=latest",
	} {
		r, err := secrets.Open(t.Context(), uri)
		if assert.NoError(t, err, uri) {
			require.NoError(t, r.Close())
		}
	}
}

func TestAReferenceIsCheckedBeforeAnythingIsSent(t *testing.T) {
	t.Setenv(emulatorEnv, "127.0.0.1:1")
	for ref, text := range map[string]string{
		"gcp://my-project":                         "names no secret in a project",
		"gcp://":                                   "",
		"gcp://my-project/a.b":                     "can be no secret's id",
		"gcp://my-project/db?version=a/b":          "a version is a number",
		"gcp://My_Project/db":                      "is no project id",
		"gcp://my-project/db?transport=htpp":       "option transport is grpc or rest",
		"sm://my-project/db#a.b":                   "a version is a number",
		"gcp:secretmanager:projects/P/secrets/db":  `"P" is no project id`,
		"gcp://my-project/db?location=x&version=1": "option location is",
	} {
		r := secrets.New(secrets.Chain(), secrets.WithReferences(map[string]string{"db": ref}))
		_, err := r.Get(t.Context(), "db")
		if assert.ErrorIs(t, err, secrets.ErrInvalid, ref) {
			assert.ErrorContains(t, err, text, ref)
		}
	}
	assert.NoError(t, check(reference(t, "gcp://my-project/db/pass.word")), "the key pass.word of db")
	assert.Error(t, check(reference(t, "gcp://my-project/d.b/pass.word")))
}

func TestAnEmulatorsAddressInTheEnvironmentIsCheckedWhenAURIIsOpened(t *testing.T) {
	t.Setenv(emulatorEnv, "http://emulator:9090")
	_, err := secrets.Open(t.Context(), "gcp://my-project")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, emulatorEnv+" is http://emulator:9090")
	_, err = secrets.Open(t.Context(), "gcp://my-project?endpoint=private.example")
	assert.NoError(t, err, "the option wins")
}

func TestNoCredentialInAURIIsShown(t *testing.T) {
	t.Setenv(emulatorEnv, "")
	password := "5f1ehunter2hunter3"
	for name := range checkedOptions {
		for _, value := range []string{"ya29.a0" + password, "https://user:" + password + "@host", `{"private_key":"` + password + `"}`} {
			err := check(secrets.Ref{Scheme: "gcp", Base: "my-project", Options: map[string]string{name: value}})
			if err != nil { // what can be a host's name is one
				assert.NotContains(t, err.Error(), password, name)
			}
		}
	}
	for _, path := range []string{"ya29.a0" + password, "my-project/ya29.a0" + password + "/x", "projects/p/locations/ya29.a0" + password + "/secrets/x"} {
		for _, ref := range []secrets.Ref{{Base: path}, {Path: path}} {
			err := check(ref)
			require.Error(t, err, path)
			assert.NotContains(t, err.Error(), password, path)
		}
	}
}
