package faults_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets/internal/canary"
)

// prepare puts the secret start/db into every server, and makes what Vault is
// logged in to with.
func (s *servers) prepare(home string, backends []backend) error {
	here.Value = canary.New()
	for _, b := range backends {
		if err := b.put("start", "db", here.Value); err != nil {
			return err
		}
	}
	client, err := s.vaultClient()
	if err != nil {
		return err
	}
	token, err := client.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{"reader"}})
	if err != nil {
		return err
	}
	here.Token = token.Auth.ClientToken
	return s.kubernetes(client, home)
}

// kubernetes has Vault accept the JWT of a service account, which one that
// stands for Kubernetes vouches for.
func (s *servers) kubernetes(client *api.Client, home string) error {
	account, err := serviceAccountJWT()
	if err != nil {
		return err
	}
	here.JWT = filepath.Join(home, "service-account-token")
	if err := os.WriteFile(here.JWT, []byte(account), 0o600); err != nil {
		return err
	}
	s.reviewer = reviewer(account)
	if err := client.Sys().EnableAuthWithOptions("kubernetes", &api.EnableAuthOptions{Type: "kubernetes"}); err != nil {
		return err
	}
	if _, err := client.Logical().Write("auth/kubernetes/config", map[string]any{
		"kubernetes_host": s.reviewer.URL, "disable_local_ca_jwt": true, "token_reviewer_jwt": account,
		"kubernetes_ca_cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.reviewer.Certificate().Raw})),
	}); err != nil {
		return err
	}
	_, err = client.Logical().Write("auth/kubernetes/role/app", map[string]any{
		"bound_service_account_names": "app", "bound_service_account_namespaces": "prod", "audience": "vault", "token_policies": "reader",
	})
	return err
}

// serviceAccountJWT is the JWT of the service account app in prod.
func serviceAccountJWT() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	now := time.Now()
	return jwt.Signed(signer).Claims(map[string]any{
		"iss": "https://kubernetes.test", "sub": "system:serviceaccount:prod:app", "aud": []string{"vault"},
		"exp": now.Add(24 * time.Hour).Unix(), "iat": now.Add(-time.Minute).Unix(), "nbf": now.Add(-time.Minute).Unix(),
		"kubernetes.io": map[string]any{"namespace": "prod", "serviceaccount": map[string]any{"name": "app", "uid": "uid-1"}},
	}).Serialize()
}

// reviewer is as much of a Kubernetes API server as Vault asks for: it knows
// one JWT.
func reviewer(account string) *httptest.Server {
	return httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Spec       struct {
				Token     string   `json:"token"`
				Audiences []string `json:"audiences"`
			} `json:"spec"`
			Status map[string]any `json:"status"`
		}
		if !strings.HasSuffix(r.URL.Path, "/tokenreviews") || json.NewDecoder(r.Body).Decode(&review) != nil {
			http.NotFound(w, r)
			return
		}
		review.Status = map[string]any{"authenticated": false}
		if review.Spec.Token == account {
			review.Status = map[string]any{
				"authenticated": true, "audiences": review.Spec.Audiences,
				"user": map[string]any{"username": "system:serviceaccount:prod:app", "uid": "uid-1", "groups": []string{"system:serviceaccounts"}},
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(review)
	}))
}
