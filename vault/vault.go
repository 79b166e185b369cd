package vault

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/startover"
)

// Scheme is the scheme of this backend's URIs.
const Scheme = "vault"

// parallel is how many reads of a batch are under way at a time: Vault has no
// batch of its own.
const parallel = 8

// closeTimeout bounds what Close says to the server.
const closeTimeout = 2 * time.Second

// A Provider reads secrets from one Vault server (or cluster) and namespace.
// It implements [secrets.BatchProvider], [secrets.ListProvider],
// [secrets.LeaseProvider] and [io.Closer], and is safe for concurrent use.
//
// It prints as an address: no printer gets at its tokens.
type Provider struct {
	in func() *provider // whatever looks into a Provider ends here
}

// A provider is what a Provider does its work with.
type provider struct {
	caller  *caller
	session *session
	mounts  mounts
	numbers startover.Numbers[string] // of versions, told apart by the time when they were made
	rotated rotations
	err     error // what is wrong with how it was made; every method returns it
}

func hide(p *provider) *Provider { return &Provider{in: func() *provider { return p }} }

var (
	_ secrets.BatchProvider = (*Provider)(nil)
	_ secrets.ListProvider  = (*Provider)(nil)
	_ secrets.LeaseProvider = (*Provider)(nil)
)

// An Option changes how [New] makes a provider.
type Option func(*options)

type options struct {
	method    api.AuthMethod
	source    func() (string, error)
	instant   bool // the source reads nothing, and so cannot block
	agent     bool
	plainHTTP bool
	noRenewal bool

	authorities *authorities // nil: those of the client
}

// WithAuth has the provider log in, with one of this package's methods, one of
// vault/api/auth's, or your own: when the first secret is read, again when its
// token ends, and once when a token is refused. The provider renews the token
// in the background and revokes it when it is closed.
func WithAuth(method api.AuthMethod) Option { return func(o *options) { o.method = method } }

// WithToken has the provider use the token that a source yields, which is asked
// before each read. With [TokenFile] it follows a file that an agent writes.
// Such a token is renewed if it can be, and never revoked.
func WithToken(source Source) Option { return func(o *options) { o.source = source } }

// WithAgent says that the client's address is that of a Vault Agent or Proxy
// with auto-auth: no token is sent, none is renewed, no lease is renewed or
// revoked, for all that is the agent's.
func WithAgent() Option { return func(o *options) { o.agent = true } }

// WithPlainHTTP lets tokens and secrets go over http:// to another machine.
// Without it only loopback addresses may be reached so.
func WithPlainHTTP() Option { return func(o *options) { o.plainHTTP = true } }

// WithoutRenewal starts no goroutine: the token is not renewed in the
// background, but replaced by a login when it has lapsed.
func WithoutRenewal() Option { return func(o *options) { o.noRenewal = true } }

// New makes a provider over your own client, whose address, TLS settings,
// namespace, headers, retries and timeout (as that of one request) it takes
// over. The client is not changed, and its later SetNamespace or AddHeader are
// not noticed. With neither [WithAuth], [WithToken] nor [WithAgent] it uses the
// client's token, also one that you set later, and does not renew it: whoever
// set it does.
//
// New does no I/O. What is wrong with its arguments is an error of class
// [secrets.ErrInvalid] from every method.
func New(client *api.Client, opts ...Option) *Provider {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if client == nil {
		return hide(&provider{err: invalid("vault.New was given no client")})
	}
	renew := !o.noRenewal
	if o.method == nil && o.source == nil && !o.agent {
		renew = false
		o.source, o.instant = clientToken(client), true
	}
	return newProvider(client, nil, o, renew)
}

// clientToken is the source of a token that the owner of a client looks after.
func clientToken(client *api.Client) Source {
	return func() (string, error) {
		if token := client.Token(); token != "" {
			return token, nil
		}
		return "", noCredentials("the client has no token: set one, or give vault.New a login (WithAuth)")
	}
}

func newProvider(client *api.Client, retries *int, o options, renew bool) *Provider {
	p, err := build(client, retries, o, renew)
	if err != nil {
		p = &provider{err: err}
	}
	return hide(p)
}

