package vault_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/jimlambrt/gldap"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

// An issuer signs JWTs.
type issuer struct {
	key    *ecdsa.PrivateKey
	signer jose.Signer
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	require.NoError(t, err)
	return &issuer{key: key, signer: signer}
}

func (i *issuer) publicKey(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func (i *issuer) jwt(t testing.TB, subject, audience string, life time.Duration) string {
	t.Helper()
	text, err := jwt.Signed(i.signer).Claims(jwt.Claims{
		Issuer: "https://issuer.test", Subject: subject, Audience: jwt.Audience{audience},
		IssuedAt: jwt.NewNumericDate(time.Now().Add(-time.Minute)), NotBefore: jwt.NewNumericDate(time.Now().Add(-time.Minute)),
		Expiry: jwt.NewNumericDate(time.Now().Add(life)),
	}).Serialize()
	require.NoError(t, err)
	return text
}

func TestAJWTFileIsReadAtEachLogin(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	i := newIssuer(t)
	mount := enableAuth(t, shared, "jwt")
	write(t, shared, "auth/"+mount+"/config", map[string]any{"jwt_validation_pubkeys": i.publicKey(t), "bound_issuer": "https://issuer.test"})
	write(t, shared, "auth/"+mount+"/role/app", map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_audiences": "vault", "token_policies": pol, "token_type": "batch", "token_ttl": "3s",
		"clock_skew_leeway": -1, "expiration_leeway": -1,
	})
	path := filepath.Join(t.TempDir(), "jwt")
	writeFile(t, path, i.jwt(t, "one", "vault", 2*time.Second))
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, "auth=jwt&role=app&auth_mount="+mount+"&jwt_file="+path, every)
	assert.Equal(t, "x", reveal(t, r, "k"))
	// By the next login the first JWT is past its time.
	writeFile(t, path, i.jwt(t, "one", "vault", time.Hour))
	require.Eventually(t, func() bool {
		assert.Equal(t, "x", reveal(t, r, "k"))
		return g.count("/login") >= 3
	}, 15*time.Second, 50*time.Millisecond)

	writeFile(t, path, i.jwt(t, "one", "somebody else", time.Hour))
	_, err := open(t, kv, shared.Addr, "auth=jwt&role=app&auth_mount="+mount+"&jwt_file="+path).Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	_, err = open(t, kv, shared.Addr, "auth=jwt&role=nobody&auth_mount="+mount+"&jwt_file="+path).Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
}

// tokenReviewer is as much of a Kubernetes API server as Vault asks for: it
// says whose a service account's JWT is.
func tokenReviewer(t testing.TB, valid func(jwt string) bool) (url, ca string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Spec       struct {
				Token     string   `json:"token"`
				Audiences []string `json:"audiences"`
			} `json:"spec"`
			Status map[string]any `json:"status"`
		}
		if r.URL.Path != "/apis/authentication.k8s.io/v1/tokenreviews" || json.NewDecoder(r.Body).Decode(&review) != nil {
			http.NotFound(w, r)
			return
		}
		review.Status = map[string]any{"authenticated": valid(review.Spec.Token), "audiences": review.Spec.Audiences}
		if valid(review.Spec.Token) {
			review.Status["user"] = map[string]any{"username": "system:serviceaccount:prod:app", "uid": "uid-1", "groups": []string{"system:serviceaccounts"}}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	return server.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

func TestKubernetesLogsInWithTheServiceAccountsJWT(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	i := newIssuer(t)
	serviceAccount := func() string {
		text, err := jwt.Signed(i.signer).Claims(map[string]any{
			"iss": "https://kubernetes.test", "sub": "system:serviceaccount:prod:app", "aud": []string{"vault"},
			"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Add(-time.Minute).Unix(), "nbf": time.Now().Add(-time.Minute).Unix(),
			"kubernetes.io": map[string]any{"namespace": "prod", "serviceaccount": map[string]any{"name": "app", "uid": "uid-1"}},
			"jti":           unique("jwt"),
		}).Serialize()
		require.NoError(t, err)
		return text
	}
	path := filepath.Join(t.TempDir(), "token")
	writeFile(t, path, serviceAccount())
	url, ca := tokenReviewer(t, func(jwt string) bool { return jwt == readFile(t, path) })

	mount := enableAuth(t, shared, "kubernetes")
	write(t, shared, "auth/"+mount+"/config", map[string]any{
		"kubernetes_host": url, "kubernetes_ca_cert": ca, "disable_local_ca_jwt": true, "token_reviewer_jwt": serviceAccount(),
	})
	write(t, shared, "auth/"+mount+"/role/app", map[string]any{
		"bound_service_account_names": "app", "bound_service_account_namespaces": "prod", "audience": "vault",
		"token_policies": pol, "token_type": "batch", "token_ttl": "3s",
	})
	g := newGateway(t, shared.Addr)
	r := open(t, kv, g.URL, "auth=kubernetes&role=app&auth_mount="+mount+"&jwt_file="+path, every)
	assert.Equal(t, "x", reveal(t, r, "k"))
	writeFile(t, path, serviceAccount()) // as the kubelet does; the old one is no longer accepted
	require.Eventually(t, func() bool {
		assert.Equal(t, "x", reveal(t, r, "k"))
		return g.count("/login") >= 3
	}, 15*time.Second, 50*time.Millisecond)

	_, err := open(t, kv, shared.Addr, "auth=kubernetes&role=nobody&auth_mount="+mount+"&jwt_file="+path).Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
	_, err = open(t, kv, shared.Addr, "auth=kubernetes&role=app&auth_mount="+mount).Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrUnauthenticated, "there is no service account here")
	assert.ErrorContains(t, err, "/var/run/secrets/kubernetes.io/serviceaccount/token")
}

