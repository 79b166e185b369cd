package awsapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/limit"
)

// A Call says what was asked of a service, for the message of its failure.
type Call struct {
	Service    string // as people call it: Secrets Manager
	Action     string // as IAM calls it: secretsmanager:GetSecretValue
	Subject    string // the name or ARN asked for; may be empty
	Region     string
	Selected   bool // a version, stage or label was asked for: a refusal may be about that, not about the name
	NotFound   func(code, message string) bool
	MissingKMS func(code, message string) bool
}

// An Answer is the failure as the service put it.
type Answer struct {
	Code, Message string // of an API error; empty: there was none
	Status        int    // of HTTP; zero: there was no response
	RequestID     string
	RetryAfter    time.Duration
}

// AnswerOf takes from an error of the SDK what the service said.
func AnswerOf(err error) Answer {
	var a Answer
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() != "UnknownError" {
		a.Code, a.Message = api.ErrorCode(), oneLine(api.ErrorMessage())
	}
	var answered *awshttp.ResponseError
	if errors.As(err, &answered) {
		a.RequestID = answered.RequestID
	}
	var response *smithyhttp.ResponseError
	var status interface{ HTTPStatusCode() int } // of the container's endpoint
	switch {
	case errors.As(err, &response):
		if response.Response != nil && response.Response.Response != nil {
			a.Status = response.HTTPStatusCode()
			a.RetryAfter = retryAfter(response.Response.Header.Get("Retry-After"))
		}
	case errors.As(err, &status):
		a.Status = status.HTTPStatusCode()
	}
	return a
}

// longestRetryAfter is the most that a service is believed to ask for.
const longestRetryAfter = 24 * time.Hour

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(s string) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return time.Duration(min(n, uint64(longestRetryAfter/time.Second))) * time.Second // #nosec G115 -- at most a day
	}
	if t, err := http.ParseTime(s); err == nil {
		return min(max(0, time.Until(t)), longestRetryAfter)
	}
	return 0
}

// The error codes of each class, with an Exception at their end taken off, as
// words. The throttling codes are the SDK's own list.
const (
	permissionCodes = " AccessDenied NotAuthorized UnauthorizedOperation AccountProblem OptInRequired " +
		"DecryptionFailure InvalidKeyId KMSAccessDenied KMSDisabled KMSInvalidState KMSNotFound "
	credentialCodes = " InvalidClientTokenId UnrecognizedClient ExpiredToken TokenRefreshRequired InvalidToken InvalidSignature " +
		"IncompleteSignature SignatureDoesNotMatch MissingAuthentication MissingAuthToken MissingAuthenticationToken AuthFailure " +
		"RequestExpired RequestTimeTooSkewed "
	invalidCodes = " Validation ValidationError InvalidParameter InvalidParameterValue InvalidRequest InvalidFilterKey InvalidFilterValue " +
		"InvalidFilterOption Serialization UnknownOperation InvalidAction HierarchyLevelLimit UnsupportedParameter "
	notFoundCodes = " ResourceNotFound ParameterNotFound ParameterVersionNotFound ParameterVersionLabelNotFound "
)

// Class returns the class of an answer: by its code, and by the status of
// HTTP only where no code came (a proxy's page).
func (a Answer) Class() error {
	if a.Code != "" {
		if _, ok := retry.DefaultThrottleErrorCodes[a.Code]; ok {
			return secrets.ErrThrottled
		}
		word := " " + strings.TrimSuffix(a.Code, "Exception") + " "
		switch {
		case strings.Contains(permissionCodes, word):
			return secrets.ErrPermission
		case strings.Contains(credentialCodes, word):
			return secrets.ErrUnauthenticated
		case strings.Contains(invalidCodes, word):
			return secrets.ErrInvalid
		case strings.Contains(notFoundCodes, word):
			return secrets.ErrNotFound
		}
		return secrets.ErrUnavailable
	}
	switch a.Status {
	case http.StatusUnauthorized:
		return secrets.ErrUnauthenticated
	case http.StatusForbidden:
		return secrets.ErrPermission
	case http.StatusTooManyRequests:
		return secrets.ErrThrottled
	}
	return secrets.ErrUnavailable
}

// Fail turns an error of the SDK into one with a class and a message that
// says what was asked, where, and what to do. The SDK's own error stays
// within reach of errors.As, without its bodies and without credentials.
func (c *Call) Fail(conn *Conn, err error) *fault.Error {
	err = conn.hide.strip(err)
	var credential *credentialError
	if errors.As(err, &credential) {
		var chain []aws.CredentialSource
		if conn.Credentials != nil {
			chain = sources(conn.Credentials)
		}
		return conn.options.credentialsFailed(credential.err, chain, conn)
	}
	a := AnswerOf(err)
	a.Code, a.Message, a.RequestID = conn.hide.label(a.Code), conn.hide.clean(a.Message), conn.hide.label(a.RequestID)
	f := &fault.Error{Class: a.Class(), Err: err, Retry: a.RetryAfter}
	switch {
	case a.Code == "" && a.Status == 0 && unsent(err):
		f.Class, f.Quiet = secrets.ErrInvalid, true
		f.Msg = c.Where() + ": nothing was asked: " + conn.hide.cause(err)
		return f
	case a.Code == "" && (a.Status == 0 || broke(err)):
		f.Msg, f.Quiet = conn.hide.clean(c.unanswered(err)), true
		return f
	}
	f.Quiet = true // the message says it all, and shorter
	c.judge(f, a)
	f.Msg = c.message(f, a)
	return f
}

