package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/answers"
)

// failing asserts that there is an error, and that it has one class.
func failing(t *testing.T, what string, err error) {
	t.Helper()
	if assert.Error(t, err, what) {
		answers.Check(t, err)
	}
}

// phrases are all that is looked for in what Vault says, and what is not.
func phrases() []string {
	said := []string{"", "permission denied", "something else", "1 error occurred:\n\t* unknown role: x", "lease not found", "batch tokens cannot be renewed", "wrapping token is not valid or does not exist"}
	for _, r := range append(append([]rule(nil), rules...), loginRules...) {
		said = append(said, r.phrase)
	}
	return said
}

func TestWhateverVaultAnswersARequestHasOneClass(t *testing.T) {
	t.Parallel()
	status, body := 0, ""
	f := &fakeVault{ttl: 3600}
	f.readPath = func(string, string) (int, string) { return status, body }
	p := f.provider(t, WithToken(Text("t")), WithoutRenewal())
	refs := []secrets.Ref{{Path: "kv/x"}}
	for _, q := range questions {
		if q.read.Options != nil {
			refs = append(refs, q.read)
		}
	}
	seen := map[string]bool{}
	walk := func() {
		for _, ref := range refs {
			p.in().mounts.forget(mount{path: "kv"})
			_, err := p.Fetch(t.Context(), ref)
			failing(t, fmt.Sprint(status, " ", body, " ", ref.Path), err)
			for _, class := range []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrInvalid} {
				seen[class.Error()] = seen[class.Error()] || errors.Is(err, class)
			}
		}
	}
	for _, status = range []int{301, 307, 400, 401, 403, 404, 405, 412, 418, 429, 472, 473, 500, 501, 502, 503, 504, 599} {
		for _, phrase := range phrases() {
			body = fmt.Sprintf(`{"errors":[%q]}`, phrase)
			walk()
		}
		for _, body = range []string{"", "{}", "<html>", `{"errors":[]}`, `{"errors":[1]}`, `{"data":{"data":null,"metadata":{"version":1,"destroyed":true}}}`} {
			walk()
		}
	}
	for status, body = range map[int]string{200: "", 201: "<html>", 202: `{}`, 206: `{"request_id":"r","wrap_info":{"token":"w"}}`} {
		walk()
	}
	assert.Len(t, seen, 6)
	for class, met := range seen {
		assert.True(t, met, class)
	}
	require.NoError(t, p.Close())
	_, err := p.Fetch(t.Context(), secrets.Ref{Path: "kv/x"})
	failing(t, "closed", err)
}

func TestWhateverVaultAnswersALoginHasOneClass(t *testing.T) {
	t.Parallel()
	secret := Text("x")
	for _, method := range []api.AuthMethod{
		&AppRole{RoleID: secret, SecretID: secret}, &Kubernetes{Role: "a", JWT: secret}, &JWT{JWT: secret}, &Cert{}, &Userpass{Username: "a", Password: secret}, &LDAP{Username: "a", Password: secret}, elses{},
	} {
		for _, status := range []int{200, 204, 301, 400, 401, 403, 404, 405, 412, 429, 472, 500, 502, 503, 504, 599} {
			for _, phrase := range append(phrases(), "<html>") {
				body := fmt.Sprintf(`{"errors":[%q]}`, phrase)
				if phrase == "<html>" {
					body = phrase
				}
				f := &fakeVault{ttl: 60, logins: func() (int, string) { return status, body }}
				p := f.provider(t, WithAuth(method), WithoutRenewal())
				failing(t, fmt.Sprintf("%s %d %s", methodName(method), status, body), fetch(p))
				require.NoError(t, p.Close())
			}
		}
	}
}

func TestWhatAnswersALoginInVaultsPlaceIsToldWithItsStatus(t *testing.T) {
	t.Parallel()
	for status, class := range map[int]error{429: secrets.ErrThrottled, 502: secrets.ErrUnavailable, 503: secrets.ErrUnavailable} {
		f := &fakeVault{ttl: 60, logins: func() (int, string) { return status, "<html>" }}
		p := f.provider(t, WithAuth(&AppRole{RoleID: Text("x")}), WithoutRenewal())
		err := fetch(p)
		require.ErrorIs(t, err, class)
		assert.ErrorContains(t, err, fmt.Sprintf("no JSON of Vault's (%d)", status))
	}
}

// elses is a login method of somebody else.
type elses struct{}

func (elses) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	return client.Logical().WriteWithContext(ctx, "auth/else/login", nil)
}

