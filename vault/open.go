package vault

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

func init() {
	secrets.Register(Scheme, secrets.Backend{
		Open:            func(_ context.Context, base secrets.Ref) (secrets.Provider, error) { return open(base.Options) },
		Options:         providerOptions,
		DocumentOptions: documentOptionNames,
		OperatorOptions: operatorOptions,
		Translate:       translate,
	})
}

// attemptTimeout bounds a request of a client that we build, unless the URI or
// VAULT_CLIENT_TIMEOUT says otherwise.
const attemptTimeout = 3 * time.Second

// A setup is what the options of a URI say, by their names.
type setup map[string]string

// loginOptions are the options that say how to log in; each method uses some.
var loginOptions = []string{
	"auth_account", "auth_header", "auth_mount", "auth_region", "auth_type", "jwt_file", "password_file", "role", "role_id",
	"role_id_file", "secret_id_file", "secret_id_wrapped", "token_file", "username",
}

// providerOptions are all of them.
var providerOptions = append([]string{
	"address", "agent", "allow_http", "auth", "ca_cert", "ca_path", "client_cert", "client_key", "namespace", "renew",
	"skip_verify", "timeout", "tls_server_name",
}, loginOptions...)

// operatorOptions are those that a reference in a value may not set: where the
// token goes and how the server is known, how to log in, in which namespace, and
// of a document's what leads to another mount than the path says.
var operatorOptions = append([]string{
	"address", "agent", "allow_http", "auth", "ca_cert", "ca_path", "client_cert", "client_key", "engine", "kv", "mount",
	"namespace", "skip_verify", "tls_server_name",
}, loginOptions...)

// check refuses what no option may be.
func (s setup) check() error {
	for name, value := range s {
		switch name {
		case "allow_http", "renew", "secret_id_wrapped", "skip_verify":
			if value != "true" && value != "false" {
				return invalid("option %s is true or false", name)
			}
		case "timeout":
			if d, err := time.ParseDuration(value); err != nil || d <= 0 {
				return invalid("option timeout is a duration such as 5s")
			}
		default:
			if !slices.Contains(providerOptions, name) {
				return invalid("unknown option %s", name)
			}
			if value == "" {
				return invalid("option %s is empty", name)
			}
		}
	}
	return nil
}

// open makes the provider of a URI. It reads the TLS files and no others, and
// sends nothing.
func open(s setup) (secrets.Provider, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var o options
	if err := s.login(&o); err != nil {
		return nil, err
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	o.plainHTTP = s["allow_http"] == "true"
	p := newProvider(client, new(int), o, s["renew"] != "false")
	if p.err != nil {
		return nil, p.err
	}
	return p, nil
}

// client builds a client from the environment and, over it, the options.
// api.NewClient reads VAULT_NAMESPACE and VAULT_HEADERS whatever it is given,
// and VAULT_AGENT_ADDR wins over an explicit address, so that the options are
// set after construction.
func (s setup) client() (*api.Client, error) {
	cfg := api.DefaultConfig()
	if cfg.Error != nil {
		return nil, environmentError(cfg.Error)
	}
	if os.Getenv(api.EnvVaultClientTimeout) == "" {
		cfg.Timeout = attemptTimeout
	}
	if d, err := time.ParseDuration(s["timeout"]); err == nil {
		cfg.Timeout = d
	}
	switch {
	case s["agent"] != "":
		cfg.Address, cfg.AgentAddress = s["agent"], ""
	case s["address"] != "":
		cfg.Address, cfg.AgentAddress = s["address"], ""
	case cfg.AgentAddress != "":
		cfg.Address, cfg.AgentAddress = cfg.AgentAddress, ""
	}
	if u, err := url.Parse(cfg.Address); err == nil && strings.Trim(u.Path, "/") == "v1" {
		return nil, invalid("the address of the server ends in /v1, which every request adds: leave it out of VAULT_ADDR or ?address=")
	}
	if err := s.secure(cfg); err != nil {
		return nil, err
	}
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, environmentError(err)
	}
	client.ClearToken()
	if s["namespace"] != "" {
		client.SetNamespace(s["namespace"])
	}
	return client, nil
}

