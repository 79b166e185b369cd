package secrethttp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-secrets/secrets"
)

// A Credential sets a secret on the headers of a request. It must put it
// nowhere else, and its error must not quote it.
type Credential func(h http.Header, s secrets.Secret) error

// Bearer sets "Authorization: Bearer …" (RFC 6750).
func Bearer() Credential {
	return func(h http.Header, s secrets.Secret) error {
		return setHeader(h, "Authorization", "Bearer ", s)
	}
}

// Header sets the secret as the value of a header, as in "X-API-Key: …".
func Header(key string) Credential {
	return func(h http.Header, s secrets.Secret) error { return setHeader(h, key, "", s) }
}

// setHeader refuses what would be no header: net/http's own error about that
// quotes the value.
func setHeader(h http.Header, key, prefix string, s secrets.Secret) error {
	value := s.Reveal()
	if value == "" {
		return invalid(s, "it is empty")
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return invalid(s, "it has a control character in it (a newline at its end?), and cannot be a header")
		}
	}
	h.Set(key, prefix+value)
	return nil
}

// Basic sets "Authorization: Basic …" (RFC 7617) from a document with the keys
// username (or user) and password, both of one version.
func Basic() Credential {
	return func(h http.Header, s secrets.Secret) error {
		user, err := s.Field("username")
		if errors.Is(err, secrets.ErrNotFound) {
			user, err = s.Field("user")
		}
		if err != nil {
			return err
		}
		password, err := s.Field("password")
		if err != nil {
			return err
		}
		return setBasic(h, user.Reveal(), password)
	}
}

// BasicUser is Basic for a secret that is the password alone.
func BasicUser(user string) Credential {
	return func(h http.Header, s secrets.Secret) error { return setBasic(h, user, s) }
}

func setBasic(h http.Header, user string, password secrets.Secret) error {
	if strings.Contains(user, ":") {
		return invalid(password, "the user has a colon in it, which basic authentication cannot say")
	}
	h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password.Reveal())))
	return nil
}

func invalid(s secrets.Secret, why string) error {
	return &secrets.Error{Op: "set credential", Name: s.Name(), Err: fmt.Errorf("%w: %s", secrets.ErrInvalid, why)}
}
