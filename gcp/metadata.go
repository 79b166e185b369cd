package gcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/compute/metadata"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/limit"
	"github.com/go-secrets/secrets/internal/namedfile"
)

const (
	metadataHostEnv = "GCE_METADATA_HOST"

	// connectBudget is how long the metadata server has to accept a connection,
	// where nothing says that there is one: that there are no credentials has to
	// be told within two seconds, also by a busy machine. One that has accepted
	// has as long as the read.
	connectBudget = 1500 * time.Millisecond
	redialAfter   = 50 * time.Millisecond
)

// A metadataSource gets the tokens of the service account that is attached to
// the workload: https://cloud.google.com/compute/docs/access/authenticate-workloads.
type metadataSource struct {
	allowHTTP bool
	onGoogle  bool // so there is a metadata server, or will be
	asks      func(url string)

	mu        sync.Mutex
	connected bool
	refusal   error // why the last connection was not made
}

// note keeps what came of a dial.
func (m *metadataSource) note(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.connected, m.refusal = err == nil, err
}

// dialled returns what came of the last dial.
func (m *metadataSource) dialled() (connected bool, refusal error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.connected, m.refusal
}

// onGoogle reports whether this machine is Google's by what needs no network:
// on GKE, the metadata server of a node may come up seconds after its pods.
// Where GCE_METADATA_HOST names a server, only that counts.
func onGoogle() bool {
	if os.Getenv(metadataHostEnv) != "" {
		return false
	}
	for _, name := range []string{"K_SERVICE", "CLOUD_RUN_JOB", "GAE_ENV"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	product, _ := os.ReadFile("/sys/class/dmi/id/product_name")
	name := strings.TrimSpace(string(product))
	return name == "Google" || name == "Google Compute Engine"
}

// errUnreachable is a connection that was not made. It wraps nothing, because
// the library would try again after a refused one, and each try has its budget.
var errUnreachable = errors.New("no connection to the metadata server")

// dial connects to the metadata server, again and again while it refuses: a
// server that starts beside the program is up within a second.
func (m *metadataSource) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if !m.onGoogle {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, connectBudget)
		defer cancel()
	}
	host, _, _ := net.SplitHostPort(addr)
	for {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		m.note(err)
		if err == nil {
			if endpoint.Loopback(host) {
				if err := endpoint.CheckDialed(host, conn.RemoteAddr()); err != nil {
					_ = conn.Close()
					m.note(err)
					return nil, errUnreachable
				}
			}
			return conn, nil
		}
		select {
		case <-time.After(redialAfter):
		case <-ctx.Done():
			return nil, errUnreachable
		}
	}
}

// token asks the metadata server.
func (m *metadataSource) token(ctx context.Context) (*auth.Token, error) {
	host := os.Getenv(metadataHostEnv)
	if host != "" && !metadataHost(hostOf(host)) {
		if !plausibleHost(hostOf(host)) {
			return nil, invalid("%s reads host or host:port, and it holds something else (%d bytes)", metadataHostEnv, len(host))
		}
		if err := endpoint.CheckPlain(metadataHostEnv, "http://"+host, m.allowHTTP); err != nil {
			return nil, fault.New(secrets.ErrInvalid, err.Error(), nil)
		}
	}
	x, client, closeIdle := exchangeOver(&http.Transport{DialContext: m.dial}, true, m.asks)
	defer closeIdle()
	return m.ask(ctx, x, client)
}

// ask makes the request for a token by client, which is that of x.
func (m *metadataSource) ask(ctx context.Context, x *exchange, client *http.Client) (*auth.Token, error) {
	x.once = true
	query := url.Values{"scopes": {strings.Join(secretmanager.DefaultAuthScopes(), ",")}}
	text, err := metadata.NewWithOptions(&metadata.Options{Client: client}).
		GetWithContext(ctx, "instance/service-accounts/default/token?"+query.Encode())
	if err != nil {
		return nil, m.failure(ctx, err, x)
	}
	return parseToken(text, time.Now())
}

// hostOf returns the host of host or host:port.
func hostOf(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		return host
	}
	return s
}

// longestToken is the longest time for which a token is believed to be good.
const longestToken = 24 * time.Hour

