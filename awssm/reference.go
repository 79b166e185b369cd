package awssm

import (
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
	"github.com/go-secrets/secrets/internal/foreign"
)

// translate reads ARNs, with the suffix that ECS task definitions have, and
// vals' names of options.
func translate(form string, ref *secrets.Ref) error {
	if err := awsapi.TranslateARN(ref, "secretsmanager", cutSuffix); err != nil {
		return err
	}
	if !strings.HasPrefix(form, "ref+") {
		return nil
	}
	return foreign.Rename(ref, "role_arn", "role", "version_id", "version", "version_stage", "stage")
}

// cutSuffix takes off the path what ECS has after the name of a secret:
// arn:partition:secretsmanager:region:account:secret:name[:json-key[:stage[:version-id]]].
//
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
func cutSuffix(ref *secrets.Ref) error {
	const kindAt, nameAt, keyAt, stageAt, versionAt = 5, 6, 7, 8, 9
	parts := strings.Split(ref.Path, ":")
	if len(parts) <= nameAt || parts[kindAt] != "secret" || parts[nameAt] == "" {
		return foreign.Invalid("the ARN of a secret ends in secret:name")
	}
	if len(parts) > versionAt+1 {
		return foreign.Invalid("the ARN of a secret has more than :json-key:stage:version-id after the name")
	}
	ref.Path = strings.Join(parts[:keyAt], ":")
	for i, part := range parts[keyAt:] {
		var err error
		switch {
		case part == "":
		case i+keyAt == stageAt:
			err = foreign.Set(ref, "stage", part)
		case i+keyAt == versionAt:
			err = foreign.Set(ref, "version", part)
		case ref.Field != "":
			err = foreign.Invalid("the ARN has a JSON key and there is a #field, too")
		default:
			ref.Field = part
		}
		if err != nil {
			return err
		}
	}
	return nil
}
