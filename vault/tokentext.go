package vault

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"net/http"
	"strings"
	"sync"
	"unicode"

	"github.com/go-secrets/secrets/internal/login"
)

// A tokenText makes a token of what a source yields: the token as it is, or
// JSON that has one in it, or that has a response-wrapped one, which is
// unwrapped once.
type tokenText struct {
	caller  *caller
	unwraps login.Flight[string]
	seed    maphash.Seed

	mu   sync.Mutex
	from string // the wrapping token
	held string // what came out of it
	next string // the one to unwrap
}

// token returns the token that a text stands for.
func (t *tokenText) token(ctx context.Context, text string) (string, error) {
	if !strings.HasPrefix(text, "{") {
		return text, checkToken(text)
	}
	id, wrapping, err := parseToken(text)
	if err != nil || wrapping == "" {
		return id, err
	}
	t.mu.Lock()
	held := ""
	if t.from == wrapping {
		held = t.held
	}
	t.next = wrapping
	if t.unwraps.Attempt == nil {
		t.seed = maphash.MakeSeed()
		t.unwraps.Attempt, t.unwraps.Remember, t.unwraps.Print = t.unwrap, rememberUnwrap, t.print
	}
	t.mu.Unlock()
	if held != "" {
		return held, nil
	}
	id, err = t.unwraps.Do(ctx)
	switch {
	case errors.Is(err, login.ErrClosed):
		return "", errClosed
	case err != nil && ctx.Err() != nil:
		return "", unavailable("the wrapped token is still being unwrapped", context.Cause(ctx))
	}
	return id, err
}

func (t *tokenText) print() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maphash.String(t.seed, t.next)
}

// unwrap exchanges the wrapping token for what it wraps.
func (t *tokenText) unwrap(ctx context.Context) (string, error) {
	t.mu.Lock()
	wrapping, from, held := t.next, t.from, t.held
	t.mu.Unlock()
	if from == wrapping && held != "" { // another unwrapping ended in between
		return held, nil
	}
	a, err := t.caller.put(ctx, wrapping, "sys/wrapping/unwrap", struct{}{})
	switch {
	case err != nil:
		return "", err
	case a.status == http.StatusBadRequest, a.status == http.StatusForbidden:
		return "", unauthenticated("the wrapping token in the token file is not valid: if it has not simply expired, or was used by this program before it restarted, SOMEBODY ELSE MAY HAVE UNWRAPPED IT: revoke what it wrapped, and find out who did", &wrongCredential{errorOf(a)})
	case a.status != http.StatusOK:
		return "", refusal(a)
	}
	id, again, err := parseToken(string(a.body))
	if err != nil || again != "" || id == "" {
		return "", unauthenticated("what was wrapped is no token: wrap the answer of a login, or of auth/token/create", nil)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.from, t.held = wrapping, id
	return id, nil
}

// checkToken refuses what no header can hold before anything is sent.
func checkToken(id string) error {
	if strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return unauthenticated("the token has a line break or another character in it that no token has: is something else in its place?", nil)
	}
	return nil
}

// parseToken reads the JSON in which a token comes: the answer to a login, what
// an agent's sink has, with and without wrapping.
func parseToken(text string) (id, wrapping string, err error) {
	var said struct {
		ClientToken string `json:"client_token"`
		Token       string `json:"token"`
		Created     string `json:"creation_time"` // only a wrapping token has one
		Key         string `json:"curve25519_public_key"`
		Auth        struct {
			ClientToken string `json:"client_token"`
		} `json:"auth"`
		Data struct {
			Token string `json:"token"`
			ID    string `json:"id"`
		} `json:"data"`
		Wrap struct {
			Token string `json:"token"`
		} `json:"wrap_info"`
	}
	if json.Unmarshal([]byte(text), &said) != nil {
		return "", "", unauthenticated("the token is JSON that cannot be read: a token alone, the answer to a login, or a wrapped token is expected", nil)
	}
	switch {
	case said.Key != "":
		return "", "", unauthenticated("the token is encrypted (dh_type in the agent's sink), which this program cannot read: have the sink write it plain, or wrapped", nil)
	case said.Wrap.Token != "":
		wrapping = said.Wrap.Token
	case said.Token != "" && said.Created != "":
		wrapping = said.Token
	default:
		id = or(said.Auth.ClientToken, or(said.ClientToken, or(said.Token, or(said.Data.Token, said.Data.ID))))
		if id == "" {
			return "", "", unauthenticated("the token is JSON without a token in it: a token alone, the answer to a login, or a wrapped token is expected", nil)
		}
	}
	return id, wrapping, checkToken(id + wrapping)
}
