package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/vault"
)

// It takes the process's loggers, so that it runs alone.
func TestNoTokenOrCredentialOrSecretIsInLogsErrorsOrWhatPrints(t *testing.T) {
	logs := canary.CaptureLogs(t)
	value, static, secretID, password := canary.New(), canary.New(), canary.New(), canary.New()
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"value": value})
	pol := reader(t, shared, kv)

	token(t, shared, &api.TokenCreateRequest{ID: static, Policies: []string{pol}})
	role := newAppRole(t, shared, map[string]any{"token_policies": pol})
	write(t, shared, "auth/"+role.mount+"/role/app/custom-secret-id", map[string]any{"secret_id": secretID})
	userpass := enableAuth(t, shared, "userpass")
	write(t, shared, "auth/"+userpass+"/users/app", map[string]any{"password": password, "token_policies": pol})

	g := newGateway(t, shared.Addr)
	client := shared.Client(t)
	require.NoError(t, client.SetAddress(g.URL))
	client.SetMaxRetries(0)
	methods := map[string]vault.Option{
		"token":    vault.WithToken(vault.Text(static)),
		"approle":  vault.WithAuth(&vault.AppRole{Mount: role.mount, RoleID: vault.Text(role.roleID), SecretID: vault.Text(secretID)}),
		"userpass": vault.WithAuth(&vault.Userpass{Mount: userpass, Username: "app", Password: vault.Text(password)}),
		"ldap":     vault.WithAuth(&vault.LDAP{Mount: userpass, Username: "app", Password: vault.Text(password + "wrong")}),
		"jwt":      vault.WithAuth(&vault.JWT{Mount: role.mount, JWT: vault.Text(password + "wrong")}),
	}
	var errs []error
	var printed string
	for _, option := range methods {
		p := vault.New(client, option)
		for _, answer := range []func(http.ResponseWriter, *http.Request) bool{
			nil,
			func(w http.ResponseWriter, r *http.Request) bool { // what was sent comes back in the message
				w.WriteHeader(http.StatusBadRequest)
				_, _ = fmt.Fprintf(w, `{"errors":["bad request by %s"]}`, r.Header.Get("X-Vault-Token"))
				return true
			},
			func(w http.ResponseWriter, r *http.Request) bool {
				w.WriteHeader(http.StatusForbidden)
				_, _ = fmt.Fprintf(w, `<html>%s`, r.Header.Get("X-Vault-Token"))
				return true
			},
			func(w http.ResponseWriter, r *http.Request) bool {
				_, _ = fmt.Fprintf(w, `{"auth":{"client_token":%q}`, static)
				return true
			},
		} {
			g.set(func(g *gateway) { g.answer = answer })
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			for _, path := range []string{"/k", "/missing", "/../x"} {
				v, err := p.Fetch(ctx, ref(kv+path))
				errs = append(errs, err)
				printed += fmt.Sprintf("%v %+v", v.Lease, v.Version)
			}
			_, err := p.Fetch(ctx, ref("nowhere/k", "mount", "nowhere", "kv", "1"))
			errs = append(errs, err)
			cancel()
		}
		g.set(func(g *gateway) { g.answer = nil })
		r := secrets.New(p)
		_, err := r.Get(t.Context(), kv+"/missing")
		errs = append(errs, err, r.Close(), p.Close())
		printed += fmt.Sprintf("%v %+v", methods, option)
	}
	for name, s := range map[string]string{"the secret": value, "the token": static, "the secret id": secretID, "the password": password} {
		search := canary.For(s)
		for _, err := range errs {
			if err != nil {
				assert.Empty(t, search.Error(err), name)
			}
		}
		assert.Empty(t, search.Error(errors.New(logs()+printed)), "%s in logs or prints", name)
	}
}
