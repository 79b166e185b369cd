package vault

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
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
	names := slices.Collect(maps.Keys(openers))
	slices.Sort(names)
	secrets.Register(Scheme, secrets.Backend{
		Open:            func(_ context.Context, base secrets.Ref) (secrets.Provider, error) { return open(base.Options) },
		Options:         names,
		DocumentOptions: documentOptionNames,
	})
}

// attemptTimeout bounds a request of a client that we build, unless the URI or
// VAULT_CLIENT_TIMEOUT says otherwise.
const attemptTimeout = 10 * time.Second

// A setup is what the options of a URI say.
type setup struct {
	address, agent, namespace             string
	auth, role, authMount                 string
	roleID, roleIDFile, secretIDFile      string
	wrapped                               bool
	jwtFile, tokenFile                    string
	username, passwordFile                string
	caCert, caPath, clientCert, clientKey string
	serverName                            string
	skipVerify                            *bool
	allowHTTP, noRenewal                  bool
	timeout                               time.Duration
	auths                                 map[string]string // auth_type, auth_region …: for registered methods
}

// openers are the provider options, and what each sets.
var openers = map[string]func(*setup, string) error{
	"address":           text(func(s *setup) *string { return &s.address }),
	"agent":             text(func(s *setup) *string { return &s.agent }),
	"namespace":         text(func(s *setup) *string { return &s.namespace }),
	"auth":              text(func(s *setup) *string { return &s.auth }),
	"role":              text(func(s *setup) *string { return &s.role }),
	"auth_mount":        text(func(s *setup) *string { return &s.authMount }),
	"role_id":           text(func(s *setup) *string { return &s.roleID }),
	"role_id_file":      text(func(s *setup) *string { return &s.roleIDFile }),
	"secret_id_file":    text(func(s *setup) *string { return &s.secretIDFile }),
	"secret_id_wrapped": flag(func(s *setup, on bool) { s.wrapped = on }),
	"jwt_file":          text(func(s *setup) *string { return &s.jwtFile }),
	"token_file":        text(func(s *setup) *string { return &s.tokenFile }),
	"username":          text(func(s *setup) *string { return &s.username }),
	"password_file":     text(func(s *setup) *string { return &s.passwordFile }),
	"ca_cert":           text(func(s *setup) *string { return &s.caCert }),
	"ca_path":           text(func(s *setup) *string { return &s.caPath }),
	"client_cert":       text(func(s *setup) *string { return &s.clientCert }),
	"client_key":        text(func(s *setup) *string { return &s.clientKey }),
	"tls_server_name":   text(func(s *setup) *string { return &s.serverName }),
	"skip_verify":       flag(func(s *setup, on bool) { s.skipVerify = &on }),
	"allow_http":        flag(func(s *setup, on bool) { s.allowHTTP = on }),
	"renew":             flag(func(s *setup, on bool) { s.noRenewal = !on }),
	"timeout":           (*setup).setTimeout,
	"auth_type":         extra("auth_type"),
	"auth_region":       extra("auth_region"),
	"auth_account":      extra("auth_account"),
	"auth_header":       extra("auth_header"),
}

func text(field func(*setup) *string) func(*setup, string) error {
	return func(s *setup, value string) error {
		if value == "" {
			return fmt.Errorf("is empty")
		}
		*field(s) = value
		return nil
	}
}

func flag(set func(*setup, bool)) func(*setup, string) error {
	return func(s *setup, value string) error {
		switch value {
		case "true":
			set(s, true)
		case "false":
			set(s, false)
		default:
			return fmt.Errorf("is true or false")
		}
		return nil
	}
}

func extra(name string) func(*setup, string) error {
	return func(s *setup, value string) error {
		if s.auths == nil {
			s.auths = make(map[string]string)
		}
		s.auths[name] = value
		return nil
	}
}

func (s *setup) setTimeout(value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 {
		return fmt.Errorf("is a duration such as 5s")
	}
	s.timeout = d
	return nil
}

