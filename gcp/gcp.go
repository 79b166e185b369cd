package gcp

import (
	"context"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/foreign"
	"github.com/go-secrets/secrets/internal/option"
	"github.com/go-secrets/secrets/internal/startover"
)

func init() {
	secrets.Register("gcp", secrets.Backend{
		Open:            open,
		Check:           check,
		Options:         []string{"separator", "location", "endpoint", "quota_project", "allow_http", "transport"},
		DocumentOptions: []string{"version", "latest"},
		OperatorOptions: []string{"allow_http", "endpoint", "quota_project"},
		Translate:       translate,
	})
}

// A Provider reads secrets from Google Secret Manager. It is safe for
// concurrent use.
type Provider struct {
	separator string
	location  string
	invalid   error // what is wrong with the options; every method returns it

	clients clients
	claims  claims
	numbers startover.Numbers[uint64] // of versions, told apart by a hash of their bytes
	slots   chan struct{}             // the reads of batches that are under way
}

var (
	_ secrets.BatchProvider = (*Provider)(nil)
	_ secrets.ListProvider  = (*Provider)(nil)
)

// An Option configures a Provider that New makes. See the package page for
// the same options in a URI.
type Option func(*Provider)

// WithSeparator sets what stands between the segments of a name in a secret's
// id: letters, digits, - and _, at least one. The default is "-".
func WithSeparator(separator string) Option {
	return func(p *Provider) { p.separator = separator }
}

// WithLocation makes the provider read regional secrets of that location. The
// client must be one for the location's endpoint,
// secretmanager.LOCATION.rep.googleapis.com.
func WithLocation(location string) Option {
	return func(p *Provider) { p.location = location }
}

// New returns a provider over the user's own client, which keeps its retries,
// timeouts and credentials and stays the user's to close. What is wrong with
// the options is an error of class [secrets.ErrInvalid] from every method.
//
// The client's own logging of payloads is bypassed where it talks gRPC; a
// client of NewRESTClient has to be made with option.WithLogger to keep them
// out of the log (see the package page).
func New(client *secretmanager.Client, opts ...Option) *Provider {
	p := newProvider()
	for _, opt := range opts {
		opt(p)
	}
	p.invalid = p.check()
	if client == nil {
		p.invalid = invalid("gcp.New needs a client")
		return p
	}
	p.clients.users = connect(client, nil)
	return p
}

func newProvider() *Provider {
	p := &Provider{separator: "-", slots: make(chan struct{}, maxParallel)}
	p.clients.login = newLogin()
	return p
}

// open makes the provider of a URI. It only looks at the options: credentials
// and connections wait for the first read.
func open(_ context.Context, base secrets.Ref) (secrets.Provider, error) {
	p, err := configured(base.Options)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// configured makes a provider with the options of a URI.
func configured(options map[string]string) (*Provider, error) {
	p := newProvider()
	if s, ok := options["separator"]; ok {
		p.separator = s
	}
	if l, ok := options["location"]; ok {
		if p.location = l; l == "" {
			return nil, invalid("option location is empty; drop it to read global secrets")
		}
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	var err error
	if p.clients.target, err = targetOf(options); err != nil {
		return nil, err
	}
	p.clients.login.allowHTTP = options["allow_http"] == "true"
	if q, ok := options["quota_project"]; ok {
		if !validProject(q) {
			return nil, invalid("%s", option.Not("quota_project", "a project id: lower-case letters, digits and hyphens", q))
		}
		p.clients.quotaProject = q
	}
	return p, nil
}

// check reports what is wrong with the options that New and open share.
func (p *Provider) check() error {
	if p.separator == "" || !foreign.Only(p.separator, anyID) {
		return invalid("%s", option.Not("separator", "one or more letters, digits, - or _, what a secret's id may hold", p.separator))
	}
	if p.location != "" && !validLocation(p.location) {
		return invalid("%s", option.Not("location", "that of regional secrets, such as europe-west1", p.location))
	}
	return nil
}

// Close closes the connections that the provider opened. A client that was
// given to [New] stays open. Reads that are under way fail, later ones with
// [secrets.ErrClosed]. It is idempotent.
func (p *Provider) Close() error { return p.clients.close() }