// unsent reports whether an error came before anything was sent: something in
// the configuration, or in what was asked for, is wrong.
func unsent(err error) bool {
	return operationOf(err) != "" && !sent(err) &&
		!errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// FailItem is Fail for one item of a batch, which comes as code and message.
func (c *Call) FailItem(conn *Conn, code, message string) *fault.Error {
	return c.Fail(conn, &smithy.GenericAPIError{Code: code, Message: message})
}

// judge applies what only the service's own words tell, and finds the missing
// permission.
func (c *Call) judge(f *fault.Error, a Answer) {
	if c.NotFound != nil && a.Code != "" && c.NotFound(a.Code, a.Message) {
		f.Class = secrets.ErrNotFound
	}
	switch f.Class {
	case secrets.ErrPermission:
		f.Missing = c.Action
		if _, after, ok := strings.Cut(a.Message, "not authorized to perform: "); ok {
			f.Missing, _, _ = strings.Cut(after, " ")
		} else if c.MissingKMS != nil && c.MissingKMS(a.Code, a.Message) {
			f.Missing = "kms:Decrypt"
		}
	case secrets.ErrInvalid:
		// A name that we let pass and the service refuses is one that it
		// cannot hold.
		f.CannotSpell = !c.Selected && strings.HasPrefix(a.Code, "Validation")
	}
}

// Where says what was asked, and where.
func (c *Call) Where() string {
	where := c.Service + " in " + c.Region
	if c.Subject != "" {
		where += ", " + strconv.Quote(c.Subject)
	}
	return where
}

// message puts an answer into one line.
func (c *Call) message(f *fault.Error, a Answer) string {
	what := a.Code + ": " + a.Message
	if a.Code == "" {
		what = status(a.Status)
	}
	mend := ""
	switch {
	case f.Missing == "kms:Decrypt":
		mend = "; allow kms:Decrypt on the key that encrypts it"
	case f.Missing != "" && a.Code != "":
		mend = "; allow " + f.Missing
	case f.Class == secrets.ErrUnauthenticated:
		mend = "; renew the credentials (`aws sso login`, AWS_PROFILE, the service account's role) and check the clock"
	}
	if a.RequestID != "" {
		mend += " (request " + a.RequestID + ")"
	}
	return c.Where() + ": " + what + mend
}

// status describes an answer that has no error code.
func status(code int) string {
	return "status " + strconv.Itoa(code) + " without an error code, so not from the service itself: a proxy or captive portal?"
}

// broke reports whether a response ended before its end, or was not read to
// it. What there was of it says nothing about who sent it.
func broke(err error) bool {
	return errors.Is(err, errBroken) || errors.Is(err, limit.ErrTooLarge) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// unanswered describes a call to which no response came, or none that was
// whole.
func (c *Call) unanswered(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return c.Where() + ": no answer in time"
	case errors.Is(err, context.Canceled):
		return c.Where() + ": not waited for"
	case errors.Is(err, limit.ErrTooLarge):
		return c.Where() + ": " + limit.ErrTooLarge.Error() + ", so not from the service itself"
	case errors.Is(err, errBroken):
		return c.Where() + ": the answer broke off"
	}
	text := c.Where() + ": no connection"
	if cause := dialled(err); cause != nil {
		text += ": " + oneLine(cause.Error())
	}
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown) && unknown.IsNotFound:
		text += "; is " + strconv.Quote(c.Region) + " a region, and can this host resolve names of AWS? In a network without internet, it takes a VPC endpoint (?endpoint=)"
	case distrusts(err):
		text += "; name its authority's certificate in AWS_CA_BUNDLE"
	}
	return text
}

// dialled is what the system said of the connection, without the layers of
// the SDK over it; nil, if it did not come to that.
func dialled(err error) error {
	var request *smithyhttp.RequestSendError
	if !errors.As(err, &request) {
		return nil
	}
	cause := request.Err
	var u *url.Error
	if errors.As(cause, &u) {
		cause = u.Err
	}
	return cause
}

// distrusts reports whether an error is about a certificate that is not
// trusted here.
func distrusts(err error) bool {
	var unknown x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	return errors.As(err, &unknown) || errors.As(err, &verification)
}

// oneLine bounds a service's message and takes out what would break a log
// line.
func oneLine(s string) string {
	const longest = 500
	return cut(strings.Join(strings.Fields(cut(s, longestText)), " "), longest)
}

// cut returns the beginning of a text that is longer than n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) && n > 0 {
		n--
	}
	return s[:n] + "…"
}