// open makes the provider of a URI. It reads the TLS files and no others, and
// sends nothing.
func open(given map[string]string) (secrets.Provider, error) {
	var s setup
	for _, name := range slices.Sorted(maps.Keys(given)) {
		set, ok := openers[name]
		if !ok {
			return nil, invalid("unknown option %s", name)
		}
		if err := set(&s, given[name]); err != nil {
			return nil, invalid("option %s %v", name, err)
		}
	}
	var o options
	if err := s.login(&o); err != nil {
		return nil, err
	}
	client, err := s.client(&o)
	if err != nil {
		return nil, err
	}
	none := 0
	p := newProvider(client, &none, o, !s.noRenewal)
	if p.err != nil {
		return nil, p.err
	}
	return p, nil
}

// client builds a client from the environment and, over it, the options.
// api.NewClient reads VAULT_NAMESPACE and VAULT_HEADERS whatever it is given,
// and VAULT_AGENT_ADDR wins over an explicit address, so that the options are
// set after construction.
func (s *setup) client(o *options) (*api.Client, error) {
	cfg := api.DefaultConfig()
	if cfg.Error != nil {
		return nil, environmentError(cfg.Error)
	}
	if os.Getenv(api.EnvVaultClientTimeout) == "" {
		cfg.Timeout = attemptTimeout
	}
	if s.timeout > 0 {
		cfg.Timeout = s.timeout
	}
	switch {
	case s.agent != "":
		cfg.Address, cfg.AgentAddress = s.agent, ""
	case s.address != "":
		cfg.Address, cfg.AgentAddress = s.address, ""
	case cfg.AgentAddress != "":
		cfg.Address, cfg.AgentAddress = cfg.AgentAddress, ""
	}
	if err := s.secure(cfg); err != nil {
		return nil, err
	}
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, environmentError(err)
	}
	client.ClearToken()
	if s.namespace != "" {
		client.SetNamespace(s.namespace)
	}
	o.plainHTTP = s.allowHTTP
	return client, nil
}