// secure sets what the options say about TLS, and keeps to HTTP/1.1: there a
// connection that went dead holds up the one request on it, not all of them.
func (s setup) secure(cfg *api.Config) error {
	err := cfg.ConfigureTLS(&api.TLSConfig{CACert: s["ca_cert"], CAPath: s["ca_path"], TLSServerName: s["tls_server_name"]})
	if err != nil {
		return fault.New(secrets.ErrInvalid, "ca_cert or ca_path cannot be used", err)
	}
	transport, ok := cfg.HttpClient.Transport.(*http.Transport)
	if !ok {
		return invalid("vault/api no longer builds an http.Transport")
	}
	tlsConfig := transport.TLSClientConfig
	if skip, given := s["skip_verify"]; given {
		tlsConfig.InsecureSkipVerify = skip == "true"
	}
	cert, key := or(s["client_cert"], os.Getenv(api.EnvVaultClientCert)), or(s["client_key"], os.Getenv(api.EnvVaultClientKey))
	if (cert == "") != (key == "") {
		return invalid("client_cert and client_key go together")
	}
	if cert != "" {
		// Read at each handshake: such certificates are short-lived and replaced.
		tlsConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cert, key)
			if err != nil {
				return nil, unauthenticated("the client certificate or its key cannot be used: check "+cert+" and "+key, nil)
			}
			return &pair, nil
		}
	}
	tlsConfig.NextProtos = []string{"http/1.1"}
	transport.ForceAttemptHTTP2 = false
	transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	transport.MaxIdleConnsPerHost = 32
	return nil
}

// login chooses how to come by a token.
func (s setup) login(o *options) error {
	agent := s["agent"] != "" || s["address"] == "" && os.Getenv(api.EnvVaultAgentAddr) != ""
	method := s["auth"]
	switch {
	case method != "":
	case s["role_id"] != "" || s["role_id_file"] != "":
		method = "approle"
	case s["token_file"] != "":
		method = "token"
	case agent:
		o.agent = true
		return s.unused("an agent")
	default:
		method = "token"
	}
	if s["agent"] != "" {
		return invalid("?agent= takes no login of ours: the agent adds its own token; drop the options of the login, or say ?address=")
	}
	builtin, ok := methods[method]
	if ok {
		return builtin(s, o)
	}
	registeredAuths.RLock()
	custom, ok := registeredAuths.m[method]
	registeredAuths.RUnlock()
	if !ok {
		hint := "; there are " + strings.Join(slices.Sorted(maps.Keys(methods)), ", ") + ", and aws and gcp in packages of their own"
		if method == "aws" || method == "gcp" {
			hint = fmt.Sprintf("; add: import _ %q", "github.com/go-secrets/secrets/vault/auth"+method)
		}
		return invalid("unknown auth method %q%s", method, hint)
	}
	m, err := custom(AuthOptions{
		Role: s["role"], Mount: s["auth_mount"], Type: s["auth_type"], Region: s["auth_region"],
		Account: s["auth_account"], Header: s["auth_header"],
	})
	if err != nil {
		return fault.New(secrets.ErrInvalid, "auth="+method, err)
	}
	o.method = m
	return s.unused("auth="+method, "role", "auth_mount", "auth_type", "auth_region", "auth_account", "auth_header")
}

// methods are the logins of this package.
var methods = map[string]func(setup, *options) error{
	"token": func(s setup, o *options) error {
		o.source = s.token()
		return s.unused("a token", "token_file")
	},
	"approle": func(s setup, o *options) error {
		m := &AppRole{Mount: s["auth_mount"], Wrapped: s["secret_id_wrapped"] == "true"}
		m.RoleID = firstOf("approle needs a role id: set role_id, role_id_file or VAULT_ROLE_ID", textOr(s["role_id"]), fileOr(s["role_id_file"]), envOr("VAULT_ROLE_ID"))
		if s["secret_id_file"] != "" || os.Getenv("VAULT_SECRET_ID") != "" {
			m.SecretID = firstOf("", fileOr(s["secret_id_file"]), envOr("VAULT_SECRET_ID"))
		}
		o.method = m
		return s.unused("auth=approle", "auth_mount", "role_id", "role_id_file", "secret_id_file", "secret_id_wrapped")
	},
	"kubernetes": func(s setup, o *options) error {
		if s["role"] == "" {
			return invalid("auth=kubernetes needs role=")
		}
		o.method = &Kubernetes{Mount: s["auth_mount"], Role: s["role"], JWT: fileOr(s["jwt_file"])}
		return s.unused("auth=kubernetes", "role", "auth_mount", "jwt_file")
	},
	"jwt": func(s setup, o *options) error {
		if s["jwt_file"] == "" {
			return invalid("auth=jwt needs jwt_file=")
		}
		o.method = &JWT{Mount: s["auth_mount"], Role: s["role"], JWT: File(s["jwt_file"])}
		return s.unused("auth=jwt", "role", "auth_mount", "jwt_file")
	},
	"cert": func(s setup, o *options) error {
		if s["client_cert"] == "" && os.Getenv(api.EnvVaultClientCert) == "" {
			return invalid("auth=cert needs client_cert= and client_key=, or VAULT_CLIENT_CERT and VAULT_CLIENT_KEY")
		}
		o.method = &Cert{Mount: s["auth_mount"], Role: s["role"]}
		return s.unused("auth=cert", "role", "auth_mount")
	},
	"userpass": func(s setup, o *options) error {
		if s["username"] == "" || s["password_file"] == "" {
			return invalid("auth=userpass needs username= and password_file=")
		}
		o.method = &Userpass{Mount: s["auth_mount"], Username: s["username"], Password: File(s["password_file"])}
		return s.unused("auth=userpass", "auth_mount", "username", "password_file")
	},
	"ldap": func(s setup, o *options) error {
		if s["username"] == "" || s["password_file"] == "" {
			return invalid("auth=ldap needs username= and password_file=")
		}
		o.method = &LDAP{Mount: s["auth_mount"], Username: s["username"], Password: File(s["password_file"])}
		return s.unused("auth=ldap", "auth_mount", "username", "password_file")
	},
}

