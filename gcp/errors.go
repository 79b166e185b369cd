package gcp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
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
	sdk := sdkError(err)
	e := &fault.Error{Quiet: true, Err: sdk}
	code, text := codes.Unknown, ""
	if sdk != nil {
		code, text = sdk.GRPCStatus().Code(), oneLine(sdk.GRPCStatus().Message())
		e.Retry = sdk.Details().RetryInfo.GetRetryDelay().AsDuration()
	} else {
		e.Err = err
	}
	host := p.clients.host(at.location)
	if p.clients.users != nil {
		host = "Secret Manager"
	}
	where := at.describe(permission)

	switch {
	case notGRPC(text):
		e.Class = secrets.ErrUnavailable
		e.Msg = fmt.Sprintf("%s: what answers at %s is not Secret Manager but some other HTTP server, such as a proxy or a captive portal", where, host)
		return e
	case code == codes.Canceled && p.clients.isClosed():
		return errClosed()
	}

	switch code {
	case codes.NotFound:
		e.Class, e.Msg = secrets.ErrNotFound, "no "+where
	case codes.FailedPrecondition:
		precondition(e, where, text)
	case codes.PermissionDenied:
		denied(e, at, where, permission, text, sdk.Reason())
	case codes.Unauthenticated:
		e.Class = secrets.ErrUnauthenticated
		e.Msg = sentence(where+": "+host+" does not accept the credentials", text) + "; " + howToLogIn
		p.clients.login.forget()
	case codes.ResourceExhausted:
		e.Class = secrets.ErrThrottled
		e.Msg = sentence(where+": the project's quota is used up; see its quotas for secretmanager.googleapis.com", text)
	case codes.InvalidArgument:
		e.Class, e.Msg = secrets.ErrInvalid, sentence(where+": refused as malformed", text)
	case codes.DeadlineExceeded:
		e.Class = secrets.ErrUnavailable
		e.Msg = sentence(where+": no answer from "+host+" in time", text)
	default:
		e.Class, e.Msg = secrets.ErrUnavailable, sentence(where+": "+host+" gave no answer", text)
	}
	if reason := expiry(ctx, err, code); reason != nil {
		e.Err = errors.Join(e.Err, reason)
	}
	return e
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

// denied says which of the reasons for PERMISSION_DENIED it is. Reasons are
// those of https://cloud.google.com/apis/docs/reference/rest/google.api.ErrorReason.
func denied(e *fault.Error, at place, where, permission, text, reason string) {
	e.Class = secrets.ErrPermission
	switch reason {
	case "SERVICE_DISABLED":
		e.Msg = where + ": the Secret Manager API is not enabled (SERVICE_DISABLED); run gcloud services enable secretmanager.googleapis.com --project " + at.project
	case "BILLING_DISABLED":
		e.Msg = where + ": billing is not enabled for the project (BILLING_DISABLED)"
	case "USER_PROJECT_DENIED":
		e.Missing = "serviceusage.services.use"
		e.Msg = where + ": the quota project may not be charged (USER_PROJECT_DENIED); grant roles/serviceusage.serviceUsageConsumer on it, or set ?quota_project="
	case "ACCESS_TOKEN_SCOPE_INSUFFICIENT":
		e.Msg = where + ": the credentials lack the scope https://www.googleapis.com/auth/cloud-platform (ACCESS_TOKEN_SCOPE_INSUFFICIENT); give the instance that scope"
	case "SECURITY_POLICY_VIOLATED":
		e.Msg = sentence(where+": refused by VPC Service Controls (SECURITY_POLICY_VIOLATED)", text)
	default:
		e.Missing = permission
		e.Msg = fmt.Sprintf("%s: %s is missing, or there is no such thing; grant %s", where, permission, roles[permission])
	}
}

// describe says what a call with a permission was about.
func (at place) describe(permission string) string {
	switch permission {
	case permListSecrets:
		return "list of secrets in " + at.parent()
	case permListVersions:
		return "list of versions of " + at.String()
	}
	return at.String()
}

// sdkError returns the client's error, without the body of an answer that is
// not gRPC's: gRPC appends its first kilobyte to the message. Nil: there is
// none.
func sdkError(err error) *apierror.APIError {
	var sdk *apierror.APIError
	st, ok := status.FromError(err)
	if !ok || st.Code() == codes.OK {
		return nil
	}
	if message, _, cut := strings.Cut(st.Message(), "\ndata: "); cut {
		sdk, _ = apierror.FromError(status.Error(st.Code(), message))
		return sdk
	}
	if errors.As(err, &sdk) {
		return sdk
	}
	sdk, _ = apierror.FromError(err)
	return sdk
}

// notGRPC reports whether gRPC's text is about an answer that is not gRPC. Its
// code was made from an HTTP status, which says nothing about a secret.
func notGRPC(text string) bool {
	return strings.Contains(text, "unexpected HTTP status code received from server") ||
		strings.Contains(text, "received unexpected content-type") ||
		strings.Contains(text, "malformed header: missing HTTP")
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
