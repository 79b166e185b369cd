package awsapi

import (
	"strings"
)

// An ARN is an Amazon Resource Name, cut into what a read needs. Its form is
// arn:partition:service:region:account:resource, in every partition.
type ARN struct {
	Region   string
	Resource string // all that follows the account
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
	return ARN{Region: part[3], Resource: part[5]}, nil
}
