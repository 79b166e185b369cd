package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

func invalid(format string, args ...any) *fault.Error {
	return fault.New(secrets.ErrInvalid, fmt.Sprintf(format, args...), nil)
}

func unavailable(msg string, err error) *fault.Error {
	return fault.New(secrets.ErrUnavailable, msg, err)
}

// refusal gives an answer that is no success its class. Vault's statuses are
// few and its messages many; where a message is the only signal it is matched
// here and nowhere else.
func refusal(a *answer) error {
	f := &fault.Error{Quiet: true}
	if a.failed != nil {
		f.Err = a.failed
	}
	texts := a.texts()
	switch {
	case a.status >= 300 && a.status < 400:
		f.Class, f.Msg = secrets.ErrUnavailable, "the server redirects to "+redirectHost(a)+": not followed, since the token would go with it; set the address to that host, or let standbys forward requests"
	case a.status == http.StatusNotFound:
		refuse404(f, a, texts)
	case a.status == http.StatusForbidden && texts.has("invalid token"):
		f.Class, f.Msg = secrets.ErrUnauthenticated, "the server does not know the token: expired, revoked, or of another cluster or namespace"
	case a.status == http.StatusForbidden && (texts.has("missing client token") || a.bare && slices.Equal(texts, []string{"permission denied"})):
		// Where a policy refuses, the message says more than the two words.
		f.Class, f.Msg = secrets.ErrUnauthenticated, "no token was sent: if there is an agent in between, its auto-auth token must be in use (use_auto_auth_token)"
	case a.status == http.StatusForbidden:
		capability := "read"
		if a.method == http.MethodPut {
			capability = "update"
		}
		f.Class, f.Missing = secrets.ErrPermission, capability+" on "+a.path
		f.Msg = fmt.Sprintf("the token's policies do not grant %s on %q: add path %q { capabilities = [%q] }", capability, a.path, a.path, capability)
	case a.status == http.StatusBadRequest && texts.has("missing client token"):
		f.Class, f.Msg = secrets.ErrUnauthenticated, "no token was sent"
	case a.status == http.StatusBadRequest && texts.has("unknown role"):
		f.Class, f.Msg = secrets.ErrNotFound, fmt.Sprintf("the engine has no such role (%s)", a.path)
	case a.status == http.StatusBadRequest && texts.has("common_name field is required"):
		f.Class, f.Msg = secrets.ErrInvalid, "the certificate needs a name: say common_name="
	case a.status == http.StatusBadRequest && texts.has("not allowed by this role"):
		f.Class, f.Msg = secrets.ErrInvalid, fmt.Sprintf("the PKI role at %q does not allow the names that were asked for", a.path)
	case a.status == http.StatusBadRequest && texts.has("Upgrading from non-versioned"):
		f.Class, f.Msg, f.Retry = secrets.ErrUnavailable, "the mount is being upgraded to KV version 2", time.Second
	case a.status == http.StatusMethodNotAllowed, texts.has("unsupported operation"), texts.has("unsupported path"):
		f.Class, f.CannotSpell = secrets.ErrInvalid, true
		f.Msg = fmt.Sprintf("nothing can be read at %q: the secrets engine there has no such operation", a.path)
	case a.status == http.StatusTooManyRequests:
		f.Class, f.Msg, f.Retry = secrets.ErrThrottled, "a rate limit quota of the server is reached", a.retryAfter()
	case a.status == http.StatusPreconditionFailed:
		f.Class, f.Msg, f.Retry = secrets.ErrUnavailable, "the node that answered is not up to date yet", 100*time.Millisecond
	case a.status == 472 || a.status == 473 || texts.has("local node not active"):
		f.Class, f.Msg = secrets.ErrUnavailable, "the node that answered is a standby, and no active node is within its reach"
	case a.status >= 500 && texts.has("Vault is sealed"):
		f.Class, f.Msg, f.Retry = secrets.ErrUnavailable, "the server is sealed: unseal it (vault operator unseal)", a.retryAfter()
	case a.status >= 500 && texts.has("not initialized"):
		f.Class, f.Msg, f.Retry = secrets.ErrUnavailable, "the server is not initialized (vault operator init)", a.retryAfter()
	case a.status >= 500:
		f.Class, f.Msg, f.Retry = secrets.ErrUnavailable, fmt.Sprintf("the server answers %d on %q: its log says why", a.status, a.path), a.retryAfter()
	case a.status == http.StatusUnauthorized:
		f.Class, f.Msg = secrets.ErrUnauthenticated, "something in front of the server asks for credentials of its own (401)"
	default:
		f.Class, f.Msg = secrets.ErrInvalid, fmt.Sprintf("the server refuses %s %q with status %d", a.method, a.path, a.status)
	}
	return f
}

