package awsapi

import (
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/foreign"
)

// An ARN is an Amazon Resource Name, cut into what a read needs. Its form is
// arn:partition:service:region:account:resource, in every partition.
type ARN struct {
	Region   string
	Resource string // all that follows the account

	partition, account string
}

// IsARN reports whether a path is meant as an ARN.
func IsARN(path string) bool { return strings.HasPrefix(path, "arn:") }

// ParseARN reads an ARN of a service. Its error is of class ErrInvalid.
func ParseARN(s, service string) (ARN, error) {
	part := strings.SplitN(s, ":", 6)
	switch {
	case len(part) < 6 || part[0] != "arn" || part[1] == "" || part[5] == "":
		return ARN{}, invalid("an ARN reads arn:partition:" + service + ":region:account:resource")
	case part[2] != service:
		return ARN{}, invalid("this is the ARN of a resource of another service than " + service)
	}
	return ARN{Region: part[3], Resource: part[5], partition: part[1], account: part[4]}, nil
}

// TranslateARN checks a reference whose path is an ARN of a service, makes the
// region of the ARN its option region, and has split take apart what follows the
// name. It leaves other references as they are.
func TranslateARN(ref *secrets.Ref, service string, split func(*secrets.Ref) error) error {
	if !IsARN(ref.Path) {
		return nil
	}
	arn, err := ParseARN(ref.Path, service)
	if err != nil {
		return err
	}
	const region = foreign.Lower + foreign.Digits + "-"
	switch {
	case arn.partition != "aws" && !strings.HasPrefix(arn.partition, "aws-") || !foreign.Only(arn.partition, region):
		return invalid("the partition of the ARN is none (aws, aws-cn, aws-us-gov …)")
	case arn.Region == "" || !foreign.Only(arn.Region, region):
		return invalid("the region of the ARN is none")
	case len(arn.account) != 12 || !foreign.Only(arn.account, foreign.Digits):
		return invalid("the account of the ARN does not have twelve digits")
	}
	if err := foreign.Set(ref, "region", arn.Region); err != nil {
		return err
	}
	return split(ref)
}
