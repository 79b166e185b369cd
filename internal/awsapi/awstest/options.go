package awstest

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// Values are what an option can be, and what it cannot, each with a part of what
// the error says. They are written as in a URI.
type Values struct {
	Right []string
	Wrong map[string]string
	With  string // other options that a right value needs
}

// Options are the values of options, by name.
type Options map[string]Values

// shared are the options that both backends have.
var shared = Options{
	"region": {
		Right: []string{"", "eu-west-1", "us-gov-east-1", "cn-northwest-1", "us-isob-east-1", "eusc-de-east-1", "fips-us-east-1", "aws-global", "local", "eu-south-9"},
		Wrong: map[string]string{
			"eu-wst-1":     `option region is "eu-wst-1", which is none: a region reads eu-west-1; did you mean eu-west-1?`,
			"EU-West-1":    "did you mean eu-west-1?",
			"eu-west-1a":   "did you mean eu-west-1?", // an availability zone
			"eu-west-2%20": "did you mean eu-west-2?",
			"eu_west_3":    "did you mean eu-west-3?",
			"us-east1":     "did you mean us-east-1?",
			"europe-west1": "a region reads eu-west-1",
			"CACentral1":   "did you mean ca-central-1?",
			"***":          "option region is something else (3 bytes)",
			"$REGION":      "option region is something else (7 bytes)",
			"a/b":          "option region",
			"wJalrXUtnFEMI%2FK7MDENG%2FbPxRfiCYEXAMPLEKEY": "option region is something else (40 bytes)",
		},
	},
	"profile": {
		Right: []string{"", "prod", "my%20profile", "AdministratorAccess-123456789012", "a@b.c"},
		Wrong: map[string]string{
			"%20prod":              `option profile is " prod", which is no profile`,
			"[prod]":               "option profile",
			"a%0Ab":                "option profile is something else (3 bytes)",
			"AKIAIOSFODNN7EXAMPLE": "option profile is something else (20 bytes)",
		},
	},
	"role": {
		Right: []string{"", "arn:aws:iam::123456789012:role/app", "arn:aws-us-gov:iam::123456789012:role/a/b/app", "arn:aws:iam::000000000000:role/aws-service-role/x.amazonaws.com/A_b+=,.@-"},
		Wrong: map[string]string{
			"app":                                           `option role is "app"; it reads arn:aws:iam::ACCOUNT:role/NAME`,
			"arn:aws:iam::12345678901:role/app":             "twelve digits",
			"arn:aws:iam::123456789012:user/app":            "this is none of a role",
			"arn:aws:iam::123456789012:rol/app":             "did you mean role?",
			"arn:aws:sts::123456789012:assumed-role/app/me": "a session of one",
			"arn:aws:iam::123456789012:role/":               "it reads arn:aws:iam",
			"AKIAIOSFODNN7EXAMPLE":                          "option role is something else (20 bytes)",
		},
	},
	"external_id": {
		With:  "role=arn:aws:iam::123456789012:role/app",
		Right: []string{"", "ab", "a-b@c:/x"},
		Wrong: map[string]string{
			"a":                       "option external_id has 1 bytes; it has 2 to 1224",
			"hunter%20two":            "option external_id has 10 bytes",
			strings.Repeat("x", 1225): "option external_id has 1225 bytes",
		},
	},
	"endpoint": {
		Right: []string{"", "https://vpce-1.example.com", "http://localhost:4566", "http://[::1]:4566/x"},
		Wrong: map[string]string{
			"localhost:4566":         "option endpoint is localhost:4566; it reads http://host:port or https://host:port",
			"localhost":              "option endpoint is something that is no URL (9 bytes)",
			"ftp://x":                "it reads http://host:port",
			"https://":               "option endpoint",
			"https://x:99999":        "whose port is none of 1 to 65535",
			"https://x:0":            "whose port",
			"https://x:port":         "option endpoint",
			"http://emulator:4566":   "over plain http",
			"https://u:hunter2@x":    "option endpoint",
			"https://x%2F%3Fhunter2": "option endpoint",
			"https://x?a=hunter2":    "option endpoint is https://x with a query or a fragment",
		},
	},
	"allow_http": {
		Right: []string{"true", "false", "1", "F"},
		Wrong: map[string]string{
			"":                           `option allow_http is ""; it is true or false`,
			"yes":                        `option allow_http is "yes"; it is true or false; did you mean true?`,
			"off":                        "did you mean false?",
			"hvs.CAESIJmL0mGvC4bq2kqWuQ": "option allow_http is something else (26 bytes)",
		},
	},
	"batch": {
		Right: []string{"true", "false", "0"},
		Wrong: map[string]string{"flase": `option batch is "flase"; it is true or false; did you mean false?`, "perhaps": `option batch is "perhaps"; it is true or false`},
	},
}

// Opened checks that every option of a backend is refused at once with a value
// that it cannot have, in a provider's URI, in a reference and in a
// configuration. own are its options beside those that all have.
func Opened(t *testing.T, uri string, own Options) {
	t.Helper()
	all := maps.Clone(shared)
	maps.Copy(all, own)
	for option, values := range all {
		with := func(value string) string {
			return uri + "db?" + strings.TrimPrefix(values.With+"&"+option+"="+escape(option, value), "&")
		}
		for _, value := range values.Right {
			r, err := secrets.Open(t.Context(), with(value), secrets.WithOnDemand())
			if assert.NoError(t, err, with(value)) {
				require.NoError(t, r.Close())
			}
		}
		for value, says := range values.Wrong {
			Refused(t, with(value), says)
		}
	}
	_, err := secrets.Open(t.Context(), uri+"db?external_id=abc")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, "belongs to option role")
}

// escape writes a value as an option, unless it is written so already.
func escape(option, value string) string {
	if option == "endpoint" {
		return url.QueryEscape(value)
	}
	return value
}

// OpenedPaths checks what path a provider's URI can have.
func OpenedPaths(t *testing.T, uri string, right []string, wrong map[string]string) {
	t.Helper()
	for _, path := range right {
		r, err := secrets.Open(t.Context(), uri+path, secrets.WithOnDemand())
		if assert.NoError(t, err, uri+path) {
			require.NoError(t, r.Close())
		}
	}
	for path, says := range wrong {
		_, err := secrets.Open(t.Context(), uri+path)
		require.ErrorIs(t, err, secrets.ErrInvalid, uri+path)
		assert.ErrorContains(t, err, says, uri+path)
	}
}

// Refused checks that nothing is opened with a URI, be it a provider's or a
// reference, and what the error says.
func Refused(t *testing.T, uri, says string) {
	t.Helper()
	_, opened := secrets.Open(t.Context(), uri)
	_, configured := secrets.OpenConfig(t.Context(), secrets.Config{Providers: []string{uri}})
	_, referred := secrets.New(secrets.Chain(), secrets.WithReferences(map[string]string{"db": uri})).Get(t.Context(), "db")
	for _, err := range []error{opened, configured, referred} {
		require.ErrorIs(t, err, secrets.ErrInvalid, uri)
		assert.ErrorContains(t, err, says, uri)
		for _, canary := range []string{"hunter2", "CAESIJ", "AKIAIOS", "wJalrX"} {
			assert.NotContains(t, err.Error(), canary, uri)
		}
	}
}
