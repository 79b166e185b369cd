package awsapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
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
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.ResponseError != nil && response.Response != nil && response.Response.Response != nil {
		a.Status = response.HTTPStatusCode()
		a.RequestID = response.RequestID
		a.RetryAfter = retryAfter(response.Response.Header.Get("Retry-After"))
	}
	return a
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(t))
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
// within reach of errors.As, without its bodies.
func (c *Call) Fail(err error) *fault.Error {
	err = Strip(err)
	var credential *credentialError
	if errors.As(err, &credential) {
		return fault.New(secrets.ErrUnauthenticated, "the AWS credentials could not be renewed", err)
	}
	a := AnswerOf(err)
	f := &fault.Error{Class: a.Class(), Err: err, Retry: a.RetryAfter}
	if a.Code == "" && (a.Status == 0 || broken(err)) {
		f.Msg = c.unanswered(err)
		f.Quiet = dialled(err) != nil // the cause is in the message
		return f
	}
	f.Quiet = true // the message says it all, and shorter
	c.judge(f, a)
	f.Msg = c.message(f, a)
	return f
}

// FailItem is Fail for one item of a batch, which comes as code and message.
func (c *Call) FailItem(code, message string) *fault.Error {
	return c.Fail(&smithy.GenericAPIError{Code: code, Message: message})
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
		what = "status " + strconv.Itoa(a.Status) + " without an error code, so not from the service itself: a proxy or captive portal?"
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

// broken reports whether a response ended before its end. What there was of it
// says nothing about who sent it.
func broken(err error) bool {
	return errors.Is(err, errCut) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// unanswered describes a call to which no response came, or none that was
// whole.
func (c *Call) unanswered(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return c.Where() + ": no answer in time"
	case errors.Is(err, context.Canceled):
		return c.Where() + ": not waited for"
	case errors.Is(err, errCut):
		return c.Where() + ": the answer broke off"
	}
	text := c.Where() + ": no connection"
	if cause := dialled(err); cause != nil {
		text += ": " + cause.Error()
	}
	var unknown *net.DNSError
	if errors.As(err, &unknown) && unknown.IsNotFound {
		text += "; is " + strconv.Quote(c.Region) + " a region, and can this host resolve names of AWS? In a network without internet, it takes a VPC endpoint (?endpoint=)"
	}
	return text
}

// dialled is what the system said of the connection, without the layers of
// the SDK over it; nil, if it did not come to that.
func dialled(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return nil
}

// oneLine bounds a service's message and takes out what would break a log
// line.
func oneLine(s string) string {
	const most = 500
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
