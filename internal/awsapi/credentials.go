package awsapi

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/limit"
)

// marked is a credential provider whose failures can be told from others.
type marked struct {
	aws.CredentialsProvider
	hide *hidden
}

func (m *marked) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := m.CredentialsProvider.Retrieve(withStep(ctx))
	if err == nil && !c.HasKeys() {
		err = errNoKeys
	}
	if err != nil {
		err = &credentialError{m.hide.strip(withoutClass(err))}
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

// sources tells where a credential provider would get its credentials.
func sources(p aws.CredentialsProvider) []aws.CredentialSource {
	if s, ok := p.(aws.CredentialProviderSource); ok {
		return s.ProviderSources()
	}
	return nil
}

// has reports whether a chain has one of the sources.
func has(chain []aws.CredentialSource, sources ...aws.CredentialSource) bool {
	return slices.ContainsFunc(sources, func(s aws.CredentialSource) bool { return slices.Contains(chain, s) })
}

// A kind of credential source is what its failures have in common.
type kind int

const (
	byOwnProvider kind = iota // a user's own client has it
	byRole                    // the role of option role
	byProfileRole             // the role of a profile
	byIdentity
	bySSO
	byLogin
	byProcess
	byContainer
	byInstance
	byKeys
)

// kindOf returns the kind of the first source of a chain, which is where the
// others get theirs.
func kindOf(chain []aws.CredentialSource) kind {
	switch {
	case has(chain, aws.CredentialSourceSSO, aws.CredentialSourceSSOLegacy, aws.CredentialSourceProfileSSO, aws.CredentialSourceProfileSSOLegacy):
		return bySSO
	case has(chain, aws.CredentialSourceLogin, aws.CredentialSourceProfileLogin):
		return byLogin
	case has(chain, aws.CredentialSourceEnvVarsSTSWebIDToken, aws.CredentialSourceProfileSTSWebIDToken):
		return byIdentity
	case has(chain, aws.CredentialSourceProcess, aws.CredentialSourceProfileProcess):
		return byProcess
	case has(chain, aws.CredentialSourceIMDS):
		return byInstance
	case has(chain, aws.CredentialSourceHTTP):
		return byContainer
	case len(chain) > 0:
		return byKeys
	}
	return byOwnProvider
}

// failedKind returns the kind of the source that failed: the operation says
// whether it is a role that was not given, or what it is assumed with.
func (o *Options) failedKind(err error, chain []aws.CredentialSource) kind {
	var base *baseError
	atRole := o.Role != "" && !errors.As(err, &base)
	switch operationOf(err) {
	case "AssumeRole":
		if atRole {
			return byRole
		}
		return byProfileRole
	case "AssumeRoleWithWebIdentity":
		return byIdentity
	}
	if kind := kindOf(chain); kind != byKeys {
		return kind
	}
	if atRole {
		return byRole
	}
	return byKeys
}

// operationOf is the innermost operation that an error tells of.
func operationOf(err error) string {
	name := ""
	walk(err, func(e error) {
		if operation, ok := e.(*smithy.OperationError); ok {
			name = operation.OperationName
		}
	})
	return name
}

// source is where credentials come from, for a message.
func (o *Options) source(chain []aws.CredentialSource) string {
	kind := kindOf(chain)
	if o.Role != "" && kind == byKeys {
		kind = byRole
	}
	return o.named(kind)
}

func (o *Options) named(kind kind) string {
	switch kind {
	case byRole:
		return "STS, for role " + o.Role
	case byProfileRole:
		return "STS, for the role of profile " + o.profile()
	case byIdentity:
		return "STS, for the web identity token"
	case bySSO:
		return "the SSO portal, for profile " + o.profile()
	case byLogin:
		return "the sign-in service, for profile " + o.profile()
	case byProcess:
		return "credential_process of profile " + o.profile()
	case byContainer:
		return "the container's endpoint " + containerEndpoint()
	case byInstance:
		return "instance metadata"
	case byKeys:
		return "the shared files and STS"
	}
	return "the client's credential provider"
}

// credentialsFailed describes a chain that gave no credentials: what was
// asked, why it failed, and what to do. Its class is that of the cause: only
// where there are no credentials, or they were refused, is it
// ErrUnauthenticated.
func (o *Options) credentialsFailed(err error, chain []aws.CredentialSource, c *Conn) *fault.Error {
	err = c.hide.strip(err)
	kind := o.failedKind(err, chain)
	a := AnswerOf(err)
	f := &fault.Error{Class: credentialClass(err, a, kind), Err: err, Quiet: true, Retry: a.RetryAfter}
	why := c.hide.cause(err)
	if (kind == byContainer || kind == byInstance) && why == status(a.Status) {
		why = plainStatus(a)
	}
	switch {
	case f.Class == secrets.ErrInvalid && c.Region == "" && !c.own:
		return o.noRegion(c.own)
	case f.Class == secrets.ErrInvalid:
		f.Msg = "the AWS credentials: " + o.named(kind) + " was not asked: " + why
		return f
	case f.Class != secrets.ErrUnauthenticated:
		f.Msg = "the AWS credentials: " + o.named(kind) + ": " + why
		if distrusts(err) {
			f.Msg += "; name its authority's certificate in AWS_CA_BUNDLE"
		}
		return f
	}
	if kind == byRole && a.Class() == secrets.ErrPermission {
		f.Missing = "sts:AssumeRole"
	}
	what, mend := o.refused(err, a, kind)
	f.Msg = "no AWS credentials: " + what
	if why != "" {
		f.Msg += ": " + why
	}
	if mend != "" {
		f.Msg += "; " + mend
	}
	return f
}

// agentCode is how the Pod Identity agent names what EKS answered:
// https://github.com/aws/eks-pod-identity-agent.
var agentCode = regexp.MustCompile(`\(([A-Z][A-Za-z]{2,60})\): `)

// plainStatus describes an answer of a source that has no error codes: it
// speaks plain text. Of that no more is shown than the code that it quotes.
func plainStatus(a Answer) string {
	text := "status " + strconv.Itoa(a.Status)
	if quoted := agentCode.FindStringSubmatch(a.Message); quoted != nil {
		text += ", " + quoted[1]
	}
	return text
}

// refused says of a source that has no credentials, or refuses them, what it
// did not do, and how to mend that.
func (o *Options) refused(err error, a Answer, kind kind) (what, mend string) {
	profile := o.profile()
	switch kind {
	case byRole:
		return "role " + o.Role + " was not given", "allow sts:AssumeRole and check the role's trust policy"
	case byProfileRole:
		return "the role of profile " + profile + " was not given", "allow sts:AssumeRole and check the role's trust policy"
	case bySSO:
		if a.Code == "ForbiddenException" {
			return "the SSO portal gives profile " + profile + " no credentials for its account and role", "check sso_account_id and sso_role_name"
		}
		return "the SSO session of profile " + profile + " is absent or expired", "run `aws sso login --profile " + profile + "`"
	case byLogin:
		return "the login session of profile " + profile + " is absent or expired", "run `aws login --profile " + profile + "`"
	case byIdentity:
		var file *fileError
		if errors.As(err, &file) {
			return "the web identity token cannot be read", "mount the service account's token there, or unset the setting"
		}
		return "the web identity token (" + variableIdentity + ") was not exchanged for role " + plain(os.Getenv("AWS_ROLE_ARN")), "check the service account's role and its trust policy"
	case byProcess:
		return "credential_process of profile " + profile, "run the command by hand"
	case byContainer:
		return o.tried("the container's endpoint " + containerEndpoint() + " gives none"), "check the task's role, or the Pod Identity association of the service account"
	case byInstance:
		last, mend := o.instance(err, a)
		return o.tried(last), mend
	}
	if kind == byKeys {
		return "the keys of the environment or of profile " + profile + " are not usable", "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	}
	return "the client's credential provider failed", ""
}

// instance says why instance metadata gave no credentials.
func (o *Options) instance(err error, a Answer) (last, mend string) {
	var hops *hopsError
	switch {
	case strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true"):
		last = "instance metadata disabled by AWS_EC2_METADATA_DISABLED"
	case errors.As(err, &hops):
		return "instance metadata does not answer this container", "raise its hop limit: aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2"
	case a.Status == 404:
		return "instance metadata has no role for this machine", "attach an instance profile, or set AWS_PROFILE"
	case a.Status != 0:
		return "instance metadata refuses to answer", "check the instance's metadata options; in a container, its hop limit (HttpPutResponseHopLimit)"
	default:
		last = "instance metadata unreachable"
	}
	return last, "run `aws sso login`, set AWS_PROFILE, or check the service account's role"
}

// tried lists the default chain as the SDK walks it, with what was found, and
// last what is said of its last part.
func (o *Options) tried(last string) string {
	env := "environment unset"
	switch {
	case o.Profile != "":
		env = "environment not asked (?profile= is set)"
	case os.Getenv("AWS_ACCESS_KEY_ID") != "" || os.Getenv("AWS_ACCESS_KEY") != "":
		env = "AWS_ACCESS_KEY_ID set without AWS_SECRET_ACCESS_KEY"
	}
	return env + ", profile " + o.profile() + " absent or without credentials, " + last
}

// credentialClass returns the class of the failure of a credential source.
func credentialClass(err error, a Answer, kind kind) error {
	var gone *unreachableError
	switch {
	case errors.Is(err, limit.ErrTooLarge), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errNoKeys) && kind != byOwnProvider:
		return secrets.ErrUnavailable // whatever it was going to say
	case a.Code != "" || a.Status != 0:
		return answerClass(a)
	case errors.As(err, &gone):
		return secrets.ErrUnauthenticated // there is no such service on this machine
	}
	if has := (*unsentError)(nil); errors.As(err, &has) {
		return secrets.ErrInvalid
	}
	var hops *hopsError
	var file *fileError
	var process *processcreds.ProviderError
	switch {
	case errors.As(err, &hops):
		return secrets.ErrUnauthenticated
	case errors.As(err, &file):
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			return secrets.ErrUnauthenticated
		case isLate(err):
			return secrets.ErrUnavailable
		}
		return secrets.ErrInvalid
	case isLate(err), sent(err):
		return secrets.ErrUnavailable
	case trouble(err) != nil:
		return trouble(err)
	case errors.As(err, &process), kind == byOwnProvider:
		return secrets.ErrUnauthenticated
	case operationOf(err) != "" && kind != byInstance && kind != bySSO:
		return secrets.ErrInvalid
	}
	return secrets.ErrUnauthenticated
}