// secure sets what the options say about TLS, and keeps to HTTP/1.1: there a
// connection that went dead holds up the one request on it, not all of them.
func (s *setup) secure(cfg *api.Config) error {
	err := cfg.ConfigureTLS(&api.TLSConfig{CACert: s.caCert, CAPath: s.caPath, TLSServerName: s.serverName})
	if err != nil {
		return fault.New(secrets.ErrInvalid, "ca_cert or ca_path cannot be used", err)
	}
	transport, ok := cfg.HttpClient.Transport.(*http.Transport)
	if !ok {
		return invalid("vault/api no longer builds an http.Transport")
	}
	tlsConfig := transport.TLSClientConfig
	if s.skipVerify != nil {
		tlsConfig.InsecureSkipVerify = *s.skipVerify
	}
	cert, key := or(s.clientCert, os.Getenv(api.EnvVaultClientCert)), or(s.clientKey, os.Getenv(api.EnvVaultClientKey))
	if (cert == "") != (key == "") {
		return invalid("client_cert and client_key go together")
	}
	if cert != "" {
		// Read at each handshake: such certificates are short-lived and replaced.
		tlsConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cert, key)
			if err != nil {
				return nil, fault.New(secrets.ErrUnauthenticated, "the client certificate or its key cannot be used: check "+cert+" and "+key, nil)
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
func (s *setup) login(o *options) error {
	agent := s.agent != "" || s.address == "" && os.Getenv(api.EnvVaultAgentAddr) != ""
	method := s.auth
	switch {
	case method != "":
	case s.roleID != "" || s.roleIDFile != "":
		method = "approle"
	case s.tokenFile != "":
		method = "token"
	case agent:
		o.agent = true
		return s.unused("an agent")
	default:
		method = "token"
	}
	if s.agent != "" {
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
		hint := ""
		if method == "aws" || method == "gcp" {
			hint = fmt.Sprintf("; add: import _ %q", "github.com/go-secrets/secrets/vault/auth"+method)
		}
		return invalid("unknown auth method %q%s", method, hint)
	}
	m, err := custom(AuthOptions{
		Role: s.role, Mount: s.authMount, Type: s.auths["auth_type"], Region: s.auths["auth_region"],
		Account: s.auths["auth_account"], Header: s.auths["auth_header"],
	})
	if err != nil {
		return fault.New(secrets.ErrInvalid, "auth="+method, err)
	}
	o.method = m
	return s.unused("auth="+method, "role", "auth_mount", "auth_type", "auth_region", "auth_account", "auth_header")
}

// methods are the logins of this package.
var methods = map[string]func(*setup, *options) error{
	"token": func(s *setup, o *options) error {
		o.source = s.token()
		return s.unused("a token", "token_file")
	},
	"approle": func(s *setup, o *options) error {
		m := &AppRole{Mount: s.authMount, Wrapped: s.wrapped}
		m.RoleID = firstOf("approle needs a role id: set role_id, role_id_file or VAULT_ROLE_ID", textOr(s.roleID), fileOr(s.roleIDFile), envOr("VAULT_ROLE_ID"))
		if s.secretIDFile != "" || os.Getenv("VAULT_SECRET_ID") != "" {
			m.SecretID = firstOf("", fileOr(s.secretIDFile), envOr("VAULT_SECRET_ID"))
		}
		o.method = m
		return s.unused("auth=approle", "auth_mount", "role_id", "role_id_file", "secret_id_file", "secret_id_wrapped")
	},
	"kubernetes": func(s *setup, o *options) error {
		if s.role == "" {
			return invalid("auth=kubernetes needs role=")
		}
		o.method = &Kubernetes{Mount: s.authMount, Role: s.role, JWT: fileOr(s.jwtFile)}
		return s.unused("auth=kubernetes", "role", "auth_mount", "jwt_file")
	},
	"jwt": func(s *setup, o *options) error {
		if s.jwtFile == "" {
			return invalid("auth=jwt needs jwt_file=")
		}
		o.method = &JWT{Mount: s.authMount, Role: s.role, JWT: File(s.jwtFile)}
		return s.unused("auth=jwt", "role", "auth_mount", "jwt_file")
	},
	"cert": func(s *setup, o *options) error {
		if s.clientCert == "" && os.Getenv(api.EnvVaultClientCert) == "" {
			return invalid("auth=cert needs client_cert= and client_key=, or VAULT_CLIENT_CERT and VAULT_CLIENT_KEY")
		}
		o.method = &Cert{Mount: s.authMount, Role: s.role}
		return s.unused("auth=cert", "role", "auth_mount")
	},
	"userpass": func(s *setup, o *options) error {
		if s.username == "" || s.passwordFile == "" {
			return invalid("auth=userpass needs username= and password_file=")
		}
		o.method = &Userpass{Mount: s.authMount, Username: s.username, Password: File(s.passwordFile)}
		return s.unused("auth=userpass", "auth_mount", "username", "password_file")
	},
	"ldap": func(s *setup, o *options) error {
		if s.username == "" || s.passwordFile == "" {
			return invalid("auth=ldap needs username= and password_file=")
		}
		o.method = &LDAP{Mount: s.authMount, Username: s.username, Password: File(s.passwordFile)}
		return s.unused("auth=ldap", "auth_mount", "username", "password_file")
	},
}

// unused refuses an option of a login that the chosen one does not look at: a
// misspelt intention, most likely.
func (s *setup) unused(chosen string, used ...string) error {
	given := map[string]bool{
		"role": s.role != "", "auth_mount": s.authMount != "", "role_id": s.roleID != "", "role_id_file": s.roleIDFile != "",
		"secret_id_file": s.secretIDFile != "", "secret_id_wrapped": s.wrapped, "jwt_file": s.jwtFile != "", "token_file": s.tokenFile != "",
		"username": s.username != "", "password_file": s.passwordFile != "",
	}
	for name := range s.auths {
		given[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if given[name] && !slices.Contains(used, name) {
			return invalid("option %s means nothing with %s", name, chosen)
		}
	}
	return nil
}

// token is the source of a token that is not logged in for: the file that was
// named, VAULT_TOKEN, or what vault login left behind. Where it is found is
// decided at each read, so that a login in another terminal is enough.
func (s *setup) token() Source {
	if s.tokenFile != "" {
		return fileToken(s.tokenFile)
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
	return fault.New(secrets.ErrUnauthenticated, "no Vault credentials: "+msg, nil)
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
