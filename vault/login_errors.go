package vault

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// loginError gives a failed login its class. Vault answers wrong credentials
// with 400, 401, 403 and 500, depending on the method, and its messages may
// repeat what was sent; they are looked at and not passed on.
func loginError(ctx context.Context, c *caller, method api.AuthMethod, err error) error {
	var classed *fault.Error
	if errors.As(err, &classed) {
		return err
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) { // its text quotes the answer
		return unavailable("the login was answered with no JSON of Vault's, or redirected to another host: is "+c.host+" a Vault server, and an active one?", nil)
	}
	var refused *api.ResponseError
	if !errors.As(err, &refused) {
		var network net.Error
		if own(method) || ctx.Err() != nil || errors.As(err, &network) {
			return networkError(ctx, c.host, err)
		}
		return unauthenticated("the "+methodName(method)+" login could not be made", err)
	}
	f := &fault.Error{Err: withoutBody(refused), Quiet: true}
	if refused.RawError {
		f.Class, f.Msg = secrets.ErrUnavailable, "the login was answered with no JSON of Vault's ("+strconv.Itoa(refused.StatusCode)+"): is "+c.host+" a Vault server?"
		if refused.StatusCode == http.StatusTooManyRequests { // of what is in front
			f.Class = secrets.ErrThrottled
		}
		return f
	}
	r := find(loginRules, refused.StatusCode, refused.Errors)
	f.Class, f.Msg = *r.class, strings.ReplaceAll(r.msg, "$", methodName(method))+" ("+strconv.Itoa(refused.StatusCode)+")"
	if r.msg == badAppRole || r.msg == badPassword {
		f.Err = &wrongCredential{f.Err}
		if _, ok := method.(credentials); ok {
			f.Msg += "; it is not sent again until it changes, because Vault locks out whoever goes on"
		}
	}
	return f
}

// A wrongCredential is in the chain of an error that says that Vault knows the
// credential to be wrong, and counts how often it gets it.
type wrongCredential struct{ err error }

func (e *wrongCredential) Error() string { return "the server refuses the credential" }
func (e *wrongCredential) Unwrap() error { return e.err }

// loginRules are rules for logins; $ stands for the method.
var loginRules = []rule{
	{429, "", &secrets.ErrThrottled, "the login met a rate limit quota of the server"},
	{0, "Vault is sealed", &secrets.ErrUnavailable, isSealed},
	{0, "local node not active", &secrets.ErrUnavailable, onStandby},
	{502, "", &secrets.ErrUnavailable, notReady},
	{503, "", &secrets.ErrUnavailable, notReady},
	{504, "", &secrets.ErrUnavailable, notReady},
	{404, "", &secrets.ErrInvalid, noSuchMethod},
	{0, "no handler for route", &secrets.ErrInvalid, noSuchMethod},
	{0, "invalid role or secret ID", &secrets.ErrUnauthenticated, badAppRole},
	{0, "invalid secret id", &secrets.ErrUnauthenticated, badAppRole},
	{0, "invalid role ID", &secrets.ErrUnauthenticated, badAppRole},
	{0, "invalid username or password", &secrets.ErrUnauthenticated, badPassword},
	{0, "failed to bind as user", &secrets.ErrUnauthenticated, badPassword},
	{0, "error connecting to host", &secrets.ErrUnavailable, "the server cannot reach the directory behind the $ login"},
	{0, "invalid role name", &secrets.ErrUnauthenticated, noLoginRole},
	{0, "could not be found", &secrets.ErrUnauthenticated, noLoginRole},
	{0, "missing role", &secrets.ErrUnauthenticated, noLoginRole},
	{500, "failed to determine alias name", &secrets.ErrUnauthenticated, unverified},
	{500, "lookup failed", &secrets.ErrUnauthenticated, unverified},
	{500, "service account", &secrets.ErrUnauthenticated, unverified},
	{5, "", &secrets.ErrUnavailable, "the $ login failed in the server: its log says why"},
	{0, "", &secrets.ErrUnauthenticated, "the $ login was refused: check the role, what it is bound to, the credential, and that the method is enabled (vault auth list; ?auth_mount= if under another path, without auth/ in front); a user may be locked after wrong passwords"},
}

const (
	notReady     = "the server is not ready for a login"
	noSuchMethod = "no $ auth method is mounted there: check auth_mount (vault auth list) and the namespace"
	badAppRole   = "the server does not accept the role id or secret id: wrong, expired, or its uses are spent; deliver a new secret id"
	badPassword  = "the server does not accept the user name or password"
	noLoginRole  = "the $ auth method has no such role"
	unverified   = "the server cannot verify the $ credential"
)