func parseToken(text string, now time.Time) (*auth.Token, error) {
	var answer struct {
		Token   string  `json:"access_token"`
		Type    string  `json:"token_type"`
		Seconds float64 `json:"expires_in"`
	}
	if json.Unmarshal([]byte(text), &answer) != nil || !sendable(answer.Token) || answer.Seconds <= 0 {
		return nil, fault.New(secrets.ErrUnavailable, "the metadata server answers something else than a token: a captive portal, or another service at its address?", nil)
	}
	return &auth.Token{
		Value: answer.Token,
		Type:  answer.Type,
		// In seconds first: a time.Duration overflows after 292 years.
		Expiry: now.Add(time.Duration(min(answer.Seconds, longestToken.Seconds()) * float64(time.Second))),
		// So that the transport does not ask for the account's universe.
		Metadata: map[string]any{"auth.google.tokenSource": "compute-metadata"},
	}, nil
}

// failure is the error for an answer that is no token, or for none.
func (m *metadataSource) failure(ctx context.Context, err error, x *exchange) error {
	var undefined metadata.NotDefinedError
	var status *metadata.Error
	connected, refusal := m.dialled()
	o, sent := x.hop()
	at := o.url
	if u, err := url.Parse(o.url); err == nil {
		at = u.Host
	}
	switch {
	case errors.As(err, &undefined):
		return m.absent("metadata server has no service account", undefined)
	case errors.As(err, &status), errors.Is(err, errOutage):
		return m.answered(at, o, sent)
	case errors.Is(err, errUnreachable) && !m.onGoogle:
		return m.absent("metadata server unreachable", networkCause(context.Background(), refusal))
	case !connected && m.onGoogle:
		return &fault.Error{Class: secrets.ErrUnavailable, Err: networkCause(ctx, refusal),
			Msg: "no access token: the metadata server of this Google Cloud machine, " + at + ", accepts no connection (on GKE it may start after the pod)"}
	case !connected:
		return &fault.Error{Class: secrets.ErrUnavailable, Err: networkCause(ctx, refusal),
			Msg: "no access token: no file of credentials, and the metadata server " + at + " accepts no connection yet"}
	case errors.Is(err, limit.ErrTooLarge):
		return fault.New(secrets.ErrUnavailable, "no access token: the answer of the metadata server "+at+" is larger than any token", limit.ErrTooLarge)
	}
	return &fault.Error{Class: secrets.ErrUnavailable, Err: networkCause(ctx, err),
		Msg: "no access token: the metadata server " + at + " accepted the connection and gave no answer"}
}

// answered is the error for an answer that is no token.
func (m *metadataSource) answered(at string, o hop, sent []string) error {
	said := fmt.Sprintf("HTTP %d", o.status)
	if w := words(o.answer, sent); w != "" {
		said += ", " + w
	}
	e := &fault.Error{Quiet: true, Retry: o.retry, Err: &metadata.Error{Code: o.status}}
	if e.Class = outage(o.status); e.Class != nil {
		e.Msg = "no access token: the metadata server " + at + " answers " + said
		return e
	}
	e.Class = secrets.ErrUnauthenticated
	e.Msg = "no access token: the metadata server " + at + " refuses one for the workload's service account (" + said + ")"
	if o.status == http.StatusForbidden {
		e.Msg += "; on GKE, grant the Kubernetes service account roles/iam.workloadIdentityUser on the Google one that it is annotated with"
	}
	return e
}

// absent is the error when the chain ends at the metadata server.
func (m *metadataSource) absent(why string, cause error) error {
	file := gcloudFile()
	if !namedfile.Plausible(file) {
		file = "file"
	}
	return &fault.Error{Class: secrets.ErrUnauthenticated, Quiet: true, Err: cause,
		Msg: fmt.Sprintf("no Google Cloud credentials: %s unset, gcloud's %s absent, %s; %s", credentialsEnv, file, why, howToLogIn)}
}

// outage returns the class of a status that says nothing of the credentials;
// nil: it does.
func outage(status int) error {
	switch {
	case status == http.StatusTooManyRequests:
		return secrets.ErrThrottled
	case status >= 500, status == http.StatusRequestTimeout, status < 400:
		return secrets.ErrUnavailable
	}
	return nil
}