func TestWhateverKeepsARequestFromBeingAnsweredHasOneClass(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	t.Cleanup(page.Close)
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	for what, address := range map[string]string{
		"nobody listens": "http://127.0.0.1:1", "no answer": "http://" + silent.Addr().String(), "a page": page.URL, "no trust": untrusted.URL,
		"plain http": "https://" + page.Listener.Addr().String(), "no such host": "https://vault.invalid", "a socket that is not there": "unix:///nonexistent.sock",
	} {
		for with, option := range map[string]Option{"a token": WithToken(Text("t")), "a login": WithAuth(&Cert{}), "an agent": WithAgent()} {
			t.Run(what+" with "+with, func(t *testing.T) {
				t.Parallel()
				client, err := api.NewClient(&api.Config{Address: address})
				require.NoError(t, err)
				client.SetMaxRetries(0)
				p := New(client, option, WithoutRenewal())
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				_, err = p.Fetch(ctx, secrets.Ref{Path: "kv/x"})
				failing(t, "fetch", err)
				for _, err := range p.List(ctx, "kv") {
					failing(t, "list", err)
				}
				for _, r := range p.FetchBatch(ctx, []secrets.Ref{{Path: "kv/x"}, {Path: ""}, {Path: "a//b"}}) {
					failing(t, "batch", r.Err)
				}
				canceled, cancel := context.WithCancel(t.Context())
				cancel()
				_, err = p.Fetch(canceled, secrets.Ref{Path: "kv/x"})
				failing(t, "given up", err)
				if err := p.Close(); err != nil {
					answers.Check(t, err)
				}
			})
		}
	}
}

func TestWhatIsNoHTTPIsToldWithoutRepeatingIt(t *testing.T) {
	t.Parallel()
	for what, answer := range map[string]string{
		"a header":                      "HTTP/1.1 200 OK\r\n" + strings.Repeat("x", 20_000) + "\r\n\r\n",
		"one with words of a request's": "HTTP/1.1 200 OK\r\ninvalid header field\r\n\r\n",
		"a status":                      "HTTP/1.1 " + strings.Repeat("9", 20_000) + " OK\r\n\r\n",
		"a protocol":                    strings.Repeat("SSH-", 5_000) + "\r\n\r\n",
		"the length of a part":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("z", 20_000) + "\r\n",
		"an encoding":                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + strings.Repeat("z", 20_000) + "\r\n\r\n",
		"a length":                      "HTTP/1.1 200 OK\r\nContent-Length: " + strings.Repeat("z", 20_000) + "\r\n\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			}
		}()
		client, err := api.NewClient(&api.Config{Address: "http://" + l.Addr().String()})
		require.NoError(t, err)
		client.SetMaxRetries(0)
		for with, option := range map[string]Option{"a token": WithToken(Text("t")), "a login": WithAuth(&Cert{})} {
			err := fetch(New(client, option, WithoutRenewal()))
			failing(t, what+" with "+with, err)
			assert.ErrorIs(t, err, secrets.ErrUnavailable, what)
			assert.Less(t, len(err.Error()), 2*longestText, what)
		}
	}
}

func TestWhateverIsWrongWithACredentialHasOneClass(t *testing.T) {
	t.Parallel()
	for what, source := range map[string]Source{
		"no file":        File(filepath.Join(t.TempDir(), "none")),
		"a folder":       File(t.TempDir()),
		"no file name":   File(strings.Repeat("x", 5000)),
		"an error":       func() (string, error) { return "", fs.ErrPermission },
		"a panic":        func() (string, error) { panic("x") },
		"a line break":   Text("a\nb"),
		"JSON of no use": Text(`{"a":1}`),
		"half of JSON":   Text(`{`),
		"encrypted":      Text(`{"curve25519_public_key":"x"}`),
		"a wrapped one":  Text(`{"token":"w","creation_time":"2026-01-02T03:04:05Z"}`),
	} {
		f := &fakeVault{ttl: 60, unwraps: "refused"}
		p := f.provider(t, WithToken(source), WithoutRenewal())
		failing(t, what, fetch(p))
		if what == "a line break" || strings.Contains(what, "JSON") || what == "encrypted" || what == "a wrapped one" {
			continue // a secret id may be anything
		}
		p = f.provider(t, WithAuth(&AppRole{RoleID: Text("r"), SecretID: source}), WithoutRenewal())
		failing(t, what+" as a secret id", fetch(p))
	}
	f := &fakeVault{ttl: 60, unwraps: "refused"}
	failing(t, "a wrapping token that is spent", fetch(f.provider(t, WithAuth(&AppRole{RoleID: Text("r"), SecretID: Text("w"), Wrapped: true}), WithoutRenewal())))
	f = &fakeVault{ttl: 60, unwraps: `{"data":{}}`}
	failing(t, "nothing wrapped", fetch(f.provider(t, WithAuth(&AppRole{RoleID: Text("r"), SecretID: Text("w"), Wrapped: true}), WithoutRenewal())))
}
