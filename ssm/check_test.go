package ssm

import (
	"testing"

	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

func TestEveryOptionIsCheckedWhenAURIIsOpened(t *testing.T) {
	t.Parallel()
	awstest.Opened(t, "ssm:///", awstest.Options{
		"tree": {Right: []string{"true", "false"}, Wrong: map[string]string{"ture": `option tree is "ture"; it is true or false; did you mean true?`}},
		"version": {
			Right: []string{"1", "04"},
			Wrong: map[string]string{
				"0": "option version", "-1": "option version", "": `option version is ""`,
				"latest":                     "without the option the newest is read",
				"blue":                       "did you mean label=blue?",
				"hvs.CAESIJmL0mGvC4bq2kqWuQ": "option version is something else (26 bytes); it is the number of a parameter's version, 1 or more, and without the option the newest is read",
			},
		},
		"label": {
			Right: []string{"blue", "release-7.1_a"},
			Wrong: map[string]string{
				"": `option label is ""`, "a:b": `option label is "a:b"`, "a%20b": "option label", "AWS-x": "begins with no digit, aws or ssm",
				"3": "did you mean version=3?",
			},
		},
		"prefix": {
			Right: []string{"team-", "/team/"},
			Wrong: map[string]string{"a%20b": `option prefix is "a b"; a parameter's name has ASCII letters`, "x:": "option prefix"},
		},
	})
}

func TestThePathOfAURIIsCheckedWhenItIsOpened(t *testing.T) {
	t.Parallel()
	awstest.OpenedPaths(t, "ssm://",
		[]string{"", "/", "/prod", "prod/", "arn:aws:ssm:eu-west-1:123456789012:parameter/prod"},
		map[string]string{"/prod%20db": "a parameter's name has ASCII letters", "/größe": "a parameter's name", "/a:3": "a parameter's name", "/aws/reference/secretsmanager": "write awssm://"})
}