// unused refuses an option of a login that the chosen one does not look at: a
// misspelt intention, most likely.
func (s setup) unused(chosen string, used ...string) error {
	for _, name := range loginOptions {
		if _, given := s[name]; given && !slices.Contains(used, name) {
			return invalid("option %s means nothing with %s", name, chosen)
		}
	}
	return nil
}

// token is the source of a token that is not logged in for: the file that was
// named, VAULT_TOKEN, or what vault login left behind. Where it is found is
// decided at each read, so that a login in another terminal is enough.
func (s setup) token() Source {
	if s["token_file"] != "" {
		return fileToken(s["token_file"])
	}
	var home struct {
		sync.Mutex
		path   string
		source Source
	}
	return func() (string, error) {
		if token := strings.TrimSpace(os.Getenv(api.EnvVaultToken)); token != "" {
			return token, nil
		}
		path, ok := homeToken()
		if !ok {
			return "", noCredentials("VAULT_TOKEN is unset and there is no ~/.vault-token: set VAULT_TOKEN, run vault login, or log in with ?auth=approle, kubernetes, jwt, cert, userpass, ldap, aws or gcp")
		}
		home.Lock()
		if home.path != path {
			home.path, home.source = path, fileToken(path)
		}
		source := home.source
		home.Unlock()
		return source()
	}
}

func noCredentials(msg string) error {
	return unauthenticated("no Vault credentials: "+msg, nil)
}

func textOr(s string) Source {
	if s == "" {
		return nil
	}
	return Text(s)
}

func fileOr(path string) Source {
	if path == "" {
		return nil
	}
	return File(path)
}

func envOr(name string) Source {
	return func() (string, error) { return strings.TrimSpace(os.Getenv(name)), nil }
}

// firstOf is the first source that yields something.
func firstOf(missing string, sources ...Source) Source {
	return func() (string, error) {
		for _, source := range sources {
			if source == nil {
				continue
			}
			if text, err := source(); err != nil || text != "" {
				return text, err
			}
		}
		return "", noCredentials(missing)
	}
}

// AuthOptions are the options of a URI that a registered login method gets.
type AuthOptions struct {
	Role    string // role
	Mount   string // auth_mount
	Type    string // auth_type
	Region  string // auth_region
	Account string // auth_account
	Header  string // auth_header
}

var registeredAuths = struct {
	sync.RWMutex
	m map[string]func(AuthOptions) (api.AuthMethod, error)
}{m: make(map[string]func(AuthOptions) (api.AuthMethod, error))}

// RegisterAuth makes a login method known as auth=name in a URI. The packages
// vault/authaws and vault/authgcp call it in their init: their SDKs are linked
// by those alone who import them. It panics on a name that is taken.
func RegisterAuth(name string, method func(AuthOptions) (api.AuthMethod, error)) {
	registeredAuths.Lock()
	defer registeredAuths.Unlock()
	if _, taken := registeredAuths.m[name]; taken || methods[name] != nil || method == nil {
		panic("vault: RegisterAuth called twice for " + name)
	}
	registeredAuths.m[name] = method
}
