package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// The makers of errors are not inlined: there are so many calls that a program
// would grow by it.

//go:noinline
func invalid(format string, args ...any) *fault.Error {
	return fault.New(secrets.ErrInvalid, fmt.Sprintf(format, args...), nil)
}

//go:noinline
func unavailable(msg string, err error) *fault.Error {
	return fault.New(secrets.ErrUnavailable, msg, err)
}

//go:noinline
func unauthenticated(msg string, err error) *fault.Error {
	return fault.New(secrets.ErrUnauthenticated, msg, err)
}

// A rule says what an answer means. Vault's statuses are few and its messages
// many: where a message is the only signal it is matched here and nowhere else.
type rule struct {
	status int    // 0: any; 3, 5: all of that hundred
	phrase string // that a message has in it; empty: whatever it says
	class  *error
	msg    string // $ stands for the path
}

// rules are asked in order; the first that fits counts.
var rules = []rule{
	{403, "invalid token", &secrets.ErrUnauthenticated, "the server does not know the token: expired, revoked, or of another cluster or namespace"},
	{403, "missing client token", &secrets.ErrUnauthenticated, noTokenSent},
	{400, "missing client token", &secrets.ErrUnauthenticated, noTokenSent},
	{401, "", &secrets.ErrUnauthenticated, "something in front of the server asks for credentials of its own"},
	{0, "unsupported operation", &secrets.ErrInvalid, noSuchOperation},
	{0, "unsupported path", &secrets.ErrInvalid, noSuchOperation},
	{405, "", &secrets.ErrInvalid, noSuchOperation},
	{404, "no handler for route", &secrets.ErrInvalid, "no secrets engine is mounted at $: check the mount in the path (vault secrets list)"},
	{404, "Invalid path for a versioned K/V", &secrets.ErrInvalid, "$ is not how a KV version 2 mount is read: drop ?kv=1"},
	{404, "", &secrets.ErrNotFound, "the server has nothing at $"},
	{400, "unknown role", &secrets.ErrNotFound, "the engine has no such role: $"},
	{400, "common_name field is required", &secrets.ErrInvalid, "the certificate needs a name: say common_name="},
	{400, "not allowed by this role", &secrets.ErrInvalid, "the PKI role at $ does not allow the names that were asked for"},
	{400, "Upgrading from non-versioned", &secrets.ErrUnavailable, "the mount is being upgraded to KV version 2"},
	{412, "", &secrets.ErrUnavailable, "the node that answered is not up to date yet"},
	{429, "", &secrets.ErrThrottled, "a rate limit quota of the server is reached"},
	{472, "", &secrets.ErrUnavailable, onStandby},
	{473, "", &secrets.ErrUnavailable, onStandby},
	{0, "local node not active", &secrets.ErrUnavailable, onStandby},
	{5, "Vault is sealed", &secrets.ErrUnavailable, isSealed},
	{5, "not initialized", &secrets.ErrUnavailable, "the server is not initialized (vault operator init)"},
	{5, "", &secrets.ErrUnavailable, "the server fails at $: its log says why"},
	{0, "", &secrets.ErrInvalid, "the server refuses $"},
}

const (
	noTokenSent     = "no token was sent: if there is an agent in between, its auto-auth token must be in use (use_auto_auth_token)" // #nosec G101 -- a sentence
	noSuchOperation = "nothing can be read at $: the secrets engine there has no such operation"
	onStandby       = "the node that answered is a standby, and no active node is within its reach"
	isSealed        = "the server is sealed: unseal it (vault operator unseal)"
)

// find returns the rule for a status and its messages.
func find(rules []rule, status int, said texts) *rule {
	for i := range rules {
		r := &rules[i]
		if (r.status == 0 || r.status == status || r.status == status/100) && (r.phrase == "" || said.has(r.phrase)) {
			return r
		}
	}
	return &rule{class: &secrets.ErrUnavailable}
}

// refusal gives an answer that is no success its class.
func refusal(a *answer) error {
	f := &fault.Error{Err: errorOf(a), Quiet: true, Retry: a.retryAfter()}
	said := a.texts()
	at := strconv.Quote(a.path)
	switch {
	case a.status >= 300 && a.status < 400:
		f.Class, f.Msg = secrets.ErrUnavailable, "the server redirects to "+redirectHost(a)+": not followed, since the token would go with it; set the address to that host, or let standbys forward requests"
		return f
	case a.status == http.StatusNotFound && said == nil:
		return notVault(a.host)
	case a.status == http.StatusForbidden && a.bare && slices.Equal(said, []string{"permission denied"}):
		// Where a policy refuses, the message says more than the two words.
		f.Class, f.Msg = secrets.ErrUnauthenticated, noTokenSent
		return f
	case a.status == http.StatusForbidden && !said.has("invalid token") && !said.has("missing client token"):
		capability := "read"
		if a.method == http.MethodPut {
			capability = "update"
		}
		denied(f, capability, a.path)
		return f
	}
	r := find(rules, a.status, said)
	f.Class, f.Msg = *r.class, strings.ReplaceAll(r.msg, "$", at)
	f.CannotSpell = r.msg == noSuchOperation
	if a.status >= 400 && r.phrase == "" {
		f.Msg += " (" + strconv.Itoa(a.status) + ")"
	}
	return f
}

// denied says which rule a policy needs.
func denied(f *fault.Error, capability, path string) {
	f.Class, f.Missing = secrets.ErrPermission, capability+" on "+path
	f.Msg = fmt.Sprintf("the token's policies do not grant %s on %q: add path %q { capabilities = [%q] }", capability, path, path, capability)
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
	if host == defaultHost {
		msg += ", the default (set VAULT_ADDR or ?address=)"
	}
	return unavailable(msg, err)
}

// defaultHost is the address that Vault's client has of its own accord.
const defaultHost = "https://127.0.0.1:8200"

// environmentError tells that the VAULT_ variables cannot be used, without
// repeating what they hold: a proxy's address may contain a password.
func environmentError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return invalid("an address among the VAULT_ variables or options is no URL; it reads https://vault.example.com:8200")
	}
	return fault.New(secrets.ErrInvalid, "the VAULT_ variables or options make no client", err)
}
