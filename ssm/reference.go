package ssm

import (
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
	"github.com/go-secrets/secrets/internal/foreign"
)

// translate reads ARNs, with a selector, and what vals means.
func translate(form string, ref *secrets.Ref) error {
	if err := awsapi.TranslateARN(ref, "ssm", splitARN); err != nil {
		return err
	}
	if !strings.HasPrefix(form, "ref+") {
		return nil
	}
	if err := foreign.Rename(ref, "role_arn", "role"); err != nil || form != "ref+awsssm" {
		return err
	}
	return fromVals(ref)
}

// splitARN takes the selector off a path
// arn:partition:ssm:region:account:parameter/name[:selector]: what follows a
// colon after the last slash, a version if it is a number, a label otherwise.
//
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-versions.html
func splitARN(ref *secrets.Ref) error {
	slash := strings.LastIndexByte(ref.Path, '/')
	folder, last := ref.Path[:max(slash, 0)], ref.Path[slash+1:]
	last, selector, selected := strings.Cut(last, ":")
	parts := strings.SplitN(folder, ":", 6)
	switch {
	case len(parts) < 6 || parts[5] != "parameter" && !strings.HasPrefix(parts[5], "parameter/") || last == "":
		return foreign.Invalid("the ARN of a parameter ends in parameter/name")
	case strings.Contains(parts[5], ":"), strings.Contains(selector, ":"), selected && selector == "":
		return foreign.Invalid("the ARN of a parameter has one :version or :label, at its end, or none")
	}
	ref.Path = folder + "/" + last
	switch {
	case !selected:
		return nil
	case foreign.Only(selector, foreign.Digits):
		return foreign.Set(ref, "version", selector)
	}
	return foreign.Set(ref, "label", selector)
}

// fromVals: vals puts a slash before the path, and takes #/name for the
// parameter of that name below it, unless mode=singleparam says that it is a
// field of the parameter.
func fromVals(ref *secrets.Ref) error {
	arn := awsapi.IsARN(ref.Path)
	if !arn && !strings.HasPrefix(ref.Path, "/") {
		ref.Path = "/" + ref.Path
	}
	mode := ref.Options["mode"]
	delete(ref.Options, "mode")
	switch {
	case mode == "singleparam" || mode == "" && ref.Field == "":
		return nil
	case mode != "":
		return foreign.Invalid("ref+awsssm:// knows the mode singleparam, and no other")
	case arn:
		return foreign.Invalid("ref+awsssm:// with an ARN and a field needs mode=singleparam")
	}
	ref.Path = strings.TrimSuffix(ref.Path, "/") + "/" + strings.TrimPrefix(ref.Field, "/")
	ref.Field = ""
	delete(ref.Options, "recursive") // how vals finds it, not what it is
	return nil
}
