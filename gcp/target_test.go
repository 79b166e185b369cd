package gcp

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestWhichEndpointsAreDialledInTheClear(t *testing.T) {
	const refused = "refused"
	for _, tt := range []struct {
		endpoint, options, env, allowed string
		address, how                    string
	}{
		{endpoint: "127.0.0.1:9090", how: "plain"},
		{endpoint: "127.8.8.8:1", how: "plain"},
		{endpoint: "[::1]:9090", how: "plain"},
		{endpoint: "localhost:9090", how: "plain"},
		{endpoint: "localhost.example.com:9090", how: "TLS"},
		{endpoint: "127.0.0.1.example.com:9090", how: "TLS"},
		{endpoint: "10.0.0.1:9090", how: "TLS"},
		{endpoint: "0.0.0.0:9090", how: "TLS"},
		{endpoint: "sm.localhost:9090", how: "TLS"},
		{endpoint: "secretmanager-x.p.googleapis.com", address: "secretmanager-x.p.googleapis.com:443", how: "TLS"},

		{endpoint: "emulator:9090", how: "TLS"},
		{endpoint: "emulator:9090", options: "allow_http=true", how: "plain"},
		{endpoint: "emulator:9090", allowed: "emulator", how: "plain"},
		{endpoint: "emulator:9090", allowed: "other, emulator", how: "plain"},
		{endpoint: "emulator:9090", allowed: "other", how: "TLS"},
		{endpoint: "http://emulator:9090", how: refused},
		{endpoint: "http://emulator", options: "allow_http=true", address: "emulator:80", how: "plain"},
		{endpoint: "http://emulator:9090/", allowed: "EMULATOR", address: "emulator:9090", how: "plain"},
		{endpoint: "https://emulator:9090", options: "allow_http=true", address: "emulator:9090", how: "TLS"},
		{endpoint: "https://localhost", address: "localhost:443", how: "TLS"},
		{endpoint: "http://sm.localhost:9090", address: "sm.localhost:9090", how: "plain"},

		{env: "127.0.0.1:9090", how: "plain"},
		{env: "localhost:9090", how: "plain"},
		{env: "emulator:9090", how: refused},
		{env: "emulator:9090", allowed: "emulator", how: "plain"},
		{env: "emulator:9090", options: "allow_http=true", how: "plain"},
		{env: "http://emulator:9090", how: refused},
		{env: "https://emulator:9090", address: "emulator:9090", how: "TLS"},
		{env: "emulator:1", endpoint: "10.0.0.1:9090", how: "TLS"},
	} {
		t.Run(tt.endpoint+tt.env+" "+tt.options+" "+tt.allowed, func(t *testing.T) {
			t.Setenv("SECRET_MANAGER_EMULATOR_HOST", tt.env)
			t.Setenv("SECRETS_ALLOW_HTTP", tt.allowed)
			uri := "gcp://my-project"
			sep := "?"
			if tt.endpoint != "" {
				uri, sep = uri+"?endpoint="+tt.endpoint, "&"
			}
			if tt.options != "" {
				uri += sep + tt.options
			}
			ref := reference(t, uri)
			p, err := open(t.Context(), ref)
			if tt.how == refused {
				onlyClass(t, err, secrets.ErrInvalid)
				assert.ErrorContains(t, err, "?allow_http=true")
				assert.ErrorContains(t, err, "SECRETS_ALLOW_HTTP=emulator")
				return
			}
			require.NoError(t, err)
			at := p.(*Provider).clients.target
			assert.Equal(t, tt.how == "plain", at.plain)
			want := tt.address
			if want == "" {
				want = tt.endpoint + tt.env
				if tt.endpoint != "" {
					want = tt.endpoint
				}
			}
			assert.Equal(t, want, at.address)
		})
	}
}

// A remote is a connection that has reached some address.
type remote struct {
	net.Conn
	addr net.TCPAddr
}

func (r remote) RemoteAddr() net.Addr { return &r.addr }

func TestWhatLocalhostLeadsToIsSaidByTheDialledAddress(t *testing.T) {
	for options, refused := range map[string]bool{"endpoint=localhost:9090": true, "endpoint=localhost:9090&allow_http=true": false} {
		at := openURI(t, "gcp://my-project?"+options).clients.target
		require.NoError(t, at.checkDialed(remote{addr: net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}))
		err := at.checkDialed(remote{addr: net.TCPAddr{IP: net.IPv4(10, 0, 0, 7)}})
		assert.Equal(t, refused, err != nil, options)
	}
}

func TestAnEmulatorThatIsDialledWithTLSIsExplained(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	env := []string{"GOOGLE_APPLICATION_CREDENTIALS=" + serviceAccount(t, t.TempDir())}
	outcomes, _ := inChild(t, env, "gcp://my-project?endpoint=https://"+s.Addr(), "gcp://my-project/db")
	assert.Contains(t, outcomes[0].Error, "option endpoint is dialled with TLS")
	assert.Contains(t, outcomes[0].Error, "?allow_http=true")
}