// directory is an LDAP server with one user.
func directory(t testing.TB, dn, password string) (addr string) {
	t.Helper()
	s, err := gldap.NewServer()
	require.NoError(t, err)
	mux, err := gldap.NewMux()
	require.NoError(t, err)
	require.NoError(t, mux.Bind(func(w *gldap.ResponseWriter, r *gldap.Request) {
		resp := r.NewBindResponse(gldap.WithResponseCode(gldap.ResultInvalidCredentials))
		defer func() { _ = w.Write(resp) }()
		if m, err := r.GetSimpleBindMessage(); err == nil && m.UserName == dn && string(m.Password) == password {
			resp.SetResultCode(gldap.ResultSuccess)
		}
	}))
	require.NoError(t, mux.Search(func(w *gldap.ResponseWriter, r *gldap.Request) {
		resp := r.NewSearchDoneResponse(gldap.WithResponseCode(gldap.ResultSuccess))
		defer func() { _ = w.Write(resp) }()
		_ = w.Write(r.NewSearchResponseEntry(dn, gldap.WithAttributes(map[string][]string{"uid": {"app"}, "objectclass": {"person"}})))
	}))
	require.NoError(t, s.Router(mux))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr = l.Addr().String()
	require.NoError(t, l.Close())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Run(addr) }()
	t.Cleanup(func() { _ = s.Stop(); <-ended })
	require.Eventually(t, s.Ready, 10*time.Second, 10*time.Millisecond)
	return addr
}

func TestLDAPLogsIn(t *testing.T) {
	t.Parallel()
	kv, pol := secretToRead(t)
	addr := directory(t, "uid=app,ou=people,dc=example", "right")
	mount := enableAuth(t, shared, "ldap")
	write(t, shared, "auth/"+mount+"/config", map[string]any{
		"url": "ldap://" + addr, "userdn": "ou=people,dc=example", "userattr": "uid", "insecure_tls": true,
	})
	write(t, shared, "auth/"+mount+"/users/app", map[string]any{"policies": pol})
	path := filepath.Join(t.TempDir(), "password")
	writeFile(t, path, "right")
	options := fmt.Sprintf("auth=ldap&auth_mount=%s&username=app&password_file=%s", mount, path)
	assert.Equal(t, "x", reveal(t, open(t, kv, shared.Addr, options), "k"))

	writeFile(t, path, "wrong")
	_, err := open(t, kv, shared.Addr, options).Get(t.Context(), "k")
	require.ErrorIs(t, err, secrets.ErrUnauthenticated)
}