func build(client *api.Client, retries *int, o options, renew bool) (*provider, error) {
	if err := endpoint.CheckPlain("the client's address", client.Address(), o.plainHTTP); err != nil {
		return nil, invalid("%v (in code: WithPlainHTTP)", err)
	}
	if o.agent && (o.method != nil || o.source != nil) || o.method != nil && o.source != nil {
		return nil, invalid("an agent, a login and a token exclude each other")
	}
	var over func(http.RoundTripper) http.RoundTripper
	if o.authorities != nil {
		var shared *trusting
		var err error
		over = func(next http.RoundTripper) http.RoundTripper {
			if shared == nil && err == nil {
				shared, err = newTrusting(o.authorities, next.(*http.Transport))
			}
			return shared
		}
		if over(client.CloneConfig().HttpClient.Transport); err != nil {
			return nil, err
		}
	}
	reads, err := newCaller(client, retries, maxBody, over)
	if err != nil {
		return nil, err
	}
	none := 0
	logins, err := newCaller(client, &none, maxError, over)
	if err != nil {
		return nil, err
	}
	s := newSession(logins, o.method, o.source, renew)
	s.instant = o.instant
	return &provider{caller: reads, session: s, numbers: startover.Numbers[string]{Rises: true}}, nil
}

// Fetch reads one document. See the package's page for what a path stands for.
func (p *Provider) Fetch(ctx context.Context, ref secrets.Ref) (v secrets.Value, err error) {
	if err = p.in().fetch(ctx, ref, &v); err != nil {
		v = secrets.Value{}
	}
	return v, err
}

func (p *provider) fetch(ctx context.Context, ref secrets.Ref, v *secrets.Value) error {
	if p.err != nil {
		return p.err
	}
	path, err := documentPath(ref)
	if err != nil {
		return err
	}
	var want wanted
	if err := want.read(ref.Options); err != nil {
		return err
	}
	m, err := p.mountOf(ctx, path, &want)
	if err != nil {
		return err
	}
	rest := m.rest(path)
	if rest == "" {
		return unspellable("%q is a mount, and no secret", path)
	}
	switch {
	case m.engine != engineKV:
		return p.fetchEngine(ctx, m, rest, &want, v)
	case len(want.parameters) > 0:
		return errForEngines(want.parameters)
	case m.kv == 1:
		return p.fetchKV1(ctx, m, rest, &want, v)
	}
	return p.fetchKV2(ctx, m, rest, &want, v)
}

// FetchBatch reads several documents, eight at a time.
func (p *Provider) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	results := make([]secrets.Result, len(refs))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(parallel, len(refs)) {
		wg.Go(func() {
			for i := range next {
				results[i].Value, results[i].Err = p.Fetch(ctx, refs[i])
			}
		})
	}
	for i := range refs {
		next <- i
	}
	close(next)
	wg.Wait()
	return results
}

// send makes a request for a path with the session's token, and once more with
// another token if that one was refused. It needs so many uses of a token that
// has a number of them.
func (p *provider) send(ctx context.Context, path string, needs int, request func(token string) (*answer, error)) (*answer, *token, error) {
	t, err := p.session.token(ctx, needs)
	if err != nil {
		return nil, nil, err
	}
	a, err := request(t.id())
	if err != nil {
		return nil, nil, err
	}
	if a.status == http.StatusForbidden {
		next, err := p.session.refused(ctx, t, path, a.texts().has("invalid token"))
		if err != nil {
			return nil, nil, err
		}
		if next != nil {
			t = next
			if a, err = request(t.id()); err != nil {
				return nil, nil, err
			}
		}
		if a.status == http.StatusForbidden && !a.texts().has("invalid token") {
			p.session.stands(t, path)
		}
	}
	if a.status < http.StatusMultipleChoices {
		p.session.worked(t, path)
	}
	return a, t, nil
}

// get reads a path with the session's token.
func (p *provider) get(ctx context.Context, path string, params map[string][]string) (*answer, *token, error) {
	return p.send(ctx, path, 1, func(token string) (*answer, error) { return p.caller.get(ctx, token, path, params) })
}

// Close ends the provider's goroutine and revokes the tokens that it logged in
// for, and with them what leases are left. It takes at most two seconds.
func (p *Provider) Close() error {
	return p.in().close()
}

func (p *provider) close() error {
	if p.err != nil {
		return nil
	}
	ours := p.session.close()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := p.session.revoke(ctx, ours)
	p.caller.http.CloseIdleConnections()
	return err
}

// Detach ends the provider's goroutine and revokes nothing: the token lives on
// until its time is over, and so do the leases made under it. It is for a
// process that is about to become another (exec).
func (p *Provider) Detach() error {
	return p.in().detach()
}

func (p *provider) detach() error {
	if p.err != nil {
		return nil
	}
	p.session.close()
	return nil
}
