package vault

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// A Source yields a credential. It is asked at every login, so that one that
// was replaced is noticed. A func prints as an address, never as what it
// yields.
type Source func() (string, error)

// Text is a Source that always yields the same.
func Text(credential string) Source {
	return func() (string, error) { return credential, nil }
}

// File is a Source that reads a file each time it is asked, and drops white
// space around its content.
func File(path string) Source {
	return func() (string, error) {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", fault.New(secrets.ErrUnauthenticated, "a credential file cannot be read", err)
		}
		text := strings.TrimSpace(string(data))
		if text == "" {
			return "", fault.New(secrets.ErrUnauthenticated, "the credential file "+path+" is empty", nil)
		}
		return text, nil
	}
}

// ServiceAccountFile is where a pod finds the JWT of its service account. The
// kubelet replaces it long before it expires.
const ServiceAccountFile = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// AppRole logs in with a role id and a secret id (auth/approle).
//
// With Wrapped, SecretID yields a response-wrapping token, which is unwrapped
// once; its secret id then serves every login until SecretID yields another
// token. If Vault says that the wrapping token is not valid, somebody else may
// have unwrapped it: the error says so.
type AppRole struct {
	Mount    string // where the method is mounted; empty: approle
	RoleID   Source
	SecretID Source // nil: the role binds none
	Wrapped  bool

	unwrapped unwrapped
}

