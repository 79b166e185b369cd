package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/limit"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// transportOf is the transport of a configuration that api.DefaultConfig made.
func transportOf(cfg *api.Config) *http.Transport {
	return cfg.HttpClient.Transport.(*http.Transport)
}

// secure sets what the options say about TLS, and keeps to HTTP/1.1: there a
// connection that went dead holds up the one request on it, not all of them.
func (s setup) secure(cfg *api.Config) error {
	transport := transportOf(cfg)
	tlsConfig := transport.TLSClientConfig
	if name := s["tls_server_name"]; name != "" {
		tlsConfig.ServerName = name
	}
	if skip, given := s["skip_verify"]; given {
		tlsConfig.InsecureSkipVerify = skip == "true"
	}
	cert, certIn := s.option("client_cert", "CLIENT_CERT")
	key, keyIn := s.option("client_key", "CLIENT_KEY")
	if cert != "" {
		// Read at each handshake: such certificates are short-lived and replaced.
		tlsConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return clientCertificate(certIn, cert, keyIn, key)
		}
	}
	transport.MaxIdleConnsPerHost = 32
	transport.MaxResponseHeaderBytes = limit.Header
	cfg.HttpClient.Transport = onlyHTTP1(transport)
	return nil
}

// onlyHTTP1 returns a transport like t that speaks HTTP/1.1 and nothing else.
// vault/api has set up HTTP/2 on t, which no change of its fields undoes in every
// version of Go.
func onlyHTTP1(t *http.Transport) *http.Transport {
	t = t.Clone()
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.ForceAttemptHTTP2 = false
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	t.TLSClientConfig.NextProtos = []string{"http/1.1"}
	return t
}

func clientCertificate(certIn, cert, keyIn, key string) (*tls.Certificate, error) {
	certPEM, err := namedfile.Read(context.Background(), cert, namedfile.Options{})
	if err != nil {
		return nil, unauthenticated("the client certificate cannot be read ("+certIn+")", err)
	}
	keyPEM, err := namedfile.Read(context.Background(), key, namedfile.Options{})
	if err != nil {
		return nil, unauthenticated("the key of the client certificate cannot be read ("+keyIn+")", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil { // whose text may quote what it could not read
		return nil, unauthenticated("the client certificate or its key cannot be used: check "+namedfile.Show(cert)+" and "+namedfile.Show(key), nil)
	}
	return &pair, nil
}

// authorities are whom to believe about the server's certificate, read again
// when they change: an authority is renewed while programs run.
type authorities struct {
	which string // the option or variable that names them
	file  string
	dir   string
}

// authorities chooses them; nil: those of the system, or fixed ones.
func (s setup) authorities() *authorities {
	for _, at := range []struct{ option, variable string }{{"ca_cert", ""}, {"ca_path", ""}, {"", "CACERT"}, {"", "CACERT_BYTES"}, {"", "CAPATH"}} {
		value, which := s[at.option], "option "+at.option
		if value == "" && at.variable != "" {
			value, which = variable(at.variable)
		}
		switch {
		case value == "":
		case at.variable == "CACERT_BYTES":
			return nil
		case at.option == "ca_path" || at.variable == "CAPATH":
			return &authorities{which: which, dir: value}
		default:
			return &authorities{which: which, file: value}
		}
	}
	return nil
}

// caBytes gives a client the authorities that a variable holds itself.
func caBytes(cfg *api.Config) error {
	pem, which := variable("CACERT_BYTES")
	if pem == "" || strings.HasPrefix(which, "VAULT_") { // which vault/api has read
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return invalid("%s holds no certificate in PEM", which)
	}
	transportOf(cfg).TLSClientConfig.RootCAs = pool
	return nil
}

// files are the names of the files to read.
func (a *authorities) files() ([]string, error) {
	if a.file != "" {
		return []string{a.file}, nil
	}
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return nil, namedfile.Scrub(err, a.dir)
	}
	var files []string
	for _, entry := range entries {
		path := filepath.Join(a.dir, entry.Name())
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
			files = append(files, path)
		}
	}
	sort.Strings(files)
	return files, nil
}

// stamp differs when the files have changed.
func (a *authorities) stamp() string {
	files, err := a.files()
	if err != nil {
		return ""
	}
	var text strings.Builder
	for _, path := range files {
		if fi, err := os.Stat(path); err == nil {
			_, _ = fmt.Fprintf(&text, "%s %d %d\n", path, fi.Size(), fi.ModTime().UnixNano())
		}
	}
	return text.String()
}

var errNoCertificate = errors.New("no certificate in PEM is in it")

// load reads them. In a folder, what is no certificate is passed over.
func (a *authorities) load() (*x509.CertPool, error) {
	files, err := a.files()
	if err != nil {
		msg := a.which + " names a folder that cannot be used"
		if fi, err := os.Stat(a.dir); err == nil && !fi.IsDir() {
			msg = a.which + " is for a folder, and names a file: say ca_cert= or VAULT_CACERT"
		}
		return nil, fault.New(secrets.ErrInvalid, msg, err)
	}
	pool, found := x509.NewCertPool(), false
	for _, path := range files {
		pem, err := namedfile.Read(context.Background(), path, namedfile.Options{})
		if err != nil && a.file != "" {
			return nil, fault.New(secrets.ErrInvalid, a.which+" names a file that cannot be used", err)
		}
		found = pool.AppendCertsFromPEM(pem) || found
	}
	if !found {
		return nil, fault.New(secrets.ErrInvalid, a.which+", "+namedfile.Show(or(a.file, a.dir))+", cannot be used", errNoCertificate)
	}
	return pool, nil
}

// A trusting transport believes the authorities as they are at each request.
// It makes a transport anew when they change, and closes what the old one does
// not use.
type trusting struct {
	authorities *authorities
	base        *http.Transport // how each is made; sends nothing itself

	mu      sync.Mutex
	stamp   string
	current *http.Transport
}

// newTrusting reads the authorities for the first time.
func newTrusting(a *authorities, base *http.Transport) (*trusting, error) {
	t := &trusting{authorities: a, base: base, stamp: a.stamp()}
	pool, err := a.load()
	if err != nil {
		return nil, err
	}
	t.use(pool)
	return t, nil
}

func (t *trusting) use(pool *x509.CertPool) {
	t.current = t.base.Clone()
	t.current.TLSClientConfig.RootCAs = pool
}

// RoundTrip implements [http.RoundTripper].
func (t *trusting) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.transport().RoundTrip(req)
}

// transport returns the one for the authorities as they are. While they cannot
// be read, as in the middle of being written, those before count.
func (t *trusting) transport() *http.Transport {
	stamp := t.authorities.stamp()
	t.mu.Lock()
	defer t.mu.Unlock() // held across the read of small local files, so that they are read once
	if stamp == t.stamp || stamp == "" {
		return t.current
	}
	pool, err := t.authorities.load()
	if err != nil {
		return t.current
	}
	old := t.current
	t.use(pool)
	t.stamp = stamp
	old.CloseIdleConnections()
	return t.current
}

// CloseIdleConnections closes those of the transport in use.
func (t *trusting) CloseIdleConnections() {
	t.mu.Lock()
	current := t.current
	t.mu.Unlock()
	current.CloseIdleConnections()
}
