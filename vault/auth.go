package vault

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// ServiceAccountFile is where a pod finds the JWT of its service account. The
// kubelet replaces it long before it expires.
const ServiceAccountFile = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// AppRole logs in with a role id and a secret id (auth/approle).
//
// With Wrapped, SecretID yields a response-wrapping token, which is unwrapped
// once; its secret id then serves every login until SecretID yields another
// token. If Vault says that the wrapping token is not valid, somebody else may
// have unwrapped it: the error says so.
//
// Vault locks a role after five wrong secret ids, for those with a good one
// too: one that Vault has refused is not sent again until SecretID yields
// another.
type AppRole struct {
	Mount    string // where the method is mounted; empty: approle
	RoleID   Source
	SecretID Source // nil: the role binds none
	Wrapped  bool

	unwrapped unwrapped
}

// unwrapped is the secret id that came out of the last wrapping token. A func
// has it, into which no printer looks.
type unwrapped struct {
	sync.Mutex
	from     [32]byte
	secretID Source
}

// Kubernetes logs in with the JWT of the pod's service account
// (auth/kubernetes).
type Kubernetes struct {
	Mount string // where the method is mounted; empty: kubernetes
	Role  string
	JWT   Source // nil: File(ServiceAccountFile)
}

// JWT logs in with a JWT of any issuer (auth/jwt).
type JWT struct {
	Mount string // where the method is mounted; empty: jwt
	Role  string // empty: the method's default role
	JWT   Source
}

// Cert logs in with the client certificate of the TLS connection (auth/cert).
type Cert struct {
	Mount string // where the method is mounted; empty: cert
	Role  string // empty: the first that matches
}

// Userpass logs in with a user name and a password (auth/userpass). Vault
// locks a user for 15 minutes after five wrong passwords: one that Vault has
// refused is not sent again until Password yields another.
type Userpass struct {
	Mount    string // where the method is mounted; empty: userpass
	Username string
	Password Source
}

// LDAP logs in with a user name and a password of a directory (auth/ldap). As
// with [Userpass], a wrong password is sent once.
type LDAP struct {
	Mount    string // where the method is mounted; empty: ldap
	Username string
	Password Source
}

// Login implements [api.AuthMethod].
func (m *AppRole) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	if m.RoleID == nil {
		return nil, invalid("approle needs a role id")
	}
	roleID, err := ask(ctx, m.RoleID)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"role_id": roleID}
	if m.SecretID != nil {
		secretID, err := ask(ctx, m.SecretID)
		if err != nil {
			return nil, err
		}
		if m.Wrapped {
			if secretID, err = m.unwrapped.open(ctx, client, secretID); err != nil {
				return nil, err
			}
		}
		body["secret_id"] = secretID
	}
	return post(ctx, client, or(m.Mount, "approle"), "login", body)
}

// open exchanges a wrapping token for the secret id in it, once.
func (u *unwrapped) open(ctx context.Context, client *api.Client, wrapping string) (string, error) {
	u.Lock() // logins are made one at a time; this guards the fields
	defer u.Unlock()
	from := sha256.Sum256([]byte(wrapping))
	if u.secretID != nil && u.from == from {
		return u.secretID()
	}
	as := client.WithRequestCallbacks(func(r *api.Request) { r.ClientToken, r.WrapTTL = wrapping, "" })
	secret, err := as.Logical().WriteWithContext(ctx, "sys/wrapping/unwrap", nil)
	if err != nil {
		var refused *api.ResponseError
		if errors.As(err, &refused) && (refused.StatusCode == http.StatusBadRequest || refused.StatusCode == http.StatusForbidden) {
			return "", unauthenticated("the wrapping token of the secret id is not valid: if it has not simply expired, SOMEBODY ELSE MAY HAVE UNWRAPPED IT: revoke the secret id, and find out who did", &wrongCredential{withoutBody(refused)})
		}
		return "", err
	}
	if secret == nil {
		return "", unavailable("the wrapped secret id was answered with nothing", nil)
	}
	id, ok := secret.Data["secret_id"].(string)
	if !ok || id == "" {
		return "", unauthenticated("what was wrapped is no secret id: wrap the answer of auth/approle/role/<role>/secret-id", nil)
	}
	u.from, u.secretID = from, Text(id)
	return id, nil
}

