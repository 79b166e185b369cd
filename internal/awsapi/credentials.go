package awsapi

import (
	"context"
	"errors"
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

func (m *marked) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := m.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = &credentialError{Strip(err)}
	}
	return c, err
}

// ProviderSources lets the SDK tell the service where the credentials came
// from, as it does without the marking.
func (m *marked) ProviderSources() []aws.CredentialSource { return sources(m.CredentialsProvider) }

// A credentialError is a failure to get credentials.
type credentialError struct{ err error }

func (e *credentialError) Error() string { return e.err.Error() }
func (e *credentialError) Unwrap() error { return e.err }

// configFailed describes a configuration that cannot be loaded.
func configFailed(err error, o *Options) error {
	var absent config.SharedConfigProfileNotExistError
	if errors.As(err, &absent) {
		return &fault.Error{
			Class: secrets.ErrUnauthenticated,
			Msg: "no AWS credentials: profile " + absent.Profile + " is in none of " + strings.Join(configFiles(), ", ") +
				"; set AWS_PROFILE or ?profile= to one that is, or run `aws configure sso --profile " + absent.Profile + "`",
			Err: err, Quiet: true,
		}
	}
	return fault.New(secrets.ErrUnauthenticated,
		"no AWS credentials: the AWS configuration (environment, profile "+o.profile()+" in "+strings.Join(configFiles(), ", ")+") does not load", Strip(err))
}

// noRegion is the error of a call that no region is known for.
func noRegion(o *Options) error {
	return fault.New(secrets.ErrInvalid,
		"no AWS region: AWS_REGION is unset and profile "+o.profile()+" sets none; add ?region= to the URI or set AWS_REGION", nil)
}

// credentialsFailed describes a chain that gave no credentials: what was
// tried, why it failed, and what to do.
func credentialsFailed(err error, o *Options, chain []aws.CredentialSource) error {
	err = Strip(err)
	f := &fault.Error{Class: secrets.ErrUnauthenticated, Err: err, Quiet: true}
	reason, profile := cause(err), o.profile()
	var sso *ssocreds.InvalidTokenError
	var operation *smithy.OperationError
	what, mend := "the client's credential provider failed", ""
	switch {
	case o.Role != "" && errors.As(err, &operation) && operation.ServiceID == "STS":
		if AnswerOf(err).Class() == secrets.ErrPermission {
			f.Missing = "sts:AssumeRole"
		}
		what, mend = "role "+o.Role+" was not given", "allow sts:AssumeRole and check the role's trust policy"
	case errors.As(err, &sso), has(chain, aws.CredentialSourceSSO, aws.CredentialSourceSSOLegacy, aws.CredentialSourceProfileSSO, aws.CredentialSourceProfileSSOLegacy):
		what, mend = "the SSO session of profile "+profile+" is absent or expired", "run `aws sso login --profile "+profile+"`"
	case has(chain, aws.CredentialSourceLogin, aws.CredentialSourceProfileLogin):
		what, mend = "the login session of profile "+profile+" is absent or expired", "run `aws login --profile "+profile+"`"
	case has(chain, aws.CredentialSourceEnvVarsSTSWebIDToken, aws.CredentialSourceProfileSTSWebIDToken):
		what = "the web identity token (AWS_WEB_IDENTITY_TOKEN_FILE) was not exchanged for role " + os.Getenv("AWS_ROLE_ARN")
		mend = "check the service account's role and its trust policy"
	case has(chain, aws.CredentialSourceProcess, aws.CredentialSourceProfileProcess):
		what, mend = "credential_process of profile "+profile, "run the command by hand"
	case has(chain, aws.CredentialSourceIMDS, aws.CredentialSourceHTTP):
		what = tried(o, has(chain, aws.CredentialSourceHTTP))
		mend = "run `aws sso login`, set AWS_PROFILE, or check the service account's role"
	case o.Role != "":
		what, mend = "role "+o.Role+" was not given", "check the credentials that assume it"
	}
	f.Msg = "no AWS credentials: " + what + ": " + reason
	if mend != "" {
		f.Msg += "; " + mend
	}
	return f
}

// has reports whether a chain has one of the sources.
func has(chain []aws.CredentialSource, sources ...aws.CredentialSource) bool {
	for _, s := range sources {
		if slices.Contains(chain, s) {
			return true
		}
	}
	return false
}

// tried lists the default chain as the SDK walks it, with what was found. The
// reason for which its last part failed comes after it.
func tried(o *Options, container bool) string {
	env := "environment unset"
	switch {
	case o.Profile != "":
		env = "environment not asked (?profile= is set)"
	case os.Getenv("AWS_ACCESS_KEY_ID") != "" || os.Getenv("AWS_ACCESS_KEY") != "":
		env = "AWS_ACCESS_KEY_ID set without AWS_SECRET_ACCESS_KEY"
	}
	last := "instance metadata unreachable"
	switch {
	case container:
		last = "container endpoint failed"
	case strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true"):
		last = "instance metadata disabled by AWS_EC2_METADATA_DISABLED"
	}
	return env + ", profile " + o.profile() + " absent or without credentials, " + last
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
