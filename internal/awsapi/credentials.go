package awsapi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// marked is a credential provider whose failures can be told from others.
type marked struct{ aws.CredentialsProvider }

func (m marked) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := m.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = &credentialError{Strip(err)}
	}
	return c, err
}

// ProviderSources lets the SDK tell the service where the credentials came
// from, as it does without the marking.
func (m marked) ProviderSources() []aws.CredentialSource { return sources(m.CredentialsProvider) }

// A credentialError is a failure to get credentials.
type credentialError struct{ err error }

func (e *credentialError) Error() string { return e.err.Error() }
func (e *credentialError) Unwrap() error { return e.err }

// configFailed describes a configuration that cannot be loaded.
func configFailed(err error, o Options) error {
	var absent config.SharedConfigProfileNotExistError
	if errors.As(err, &absent) {
		return &fault.Error{
			Class: secrets.ErrUnauthenticated,
			Msg: fmt.Sprintf("no AWS credentials: profile %q is in none of %s; set AWS_PROFILE or ?profile= to one that is, or run `aws configure sso --profile %s`",
				absent.Profile, strings.Join(configFiles(), ", "), absent.Profile),
			Err: err, Quiet: true,
		}
	}
	return fault.New(secrets.ErrUnauthenticated,
		fmt.Sprintf("no AWS credentials: the AWS configuration (environment, profile %q in %s) does not load", o.profile(), strings.Join(configFiles(), ", ")), Strip(err))
}

// noRegion is the error of a call that no region is known for.
func noRegion(o Options) error {
	return fault.New(secrets.ErrInvalid,
		fmt.Sprintf("no AWS region: AWS_REGION is unset and profile %q sets none; add ?region= to the URI or set AWS_REGION", o.profile()), nil)
}

// credentialsFailed describes a chain that gave no credentials: what was
// tried, why it failed, and what to do.
func credentialsFailed(err error, o Options, chain []aws.CredentialSource) error {
	err = Strip(err)
	f := &fault.Error{Class: secrets.ErrUnauthenticated, Err: err, Quiet: true}
	reason := cause(err)
	has := func(s ...aws.CredentialSource) bool {
		return slices.ContainsFunc(s, func(s aws.CredentialSource) bool { return slices.Contains(chain, s) })
	}
	var sso *ssocreds.InvalidTokenError
	var operation *smithy.OperationError
	switch {
	case o.Role != "" && errors.As(err, &operation) && operation.ServiceID == "STS":
		if AnswerOf(err).Class() == secrets.ErrPermission {
			f.Missing = "sts:AssumeRole"
		}
		f.Msg = fmt.Sprintf("no AWS credentials: role %s was not given: %s; allow sts:AssumeRole and check the role's trust policy", o.Role, reason)
	case errors.As(err, &sso), has(aws.CredentialSourceSSO, aws.CredentialSourceSSOLegacy, aws.CredentialSourceProfileSSO, aws.CredentialSourceProfileSSOLegacy):
		f.Msg = fmt.Sprintf("no AWS credentials: the SSO session of profile %q is absent or expired: %s; run `aws sso login --profile %s`", o.profile(), reason, o.profile())
	case has(aws.CredentialSourceLogin, aws.CredentialSourceProfileLogin):
		f.Msg = fmt.Sprintf("no AWS credentials: the login session of profile %q is absent or expired: %s; run `aws login --profile %s`", o.profile(), reason, o.profile())
	case has(aws.CredentialSourceEnvVarsSTSWebIDToken, aws.CredentialSourceProfileSTSWebIDToken):
		f.Msg = fmt.Sprintf("no AWS credentials: the web identity token (AWS_WEB_IDENTITY_TOKEN_FILE) was not exchanged for role %s: %s; check the service account's role and its trust policy", os.Getenv("AWS_ROLE_ARN"), reason)
	case has(aws.CredentialSourceProcess, aws.CredentialSourceProfileProcess):
		f.Msg = fmt.Sprintf("no AWS credentials: credential_process of profile %q: %s; run the command by hand", o.profile(), reason)
	case has(aws.CredentialSourceIMDS, aws.CredentialSourceHTTP):
		f.Msg = fmt.Sprintf("no AWS credentials: %s; run `aws sso login`, set AWS_PROFILE, or check the service account's role", strings.Join(tried(o, has(aws.CredentialSourceHTTP), reason), ", "))
	case o.Role != "":
		f.Msg = fmt.Sprintf("no AWS credentials: role %s was not given: %s; check the credentials that assume it", o.Role, reason)
	default:
		f.Msg = fmt.Sprintf("no AWS credentials: the client's credential provider failed: %s", reason)
	}
	return f
}

// tried lists the default chain as the SDK walks it, with what was found.
func tried(o Options, container bool, reason string) []string {
	env := "environment unset"
	if os.Getenv("AWS_ACCESS_KEY_ID") != "" || os.Getenv("AWS_ACCESS_KEY") != "" {
		env = "AWS_ACCESS_KEY_ID set without AWS_SECRET_ACCESS_KEY"
		if o.Profile != "" {
			env = "environment not asked (?profile= is set)"
		}
	}
	list := []string{env, fmt.Sprintf("profile %s absent or without credentials", o.profile())}
	switch {
	case container:
		return append(list, "container endpoint failed ("+reason+")")
	case strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true"):
		return append(list, "instance metadata disabled by AWS_EC2_METADATA_DISABLED")
	}
	return append(list, "instance metadata unreachable ("+reason+")")
}

// cause is the last thing that an error of the credential chain tells: the
// answer of a service, or the innermost text.
func cause(err error) string {
	if a := AnswerOf(err); a.Code != "" {
		return a.Code + ": " + a.Message
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	last := err
	for next := err; next != nil; next = errors.Unwrap(next) {
		last = next
	}
	return oneLine(last.Error())
}

// configFiles are the shared configuration files that the SDK reads.
func configFiles() []string {
	files := []string{os.Getenv("AWS_CONFIG_FILE"), os.Getenv("AWS_SHARED_CREDENTIALS_FILE")}
	if files[0] == "" {
		files[0] = config.DefaultSharedConfigFilename()
	}
	if files[1] == "" {
		files[1] = config.DefaultSharedCredentialsFilename()
	}
	return files
}
