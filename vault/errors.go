package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/limit"
)

func invalid(format string, args ...any) *fault.Error {
	return fault.New(secrets.ErrInvalid, fmt.Sprintf(format, args...), nil)
}

func unavailable(msg string, err error) *fault.Error {
	return fault.New(secrets.ErrUnavailable, msg, err)
}

func unauthenticated(msg string, err error) *fault.Error {
	return fault.New(secrets.ErrUnauthenticated, msg, err)
}

// A rule says what an answer means. Vault's statuses are few and its messages
// many: where a message is the only signal it is matched here and nowhere else.
type rule struct {
	status int    // 0: any; 3, 5: all of that hundred
	phrase string // that a message has in it; empty: whatever it says
	class  *error
	msg    string // $ stands for the path; an @ at the end, for what the server says itself
}

// rules are asked in order; the first that fits counts.
var rules = []rule{
	{403, "invalid token", &secrets.ErrUnauthenticated, "the server does not know the token: expired, revoked, or of another cluster or namespace"},
	{403, "missing client token", &secrets.ErrUnauthenticated, noTokenSent},
	{400, "missing client token", &secrets.ErrUnauthenticated, noTokenSent},
	{0, "token had one use left", &secrets.ErrUnauthenticated, "the token had one use left, and a lease needs more: give it more uses (token_num_uses, -use-limit)"},
	{401, "", &secrets.ErrUnauthenticated, "something in front of the server asks for credentials of its own"},
	{0, "unsupported operation", &secrets.ErrInvalid, noSuchOperation},
	{0, "unsupported path", &secrets.ErrInvalid, noSuchOperation},
	{405, "", &secrets.ErrInvalid, noSuchOperation},
	{404, "no handler for route", &secrets.ErrInvalid, "no secrets engine is mounted at $: check the mount in the path (vault secrets list)"},
	{404, "Invalid path for a versioned K/V", &secrets.ErrInvalid, "$ is not how a KV version 2 mount is read: drop ?kv=1"},
	{404, "", &secrets.ErrNotFound, "the server has nothing at $"},
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
	{5, "", &secrets.ErrUnavailable, "the server fails at $@"},
	{0, "", &secrets.ErrInvalid, "the server refuses $@"},
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
	if noSuchRole(a.status, said) {
		f.Class, f.Msg = secrets.ErrNotFound, "the engine has no such role or key: "+at
		return f
	}
	r := find(rules, a.status, said)
	msg, quoted := strings.CutSuffix(r.msg, "@")
	f.Class, f.Msg = *r.class, strings.ReplaceAll(msg, "$", at)
	f.CannotSpell = r.msg == noSuchOperation
	if a.status >= 400 && r.phrase == "" {
		f.Msg += " (" + strconv.Itoa(a.status) + ")"
	}
	switch {
	case quoted && a.engine:
		f.Msg += a.words()
	case quoted && a.status >= http.StatusInternalServerError:
		f.Msg += logSays
	}
	return f
}

// roleMissing is how the engines say that they have no role (or key, or set of
// roles) of a name; each has words of its own, and most come with a 400.
var roleMissing = regexp.MustCompile(`(?i)\bunknown (role|key|roleset)\b|\b(role|role ?set|key|credentials?|account|set)\b[ :]*['"]?[\w./-]*['"]? (was )?(not found|does not exist|doesn't exist|could not be found)`)

// roleNil is how two of them say it, with a 500.
var roleNil = regexp.MustCompile(`(?i)\b(role|credential) is nil\b`)

func noSuchRole(status int, said texts) bool {
	switch status {
	case http.StatusBadRequest:
		return slices.ContainsFunc(said, roleMissing.MatchString)
	case http.StatusInternalServerError:
		return slices.ContainsFunc(said, roleNil.MatchString)
	}
	return false
}