// refuse404 tells a secret that is not there from a path that cannot be right.
func refuse404(f *fault.Error, a *answer, texts texts) {
	switch {
	case texts == nil:
		f.Class, f.Msg = secrets.ErrUnavailable, "the answer is not Vault's: is this the address of a Vault server?"
	case texts.has("no handler for route"):
		f.Class, f.Msg = secrets.ErrInvalid, fmt.Sprintf("no secrets engine is mounted at %q: check the mount in the path (vault secrets list)", a.path)
	case texts.has("Invalid path for a versioned K/V"):
		f.Class, f.Msg = secrets.ErrInvalid, fmt.Sprintf("%q is not how a KV version 2 mount is read: drop ?kv=1", a.path)
	case texts.has("unsupported path"):
		f.Class, f.CannotSpell = secrets.ErrInvalid, true
		f.Msg = fmt.Sprintf("the secrets engine has no path %q", a.path)
	default:
		f.Class, f.Msg = secrets.ErrNotFound, fmt.Sprintf("the server has nothing at %q", a.path)
	}
}

// texts are the errors and warnings of an answer; nil: it is not Vault's JSON.
type texts []string

func (a *answer) texts() texts {
	var said struct {
		Errors    []string        `json:"errors"`
		Warnings  []string        `json:"warnings"`
		RequestID string          `json:"request_id"`
		Data      json.RawMessage `json:"data"`
	}
	if json.Unmarshal(a.body, &said) != nil {
		return nil
	}
	if said.Errors == nil && said.RequestID == "" && said.Data == nil {
		return nil
	}
	return append(append(texts{}, said.Errors...), said.Warnings...)
}

func (t texts) has(phrase string) bool {
	for _, s := range t {
		if strings.Contains(s, phrase) {
			return true
		}
	}
	return false
}

// withoutBody is a copy of vault/api's own error with nothing of the body in
// it: method, URL and status.
func withoutBody(e *api.ResponseError) *api.ResponseError {
	return &api.ResponseError{HTTPMethod: e.HTTPMethod, URL: withoutQuery(e.URL), StatusCode: e.StatusCode, NamespacePath: e.NamespacePath}
}

func withoutQuery(raw string) string {
	s, _, _ := strings.Cut(raw, "?")
	return s
}

func redirectHost(a *answer) string {
	if u, err := url.Parse(a.header.Get("Location")); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	return "another place"
}

// networkError makes an error of an attempt that brought no answer.
func networkError(ctx context.Context, host string, err error) error {
	var classed *fault.Error
	if errors.As(err, &classed) {
		return err
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err // the URL is said already, and may hold a path
	}
	msg := "no answer from " + host
	if ctxErr := context.Cause(ctx); ctxErr != nil && ctx.Err() != nil {
		return unavailable(msg+" in time", ctxErr)
	}
	if err == nil {
		return unavailable(msg, nil)
	}
	switch text := err.Error(); {
	case strings.Contains(text, "malformed HTTP"), strings.Contains(text, "malformed chunked"):
		return unavailable(host+" does not speak HTTP: is this the address of a Vault server?", nil)
	case strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return unavailable(host+" speaks plain HTTP, not HTTPS: check VAULT_ADDR", err)
	case strings.Contains(text, "x509:"):
		return unavailable(host+" has a certificate that is not trusted here: set VAULT_CACERT or ?ca_cert=", err)
	}
	return unavailable(msg, err)
}

// environmentError tells that the VAULT_ variables cannot be used, without
// repeating what they hold: a proxy's address may contain a password.
func environmentError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return invalid("an address among the VAULT_ variables or options is no URL")
	}
	return fault.New(secrets.ErrInvalid, "the VAULT_ variables or options make no client", err)
}
