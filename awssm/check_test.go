package awssm

import (
	"testing"

	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

func TestEveryOptionIsCheckedWhenAURIIsOpened(t *testing.T) {
	t.Parallel()
	awstest.Opened(t, "awssm://", awstest.Options{
		"stage": {
			Right: []string{"AWSCURRENT", "AWSPREVIOUS", "AWSPENDING", "blue", "1.0.0", "current", "AWSBILLING", "release%207"},
			Wrong: map[string]string{
				"":           `option stage is ""; a staging label has 1 to 256 characters`,
				"AWSCURENT":  "did you mean AWSCURRENT?",
				"awspending": "did you mean AWSPENDING?",
				"a%0Ab":      "option stage is something else (3 bytes)",
			},
		},
		"version": {
			Right: []string{awstest.SecretVersion, "EXAMPLE1-90ab-cdef-fedc-ba987SECRET1"},
			Wrong: map[string]string{
				"3":                             `option version is "3"; a VersionId has 32 to 64 letters`,
				"uuid/" + awstest.SecretVersion: "leave out uuid/",
				"latest":                        "without the option the current version is read",
				"awscurrent":                    "did you mean stage=AWSCURRENT?",
				"":                              `option version is ""`,
				"hvs.CAESIJmL0mGvC4bq2kqWuQ":    "option version is something else (26 bytes)",
			},
		},
		"prefix": {
			Right: []string{"team-", "team/", "!"},
			Wrong: map[string]string{"a%20b": `option prefix is "a b"; a secret's name has ASCII letters`, "arn:aws:x": "option prefix"},
		},
	})
}

func TestThePathOfAURIIsCheckedWhenItIsOpened(t *testing.T) {
	t.Parallel()
	awstest.OpenedPaths(t, "awssm://",
		[]string{"", "prod", "prod/", "rds!cluster-1", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod"},
		map[string]string{"prod%20db": "a secret's name has ASCII letters", "größe": "a secret's name", "a:b": "a secret's name"})
}