// words are the server's own about a failure of an engine that makes something,
// for the end of a message. Of what is stored nothing is repeated, since it may
// be in the words. What
// may be a credential is taken out: the token that was sent, what follows the
// word password, the user information of URLs.
func (a *answer) words() string {
	text := a.hide(strings.Join(a.texts(), "; "))
	for _, secret := range mayBeSecret {
		text = secret.ReplaceAllString(text, "$1…")
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(text); len(runes) > mostWords {
		text = string(runes[:mostWords]) + "…"
	}
	if text == "" {
		return logSays
	}
	return ": it says: " + text
}

const logSays = ": its log says why"

// mostWords is how much of the server's words an error repeats, in characters.
const mostWords = 300

var mayBeSecret = []*regexp.Regexp{
	regexp.MustCompile(`(//)[^/\s@]*@`),
	regexp.MustCompile(`(?i)((?:pass(?:word|wd)?|pwd|secret|token|identified by|key)["']?\s*[=:]?\s*["'])[^"']*`),
	regexp.MustCompile(`(?i)((?:pass(?:word|wd)?|pwd|secret|token|key)\s*[=:]\s*)[^\s"',;]+`),
	regexp.MustCompile(`()\b(?:hvs|hvb|hvr|s|b|r)\.[A-Za-z0-9_-]{20,}`),
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
	return &api.ResponseError{HTTPMethod: e.HTTPMethod, URL: endpoint.Show(e.URL), StatusCode: e.StatusCode, NamespacePath: e.NamespacePath}
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
	if errors.Is(err, limit.ErrTooLarge) {
		return unavailable("the answer of "+host+" is larger than anything that Vault stores", limit.ErrTooLarge)
	}
	if err != nil {
		if notHTTP(err.Error()) { // which quotes the server, and so may have any words in it
			return unavailable(host+" does not speak HTTP: is this the address of a Vault server?", nil)
		}
		if unsent := neverSent(err.Error()); unsent != nil {
			return unsent
		}
		err = endpoint.Strip(err)
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
	case strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return unavailable(host+" speaks plain HTTP, not HTTPS: check VAULT_ADDR", err)
	case strings.Contains(text, "x509:"):
		return unavailable(host+" has a certificate that is not trusted here: set VAULT_CACERT or ?ca_cert=", err)
	}
	if host == defaultHost {
		msg += ", the default (set VAULT_ADDR or ?address=)"
	}
	if text := err.Error(); len(text) > longestText {
		f := unavailable(msg+": "+text[:longestText]+"…", err)
		f.Quiet = true
		return f
	}
	return unavailable(msg, err)
}

// longestText is how much is told of what net/http says, in bytes.
const longestText = 1 << 10

// notHTTP reports whether a text of net/http is about an answer that it cannot
// read.
func notHTTP(text string) bool {
	return strings.Contains(text, "malformed HTTP") || strings.Contains(text, "malformed chunked") || strings.Contains(text, "malformed MIME header")
}

// neverSent tells a request that failed before anything was sent: what is set
// is wrong, and no server is. net/http has no types for these, and some of its
// texts repeat what is set.
func neverSent(text string) error {
	for phrase, msg := range map[string]string{
		"invalid header field":        "a header of the request cannot be sent: a namespace, VAULT_HEADERS or a token has a character in it that headers cannot hold",
		"invalid proxy address":       "HTTPS_PROXY or HTTP_PROXY is no URL; it reads http://proxy.example.com:3128",
		"unsupported protocol scheme": "the address has no scheme that can be spoken; it reads https://vault.example.com:8200",
		"no Host in request URL":      "the address names no host; it reads https://vault.example.com:8200",
		"plain http goes to loopback": "plain http to a name of this machine would leave it: the name leads elsewhere; use https, or allow it (?allow_http=true, " + endpoint.AllowVariable + ")",
	} {
		if strings.Contains(text, phrase) {
			return invalid("%s", msg)
		}
	}
	if strings.Contains(text, "Location header") {
		return unavailable("the server redirects to what is no URL", nil)
	}
	return nil
}

// defaultHost is the address that Vault's client has of its own accord.
const defaultHost = "https://127.0.0.1:8200"
