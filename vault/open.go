package vault

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/option"
)

func init() {
	secrets.Register(Scheme, secrets.Backend{
		Open:            func(_ context.Context, base secrets.Ref) (secrets.Provider, error) { return open(base.Options) },
		Check:           check,
		Options:         providerOptions,
		DocumentOptions: documentOptionNames,
		OperatorOptions: operatorOptions,
		Translate:       translate,
	})
}

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
// of a document's what leads to another mount than the path says, and what is
// made (a certificate's names, a token's rights).
var operatorOptions = slices.Concat(loginOptions, []string{
	"address", "agent", "allow_http", "auth", "ca_cert", "ca_path", "client_cert", "client_key", "namespace", "skip_verify", "tls_server_name",
}, slices.DeleteFunc(slices.Clone(documentOptionNames), func(name string) bool { return name == "version" }))

// open makes the provider of a URI. It reads the TLS files and no others, and
// sends nothing.
func open(s setup) (secrets.Provider, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	o := options{plainHTTP: s["allow_http"] == "true", authorities: s.authorities()}
	if err := s.login(&o); err != nil {
		return nil, err
	}
	client, err := s.client(&o)
	if err != nil {
		return nil, err
	}
	p := newProvider(client, new(int), o, s["renew"] != "false")
	if err := p.in().err; err != nil {
		return nil, err
	}
	return p, nil
}

// client builds a client from the environment and, over it, the options.
// api.NewClient reads VAULT_NAMESPACE and VAULT_HEADERS whatever it is given,
// and VAULT_AGENT_ADDR wins over an explicit address, so that the options are
// set after construction.
func (s setup) client(o *options) (*api.Client, error) {
	if err := checkEnvironment(); err != nil {
		return nil, err
	}
	cfg := api.DefaultConfig()
	if cfg.Error != nil {
		return nil, environmentError(cfg.Error)
	}
	var err error
	if cfg.Timeout, err = s.timeout(); err != nil {
		return nil, err
	}
	var which string
	cfg.Address, which = s.address()
	cfg.AgentAddress = ""
	if err := checkAddress(which, cfg.Address, o.plainHTTP); err != nil {
		return nil, err
	}
	for _, change := range []func(*api.Config) error{caBytes, s.fromBao, s.secure} {
		if err := change(cfg); err != nil {
			return nil, err
		}
	}
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, environmentError(err)
	}
	if host := onlyHere(cfg.Address, o.plainHTTP); host != "" {
		transportOf(cfg).DialContext = endpoint.Dialer(transportOf(cfg).DialContext, host)
	}
	o.plainHTTP = true // what the address may be has been looked at
	client.ClearToken()
	if namespace, _ := s.option("namespace", "NAMESPACE"); namespace != "" {
		client.SetNamespace(namespace)
	}
	return client, nil
}

