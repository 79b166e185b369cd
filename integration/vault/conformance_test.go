package vault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

func TestConformance(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("KV version %d", version), func(t *testing.T) {
			kv := kvMount(t, shared, version)
			g := newGateway(t, shared.Addr)
			secretstest.Run(t, secretstest.Harness{
				New: func(t testing.TB) secrets.Provider { return provider(t, shared, g.URL) },
				Put: func(t testing.TB, path string, data []byte) {
					put(t, shared, kv, version, "base/"+path, map[string]any{"value": string(data)})
				},
				Delete: func(t testing.TB, path string) {
					at := kv + "/base/" + path
					if version == 2 {
						at = kv + "/metadata/base/" + path
					}
					_, err := shared.Client(t).Logical().Delete(at)
					require.NoError(t, err)
				},
				Base:     kv + "/base",
				MaxSize:  512 << 10, // file storage takes 1 MiB with everything around it
				NoBinary: true,      // JSON holds text
				Stall: func(testing.TB) func() {
					g.set(func(g *gateway) { g.delay = time.Hour })
					return func() { g.set(func(g *gateway) { g.delay = 0 }) }
				},
				Provoke: func(t testing.TB, p secrets.Provider, path string) []error {
					return provoke(g, p, secrets.Ref{Scheme: "vault", Base: kv + "/base", Path: path})
				},
			})
		})
	}
}

// provoke spoils the answers that hold the secret.
func provoke(g *gateway, p secrets.Provider, ref secrets.Ref) (errs []error) {
	defer g.set(func(g *gateway) { g.answer = nil })
	for _, spoil := range []func(body []byte) (status int, spoilt []byte){
		func(b []byte) (int, []byte) { return 200, b[:len(b)-8] },
		func(b []byte) (int, []byte) { return 200, append([]byte("x"), b...) },
		func(b []byte) (int, []byte) { return 500, b },
		func(b []byte) (int, []byte) { return 403, b },
		func(b []byte) (int, []byte) { return 400, append([]byte(`{"errors":["`), append(trim(b), `"]}`...)...) },
		func(b []byte) (int, []byte) { return 404, append([]byte("<html>"), b...) },
		func(b []byte) (int, []byte) { return 307, b },
	} {
		g.set(func(g *gateway) {
			g.answer = func(w http.ResponseWriter, r *http.Request) bool {
				req, _ := http.NewRequestWithContext(r.Context(), r.Method, shared.Addr+r.URL.RequestURI(), r.Body)
				req.Header = r.Header
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					return false
				}
				defer resp.Body.Close()
				body := make([]byte, 0, 1<<20)
				buffer := make([]byte, 1<<16)
				for {
					n, err := resp.Body.Read(buffer)
					body = append(body, buffer[:n]...)
					if err != nil {
						break
					}
				}
				status, spoilt := spoil(body)
				w.WriteHeader(status)
				_, _ = w.Write(spoilt)
				return true
			}
		})
		if _, err := p.Fetch(context.Background(), ref); err != nil {
			errs = append(errs, err)
		} else {
			errs = append(errs, errors.New("a spoilt answer was taken"))
		}
	}
	return errs
}

func trim(b []byte) []byte {
	var clean []byte
	for _, c := range b {
		if c != '"' && c != '\\' && c != '\n' {
			clean = append(clean, c)
		}
	}
	return clean
}