// unwrapped is the secret id that came out of the last wrapping token.
type unwrapped struct {
	sync.Mutex
	from     [32]byte
	secretID string
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
// locks a user for 15 minutes after five wrong passwords: after three the
// session waits until that count is forgotten, or the password another.
type Userpass struct {
	Mount    string // where the method is mounted; empty: userpass
	Username string
	Password Source
}

// LDAP logs in with a user name and a password of a directory (auth/ldap). As
// with [Userpass], wrong passwords are tried rarely.
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
	roleID, err := m.RoleID()
	if err != nil {
		return nil, err
	}
	body := map[string]any{"role_id": roleID}
	if m.SecretID != nil {
		secretID, err := m.SecretID()
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
	if u.secretID != "" && u.from == from {
		return u.secretID, nil
	}
	as := client.WithRequestCallbacks(func(r *api.Request) { r.ClientToken, r.WrapTTL = wrapping, "" })
	secret, err := as.Logical().WriteWithContext(ctx, "sys/wrapping/unwrap", nil)
	if err != nil {
		var refused *api.ResponseError
		if errors.As(err, &refused) && (refused.StatusCode == http.StatusBadRequest || refused.StatusCode == http.StatusForbidden) {
			return "", fault.New(secrets.ErrUnauthenticated, "the wrapping token of the secret id is not valid: if it has not simply expired, SOMEBODY ELSE MAY HAVE UNWRAPPED IT: revoke the secret id, and find out who did", withoutBody(refused))
		}
		return "", err
	}
	if secret == nil {
		return "", unavailable("the wrapped secret id was answered with nothing", nil)
	}
	id, ok := secret.Data["secret_id"].(string)
	if !ok || id == "" {
		return "", fault.New(secrets.ErrUnauthenticated, "what was wrapped is no secret id: wrap the answer of auth/approle/role/<role>/secret-id", nil)
	}
	u.from, u.secretID = from, id
	return id, nil
}

// Login implements [api.AuthMethod].
func (m *Kubernetes) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	jwt, err := m.source()()
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
	jwt, err := m.JWT()
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
	text, err := password()
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

// fingerprint tells one set of credentials from another. It stays in this
// process.
func fingerprint(method api.AuthMethod) [32]byte {
	c, ok := method.(credentials)
	if !ok {
		return [32]byte{}
	}
	h := sha256.New()
	for _, source := range c.credentials() {
		if source == nil {
			continue
		}
		text, err := source()
		fmt.Fprintf(h, "%t %d ", err == nil, len(text))
		h.Write([]byte(text))
	}
	return [32]byte(h.Sum(nil))
}

// locks reports whether wrong credentials lock an account.
func locks(method api.AuthMethod) bool {
	switch method.(type) {
	case *Userpass, *LDAP:
		return true
	}
	return false
}

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
		return fault.New(secrets.ErrUnauthenticated, "the "+methodName(method)+" login could not be made", err)
	}
	said := texts(refused.Errors)
	name := methodName(method)
	f := &fault.Error{Err: withoutBody(refused), Quiet: true}
	switch status := refused.StatusCode; {
	case refused.RawError:
		f.Class, f.Msg = secrets.ErrUnavailable, fmt.Sprintf("the login was answered with %d and no JSON of Vault's: is %s a Vault server?", status, c.host)
	case status == http.StatusTooManyRequests:
		f.Class, f.Msg = secrets.ErrThrottled, "the login met a rate limit quota of the server"
	case said.has("Vault is sealed"):
		f.Class, f.Msg = secrets.ErrUnavailable, "the server is sealed: unseal it (vault operator unseal)"
	case said.has("local node not active"), said.has("not initialized"), status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		f.Class, f.Msg = secrets.ErrUnavailable, fmt.Sprintf("the login was answered with %d: the server is not ready", status)
	case status == http.StatusNotFound, said.has("no handler for route"):
		f.Class, f.Msg = secrets.ErrInvalid, "no "+name+" auth method is mounted there: check the method's mount (vault auth list) and the namespace"
	case said.has("invalid role or secret ID"), said.has("invalid secret id"), said.has("invalid role ID"):
		f.Class, f.Msg = secrets.ErrUnauthenticated, "the server does not accept the role id or secret id: wrong, expired, or its uses are spent; deliver a new secret id"
	case said.has("invalid role name"), said.has("could not be found"), said.has("missing role"):
		f.Class, f.Msg = secrets.ErrUnauthenticated, "the "+name+" auth method has no such role"
	case said.has("user is locked"), said.has("account is locked"):
		f.Class, f.Msg = secrets.ErrUnauthenticated, "the server has locked the user after wrong passwords"
	case status == http.StatusForbidden && locks(method) && said.has("permission denied"):
		f.Class, f.Msg = secrets.ErrUnauthenticated, "the server refuses the user: locked after wrong passwords, or not allowed to log in"
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusForbidden:
		f.Class, f.Msg = secrets.ErrUnauthenticated, fmt.Sprintf("the %s login was refused with %d: check the role, its bound claims or addresses, and the credential", name, status)
	case status == http.StatusInternalServerError && (said.has("failed to determine alias name") || said.has("lookup failed") || said.has("service account")):
		f.Class, f.Msg = secrets.ErrUnauthenticated, "the server cannot verify the "+name+" credential"
	default:
		f.Class, f.Msg = secrets.ErrUnavailable, fmt.Sprintf("the %s login was answered with %d: the server's log says why", name, status)
	}
	return f
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

// fileToken is the source of a token that something else writes to a file: an
// agent's sink, or vault login. The file is read again when it has changed.
func fileToken(path string) func() (string, error) {
	var (
		mu   sync.Mutex
		last os.FileInfo
		text string
	)
	read := File(path)
	return func() (string, error) {
		info, err := os.Stat(path)
		if err != nil {
			return "", fault.New(secrets.ErrUnauthenticated, "the token file cannot be read", err)
		}
		mu.Lock()
		defer mu.Unlock() // held across the read of a small local file, so that it is read once
		if last != nil && os.SameFile(last, info) && last.ModTime().Equal(info.ModTime()) && last.Size() == info.Size() {
			return text, nil
		}
		now, err := read()
		if err != nil {
			return "", err
		}
		last, text = info, now
		return now, nil
	}
}

// homeToken is where vault login leaves its token.
func homeToken() (path string, ok bool) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", false
	}
	path = filepath.Join(home, ".vault-token")
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular()
}
