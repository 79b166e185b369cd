package vault

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// A Vault offers HTTP/2, which vault/api sets up and we do not want: there, one
// dead connection would hold up every request. Go 1.27 failed each request where
// only a part of that was undone.
func TestAServerThatOffersHTTP2IsReadByHTTP1(t *testing.T) {
	for name, option := range map[string]string{"an authority of the option": "ca_cert", "an authority of the variable": "", "none": "skip_verify"} {
		t.Run(name, func(t *testing.T) {
			bareEnvironment(t)
			t.Setenv("VAULT_TOKEN", "t")
			var protocol atomic.Value
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				protocol.Store(r.Proto)
				_, _ = fmt.Fprint(w, kvX)
			}))
			a := newAuthority(t)
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{a.leaf}}
			s.EnableHTTP2 = true
			s.StartTLS()
			t.Cleanup(s.Close)
			file := filepath.Join(t.TempDir(), "ca.pem")
			require.NoError(t, os.WriteFile(file, a.pem, 0o600))
			options := setup{"address": s.URL}
			switch option {
			case "":
				t.Setenv("VAULT_CACERT", file)
			case "skip_verify":
				options[option] = "true"
			default:
				options[option] = file
			}
			p, err := open(options)
			require.NoError(t, err)
			_, err = p.Fetch(t.Context(), secrets.Ref{Path: "kv/x", Options: map[string]string{"mount": "kv", "kv": "1"}})
			require.NoError(t, err)
			assert.Equal(t, "HTTP/1.1", protocol.Load())
		})
	}
}
