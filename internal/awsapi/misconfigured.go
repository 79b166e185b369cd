package awsapi

import (
	"errors"
	"os"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// configFailed describes a configuration that cannot be loaded.
func (o *Options) configFailed(err error, hide *hidden, ownAuthorities bool) error {
	var absent config.SharedConfigProfileNotExistError
	var second config.AssumeRoleTokenProviderNotSetError
	var malformed config.SharedConfigLoadError
	profile := o.profile()
	switch {
	case errors.As(err, &absent):
		return &fault.Error{
			Class: secrets.ErrUnauthenticated, Err: hide.withoutFiles(absent), Quiet: true,
			Msg: "no AWS credentials: profile " + profile + " is in none of " + shownFiles() +
				"; set AWS_PROFILE or ?profile= to one that is, or run `aws configure sso --profile " + profile + "`",
		}
	case errors.As(err, &second):
		return &fault.Error{
			Class: secrets.ErrUnauthenticated, Err: second, Quiet: true,
			Msg: "no AWS credentials: profile " + profile + " has mfa_serial, so its role takes a code that a program does not have" +
				"; use a profile without it, aws sso login, or keys of a session that `aws sts assume-role` gave",
		}
	case errors.As(err, &malformed):
		// The parser's words may be what is in the file.
		return fault.New(secrets.ErrInvalid, "the AWS configuration in "+shownFiles()+" cannot be read: it is malformed, or may not be opened", nil)
	case ownAuthorities && strings.Contains(err.Error(), "CA bundle"):
		return fault.New(secrets.ErrInvalid, "AWS_CA_BUNDLE, or ca_bundle of profile "+profile+", names a file without a certificate in PEM", nil)
	}
	stripped := hide.strip(err)
	text := stripped.Error()
	if cut := withoutSettings(text); cut != text {
		stripped, text = nil, cut
	}
	return &fault.Error{
		Class: secrets.ErrInvalid, Err: stripped, Quiet: true,
		Msg: "the AWS configuration (environment, profile " + profile + " in " + shownFiles() + ") does not load: " + hide.clean(oneLine(text)),
	}
}

// settingValue is what the SDK quotes of a setting that it does not understand.
var settingValue = regexp.MustCompile(`=[^\s,]+|(unknown [^,]+|invalid value[^,]*), .*`)

// withoutSettings takes the values of settings out of a text.
func withoutSettings(text string) string { return settingValue.ReplaceAllString(text, "$1") }

// withoutFiles returns an error about a profile without what is no file name.
func (h *hidden) withoutFiles(e config.SharedConfigProfileNotExistError) error {
	shown := config.SharedConfigProfileNotExistError{Profile: plain(e.Profile)}
	for _, name := range e.Filename {
		if !namedfile.Plausible(name) {
			name = namedfile.Show(name)
		}
		shown.Filename = append(shown.Filename, name)
	}
	return shown
}

// noRegion is the error of a call that no region is known for.
func (o *Options) noRegion(own bool) *fault.Error {
	if own {
		return invalid("no AWS region: the client that the provider was made with has none; set AWS_REGION before its configuration is loaded, or its option Region")
	}
	return invalid("no AWS region: AWS_REGION is unset and profile " + o.profile() + " sets none; add ?region= to the URI or set AWS_REGION")
}

// noSuchRegion is the error of a region that can be none.
func (o *Options) noSuchRegion(region string) error {
	setting := "the region of profile " + o.profile()
	for _, name := range []string{"AWS_DEFAULT_REGION", "AWS_REGION"} {
		if os.Getenv(name) == region {
			setting = name
		}
	}
	return invalid(setting + " is " + shownRegion(region) + ", which is no region: one reads eu-west-1, without white space or a line break")
}