// answerClass returns the class of what a credential source answers. What it
// refuses, for whatever reason, is ErrUnauthenticated.
func answerClass(a Answer) error {
	switch a.Code {
	case "IDPCommunicationError", "InternalFailure", "InternalServerException", "ServiceUnavailable":
		return secrets.ErrUnavailable
	}
	class := a.Class()
	switch {
	case strings.Contains(a.Message, "retrieve verification key"):
		return secrets.ErrUnavailable // STS did not reach who signed the web identity: it says InvalidIdentityToken
	case class == secrets.ErrThrottled:
		return class
	case class != secrets.ErrUnavailable:
		return secrets.ErrUnauthenticated
	case a.Status >= 400 && a.Status < 500 && a.Status != 408:
		return secrets.ErrUnauthenticated
	}
	return class
}

// sent reports whether an error is about a request that went out, or a
// connection for one.
func sent(err error) bool {
	var request *smithyhttp.RequestSendError
	var body *smithy.DeserializationError
	return errors.As(err, &request) || errors.As(err, &body)
}

// cause is the last thing that an error of the credential chain tells: the
// answer of a service, or the innermost text.
func (h *hidden) cause(err error) string {
	var hops *hopsError
	var file *fileError
	switch a := AnswerOf(err); {
	case errors.Is(err, limit.ErrTooLarge):
		return limit.ErrTooLarge.Error()
	case errors.Is(err, errBroken):
		return "the answer broke off"
	case a.Code != "":
		return h.clean(oneLine(a.Code + ": " + a.Message))
	case a.Status != 0:
		return status(a.Status)
	case errors.As(err, &hops):
		return hops.Error()
	case errors.As(err, &file):
		return h.clean(oneLine(file.Error()))
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	last := err
	for next := err; next != nil; next = errors.Unwrap(next) {
		last = next
		if found := dialled(next); found != nil {
			last = found
			break
		}
	}
	return h.clean(oneLine(last.Error()))
}