// login chooses how to come by a token.
func (s setup) login(o *options) error {
	agentAddress, _ := variable("AGENT_ADDR")
	agent := s["agent"] != "" || s["address"] == "" && agentAddress != ""
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
		return errUnknownMethod(method)
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

func errUnknownMethod(method string) error {
	if method == "aws" || method == "gcp" {
		return invalid("auth=%s is in a package of its own; add: import _ %q", method, "github.com/go-secrets/secrets/vault/auth"+method)
	}
	registeredAuths.RLock()
	known := slices.Sorted(maps.Keys(registeredAuths.m))
	registeredAuths.RUnlock()
	for _, name := range []string{"aws", "gcp"} {
		if !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	return invalid("%s", option.OneOf("auth", method, append(slices.Sorted(maps.Keys(methods)), known...)...))
}

// methods are the logins of this package.
var methods = map[string]func(setup, *options) error{
	"token": func(s setup, o *options) error {
		o.source = s.token()
		return s.unused("a token", "token_file")
	},
	"approle": func(s setup, o *options) error {
		m := &AppRole{Mount: s["auth_mount"], Wrapped: s["secret_id_wrapped"] == "true"}
		m.RoleID = firstOf("approle needs a role id: set role_id, role_id_file or VAULT_ROLE_ID", textOr(s["role_id"]), s.file("role_id_file"), envOr("ROLE_ID"))
		if id, _ := variable("SECRET_ID"); s["secret_id_file"] != "" || id != "" {
			m.SecretID = firstOf("", s.file("secret_id_file"), envOr("SECRET_ID"))
		} else if m.Wrapped {
			return invalid("option secret_id_wrapped is true, and there is no secret id: set secret_id_file or VAULT_SECRET_ID")
		}
		o.method = m
		return s.unused("auth=approle", "auth_mount", "role_id", "role_id_file", "secret_id_file", "secret_id_wrapped")
	},
	"kubernetes": func(s setup, o *options) error {
		if s["role"] == "" {
			return invalid("auth=kubernetes needs role=")
		}
		o.method = &Kubernetes{Mount: s["auth_mount"], Role: s["role"], JWT: s.file("jwt_file")}
		return s.unused("auth=kubernetes", "role", "auth_mount", "jwt_file")
	},
	"jwt": func(s setup, o *options) error {
		if s["jwt_file"] == "" {
			return invalid("auth=jwt needs jwt_file=")
		}
		o.method = &JWT{Mount: s["auth_mount"], Role: s["role"], JWT: s.file("jwt_file")}
		return s.unused("auth=jwt", "role", "auth_mount", "jwt_file")
	},
	"cert": func(s setup, o *options) error {
		if cert, _ := s.option("client_cert", "CLIENT_CERT"); cert == "" {
			return invalid("auth=cert needs client_cert= and client_key=, or VAULT_CLIENT_CERT and VAULT_CLIENT_KEY")
		}
		o.method = &Cert{Mount: s["auth_mount"], Role: s["role"]}
		return s.unused("auth=cert", "role", "auth_mount")
	},
	"userpass": func(s setup, o *options) error {
		if s["username"] == "" || s["password_file"] == "" {
			return invalid("auth=userpass needs username= and password_file=")
		}
		o.method = &Userpass{Mount: s["auth_mount"], Username: s["username"], Password: s.file("password_file")}
		return s.unused("auth=userpass", "auth_mount", "username", "password_file")
	},
	"ldap": func(s setup, o *options) error {
		if s["username"] == "" || s["password_file"] == "" {
			return invalid("auth=ldap needs username= and password_file=")
		}
		o.method = &LDAP{Mount: s["auth_mount"], Username: s["username"], Password: s.file("password_file")}
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
	if path := s["token_file"]; path != "" {
		return fileToken("option token_file", path)
	}
	var home struct {
		sync.Mutex
		path   string
		source Source
	}
	return func() (string, error) {
		if token, _ := variable("TOKEN"); token != "" {
			return token, nil
		}
		path, ok := homeToken()
		if !ok {
			return "", noCredentials("VAULT_TOKEN is unset and there is no ~/.vault-token: set VAULT_TOKEN, run vault login, or log in with ?auth=approle, kubernetes, jwt, cert, userpass, ldap, aws or gcp")
		}
		home.Lock()
		if home.path != path {
			home.path, home.source = path, fileToken("the token that vault login left", path)
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

// file is the source of the credential in the file that an option names; nil:
// it names none.
func (s setup) file(option string) Source {
	if s[option] == "" {
		return nil
	}
	return fileOf("option "+option, s[option])
}

func envOr(name string) Source {
	return func() (string, error) {
		value, _ := variable(name)
		return value, nil
	}
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
// by those alone who import them. method is called with the options of each URI
// when they are checked ([secrets.Open]) and again when the provider is made; it
// does no I/O, and its error quotes no credential. It panics on a name that is
// taken.
func RegisterAuth(name string, method func(AuthOptions) (api.AuthMethod, error)) {
	registeredAuths.Lock()
	defer registeredAuths.Unlock()
	if _, taken := registeredAuths.m[name]; taken || methods[name] != nil || method == nil {
		panic("vault: RegisterAuth called twice for " + name)
	}
	registeredAuths.m[name] = method
}