// Login implements [api.AuthMethod].
func (m *Kubernetes) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	jwt, err := ask(ctx, m.source())
	if err != nil {
		return nil, err
	}
	return post(ctx, client, or(m.Mount, "kubernetes"), "login", map[string]any{"role": m.Role, "jwt": jwt})
}

func (m *Kubernetes) source() Source {
	if m.JWT != nil {
		return m.JWT
	}
	return File(ServiceAccountFile)
}

// Login implements [api.AuthMethod].
func (m *JWT) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	if m.JWT == nil {
		return nil, invalid("jwt needs a source of the JWT")
	}
	jwt, err := ask(ctx, m.JWT)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"jwt": jwt}
	if m.Role != "" {
		body["role"] = m.Role
	}
	return post(ctx, client, or(m.Mount, "jwt"), "login", body)
}

// Login implements [api.AuthMethod].
func (m *Cert) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	body := map[string]any{}
	if m.Role != "" {
		body["name"] = m.Role
	}
	return post(ctx, client, or(m.Mount, "cert"), "login", body)
}

// Login implements [api.AuthMethod].
func (m *Userpass) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	return passwordLogin(ctx, client, or(m.Mount, "userpass"), m.Username, m.Password)
}

// Login implements [api.AuthMethod].
func (m *LDAP) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	return passwordLogin(ctx, client, or(m.Mount, "ldap"), m.Username, m.Password)
}

func passwordLogin(ctx context.Context, client *api.Client, mount, username string, password Source) (*api.Secret, error) {
	if err := checkSegments(username); err != nil || strings.Contains(username, "/") || password == nil {
		return nil, invalid("the login needs a user name without slashes, and a password")
	}
	text, err := ask(ctx, password)
	if err != nil {
		return nil, err
	}
	return post(ctx, client, mount, "login/"+username, map[string]any{"password": text})
}

// post is the one request of a login. It is never sent twice: a secret id may
// be good for one use, and an account locks after a few wrong tries.
func post(ctx context.Context, client *api.Client, mount, path string, body map[string]any) (*api.Secret, error) {
	mount = strings.Trim(mount, "/")
	if err := checkSegments(mount); err != nil {
		return nil, invalid("the mount of the auth method is no path")
	}
	return client.Logical().WriteWithContext(ctx, "auth/"+mount+"/"+path, body)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// credentials are what a method would log in with now.
type credentials interface{ credentials() []Source }

func (m *AppRole) credentials() []Source    { return []Source{m.RoleID, m.SecretID} }
func (m *Kubernetes) credentials() []Source { return []Source{m.source()} }
func (m *JWT) credentials() []Source        { return []Source{m.JWT} }
func (m *Userpass) credentials() []Source   { return []Source{m.Password} }
func (m *LDAP) credentials() []Source       { return []Source{m.Password} }

// fingerprintTime is how long a look at the credentials may take, as they may
// be in a pipe that nobody writes to. What is late counts as unreadable.
const fingerprintTime = time.Second

// fingerprint tells one set of credentials from another. It stays in this
// process.
func fingerprint(ctx context.Context, method api.AuthMethod) uint64 {
	c, ok := method.(credentials)
	if !ok {
		return 0
	}
	ctx, cancel := context.WithTimeout(ctx, fingerprintTime)
	defer cancel()
	h := sha256.New()
	for _, source := range c.credentials() {
		if source == nil {
			continue
		}
		text, err := ask(ctx, source)
		_, _ = fmt.Fprintf(h, "%t %d ", err == nil, len(text))
		h.Write([]byte(text))
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// own reports whether a method is one of this package's.
func own(method api.AuthMethod) bool {
	switch method.(type) {
	case *AppRole, *Kubernetes, *JWT, *Cert, *Userpass, *LDAP:
		return true
	}
	return false
}

// methodName names a login method in messages.
func methodName(method api.AuthMethod) string {
	switch method.(type) {
	case *AppRole:
		return "approle"
	case *Kubernetes:
		return "kubernetes"
	case *JWT:
		return "jwt"
	case *Cert:
		return "cert"
	case *Userpass:
		return "userpass"
	case *LDAP:
		return "ldap"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", method), "*")
}
