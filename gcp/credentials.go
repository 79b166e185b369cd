package gcp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os/exec"
	"strings"

	"cloud.google.com/go/auth"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/limit"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// A session is what a login has brought.
type session struct {
	token    *auth.Token
	quota    string // the project that is charged; may be empty
	universe string
}

// begin gets an access token from the source, and says in its error what to do.
// It calls asks with the address of each request that it makes.
func (s source) begin(ctx context.Context, from *files, allowHTTP bool, asks func(url string)) (*session, error) {
	if s.file == "" {
		m := &metadataSource{allowHTTP: allowHTTP, onGoogle: onGoogle(), asks: asks}
		token, err := m.token(ctx)
		if err != nil {
			return nil, err
		}
		return propertiesOf(ctx, auth.NewCredentials(&auth.CredentialsOptions{}), token)
	}
	x, client, closeIdle := newExchange(allowHTTP, asks)
	defer closeIdle()
	return s.exchanged(ctx, from, x, client)
}

// exchanged gets an access token with what the file holds, by requests of
// client, which is that of x.
func (s source) exchanged(ctx context.Context, from *files, x *exchange, client *http.Client) (*session, error) {
	creds, err := s.credentials(ctx, from, x, client)
	if err != nil {
		return nil, err
	}
	token, err := creds.Token(ctx)
	if err == nil && !sendable(token.Value) {
		err = errNoToken
	}
	if err != nil {
		return nil, s.failure(ctx, err, x)
	}
	return propertiesOf(ctx, creds, token)
}

var errNoToken = errors.New("the answer has no token")

// sendable reports whether a text can be a token in the header of a request.
func sendable(token string) bool {
	return token != "" && !strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' })
}

// propertiesOf makes the session of credentials: with the quota project and the
// universe that the environment or the file says.
func propertiesOf(ctx context.Context, creds *auth.Credentials, token *auth.Token) (*session, error) {
	quota, err := creds.QuotaProjectID(ctx)
	if err != nil {
		return nil, err
	}
	universe, err := creds.UniverseDomain(ctx)
	return &session{token: token, quota: quota, universe: universe}, err
}

// failure is the error for a token that was not got. Of the library's error it
// keeps the type and nothing that the file or an answer may have in it.
func (s source) failure(ctx context.Context, err error, x *exchange) error {
	o, sent := x.hop()
	e := &fault.Error{Quiet: true}
	msg := "no access token for " + s.String() + ": "
	switch {
	case o.refused != nil:
		e.Class, e.Msg = secrets.ErrInvalid, msg+o.refused.Error()
	case o.status != 0 && (o.status < 200 || o.status > 299):
		s.answered(e, o, sent)
	case o.status != 0:
		e.Class, e.Msg = secrets.ErrUnavailable, msg+o.url+" answers something else than a token: a captive portal, or another service at its address?"
		if cause := networkCause(ctx, err); cause != nil {
			e.Err, e.Msg = cause, msg+o.url+" gave no whole answer: "+cause.Error()
		}
	case o.url != "":
		e.Class, e.Msg, e.Err = secrets.ErrUnavailable, msg+o.url+" does not answer", networkCause(ctx, o.err)
		if e.Err != nil {
			e.Msg += ": " + e.Err.Error()
		}
	default:
		s.unsent(ctx, e, err)
	}
	return e
}

// answered fills in the error for an answer that is no token.
func (s source) answered(e *fault.Error, o hop, sent []string) {
	e.Err = &auth.Error{Response: &http.Response{StatusCode: o.status, Status: http.StatusText(o.status)}}
	e.Retry = o.retry
	said := fmt.Sprintf("HTTP %d", o.status)
	if w := words(o.answer, sent); w != "" {
		said += ", " + w
	}
	if e.Class = outage(o.status); e.Class != nil {
		e.Msg = fmt.Sprintf("no access token for %s: %s answers %s", s, o.url, said)
		return
	}
	e.Class = secrets.ErrUnauthenticated
	e.Msg = fmt.Sprintf("the credentials in %s were refused by %s (%s); %s", s, o.url, said, s.advice(o.url))
}

// advice says what to look at after a refusal, by who refused.
func (s source) advice(url string) string {
	switch {
	case strings.Contains(url, ":generateAccessToken"):
		return "grant what it names on that service account: roles/iam.serviceAccountTokenCreator, or roles/iam.workloadIdentityUser to identities of a pool"
	case strings.Contains(url, "//sts."):
		return "compare the token with the audience and the attribute condition of the pool's provider"
	case s.chosen:
		return "replace the file, or " + howToLogIn
	}
	return howToLogIn
}

// unsent fills in the error for a token that no request was made for.
func (s source) unsent(ctx context.Context, e *fault.Error, err error) {
	msg := "no access token for " + s.String() + ": "
	var ended *exec.ExitError
	var command *exec.Error
	var path *fs.PathError
	var refused *commandRefusal
	switch {
	case errors.As(err, &refused):
		e.Class, e.Msg = secrets.ErrUnauthenticated, msg+"its command refuses one: "+discreet("("+refused.code+") "+refused.message, nil)
	case errors.Is(err, limit.ErrTooLarge):
		e.Class, e.Msg = secrets.ErrUnavailable, msg+"its command writes more than a token has"
	case errors.As(err, &ended):
		e.Class, e.Msg = secrets.ErrUnavailable, msg+"its command failed: "+ended.ProcessState.String()
	case errors.As(err, &command):
		e.Class, e.Msg = secrets.ErrUnauthenticated, msg+"its command "+namedfile.Show(command.Name)+" cannot be run: "+why(command.Err)
	case errors.As(err, &path):
		e.Class, e.Err = secrets.ErrUnauthenticated, &fs.PathError{Op: path.Op, Path: namedfile.Show(path.Path), Err: path.Err}
		e.Msg = msg + e.Err.Error()
	case ctx.Err() != nil:
		e.Class, e.Msg, e.Err = secrets.ErrUnavailable, msg+"not in the time there was", context.DeadlineExceeded
	default:
		e.Class, e.Msg = secrets.ErrUnauthenticated, msg+"a field of the file, or what its credential_source gives, cannot be used; "+howToLogIn
	}
}
