package gcp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/limit"
)

// The permissions of the calls, https://cloud.google.com/secret-manager/docs/access-control.
const (
	permAccess       = "secretmanager.versions.access"
	permListVersions = "secretmanager.versions.list"
	permListSecrets  = "secretmanager.secrets.list"
)

// roles are the predefined roles that grant the least beside a permission.
var roles = map[string]string{
	permAccess:       "roles/secretmanager.secretAccessor",
	permListVersions: "roles/secretmanager.viewer",
	permListSecrets:  "roles/secretmanager.viewer",
}

// errNotEnabled is wrapped by the error of a version that is disabled or
// destroyed.
var errNotEnabled = errors.New("the version is not enabled")

func invalid(format string, args ...any) error {
	return fault.New(secrets.ErrInvalid, fmt.Sprintf(format, args...), nil)
}

func unavailable(format string, args ...any) error {
	return fault.New(secrets.ErrUnavailable, fmt.Sprintf(format, args...), nil)
}

// unspellable is the error of a name that no secret can have.
func unspellable(format string, args ...any) error {
	return &fault.Error{Class: secrets.ErrInvalid, Msg: fmt.Sprintf(format, args...), CannotSpell: true}
}

// failure turns the error of a call into one of a class. ctx is the caller's.
func (p *Provider) failure(ctx context.Context, err error, at place, permission string) error {
	var own *fault.Error // nothing was called
	if errors.As(err, &own) {
		return own
	}
	a := answerOf(err)
	e := &fault.Error{Quiet: true, Err: a.sdk}
	if a.sdk != nil {
		e.Retry = a.sdk.Details().RetryInfo.GetRetryDelay().AsDuration()
	} else if e.Err = networkCause(context.Background(), err); e.Err != nil {
		a.text = oneLine(e.Err.Error())
	}
	host := p.clients.target.host(at.location)
	if p.clients.users != nil {
		host = "Secret Manager"
	}
	where := at.describe(permission)

	switch {
	case a.code == codes.Canceled && p.clients.isClosed():
		return errClosed()
	case tooLarge(err, a.text):
		e.Class, e.Msg = secrets.ErrUnavailable, where+": the answer of "+host+" is larger than any of Secret Manager's"
		return e
	case a.foreign:
		e.Class = secrets.ErrUnavailable
		e.Msg = fmt.Sprintf("%s: what answers at %s is not Secret Manager but some other HTTP server, such as a proxy or a captive portal%s", where, host, p.clients.target.orREST())
		return e
	case a.code == codes.Unauthenticated && strings.Contains(a.text, "per-RPC creds failed"):
		if _, err := p.clients.login.Token(ctx); errors.As(err, &own) {
			return own
		}
	}
	p.classify(e, a, at, permission, host)
	if reason := expiry(ctx, err, a.code); reason != nil {
		e.Err = errors.Join(e.Err, reason)
	}
	return e
}

// classify fills in the class and the message by the code of the answer.
func (p *Provider) classify(e *fault.Error, a reply, at place, permission, host string) {
	where, text := at.describe(permission), a.text
	switch a.code {
	case codes.NotFound:
		e.Class, e.Msg = secrets.ErrNotFound, "no "+where
		// The service says so of a secret that it has, too.
		if permission == permAccess && strings.Contains(text, "or has no versions") {
			e.Msg += ", or it has no version yet (gcloud secrets versions add)"
		}
	case codes.FailedPrecondition:
		precondition(e, where, text)
	case codes.PermissionDenied:
		denied(e, a, at, permission)
	case codes.Unauthenticated:
		e.Class = secrets.ErrUnauthenticated
		e.Msg = sentence(where+": "+host+" does not accept the credentials", a.withReason()) + "; " + howToLogIn
	case codes.ResourceExhausted:
		e.Class = secrets.ErrThrottled
		e.Msg = sentence(where+": the project's quota is used up; see its quotas for secretmanager.googleapis.com", text)
	case codes.InvalidArgument:
		e.Class, e.Msg = secrets.ErrInvalid, sentence(where+": refused as malformed", a.withReason())
	case codes.DeadlineExceeded:
		e.Class = secrets.ErrUnavailable
		e.Msg = sentence(where+": no answer from "+host+" in time", text) + p.clients.target.hint()
	default:
		e.Class, e.Msg = secrets.ErrUnavailable, sentence(where+": "+host+" gave no answer", a.withReason())
		if a.code == codes.Unavailable || a.code == codes.Unknown {
			e.Msg += p.clients.target.hint()
		}
	}
}

// tooLarge reports whether an answer was larger than what is read of one.
// gRPC says so with the code of a used-up quota.
func tooLarge(err error, text string) bool {
	return errors.Is(err, limit.ErrTooLarge) || strings.Contains(text, "larger than max") || strings.Contains(text, limit.ErrTooLarge.Error())
}

// precondition classifies the answer for a version that exists and cannot be
// read. Which of the reasons it is, only the text tells.
func precondition(e *fault.Error, where, text string) {
	lower := strings.ToLower(text)
	if strings.Contains(lower, "cryptokey") || strings.Contains(lower, "kms") {
		e.Class = secrets.ErrPermission
		e.Msg = sentence(where+": its encryption key in Cloud KMS cannot be used", text)
		return
	}
	e.Class, e.Err = secrets.ErrNotFound, errors.Join(e.Err, errNotEnabled)
	switch {
	case strings.Contains(lower, "destroyed"):
		e.Msg = where + " is destroyed; ask for another version"
	case strings.Contains(lower, "disabled"):
		e.Msg = where + " is disabled; enable it, or set ?latest=enabled to read the newest version that is enabled"
	default:
		e.Msg = sentence(where+" is disabled or destroyed", text)
	}
}

// expiry returns the context's error for a call that ran out of time or was
// given up; gRPC's own errors are no context errors.
func expiry(ctx context.Context, err error, code codes.Code) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case code == codes.DeadlineExceeded, errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case code == codes.Canceled, errors.Is(err, context.Canceled):
		return context.Canceled
	}
	return nil
}

// sentence appends the service's own words.
func sentence(msg, text string) string {
	if text == "" {
		return msg
	}
	return msg + ": " + text
}

// oneLine bounds a text and keeps it on one line.
func oneLine(s string) string {
	const most = 300
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.Join(strings.Fields(s), " ")
}
