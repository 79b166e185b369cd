package printers_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/canary/printers"
	"github.com/go-secrets/secrets/secrethttp"
	"github.com/go-secrets/secrets/secretsotel"
	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretstest"
	"github.com/go-secrets/secrets/secrettls"
)

// tokenProvider has a token where a client of a real backend has one.
type tokenProvider struct {
	token  string
	leased any
	data   string
}

func (p *tokenProvider) Fetch(context.Context, secrets.Ref) (secrets.Value, error) {
	return secrets.Value{Data: []byte(p.data), Default: "password", Version: "v1", Lease: p.leased, Expires: time.Now().Add(time.Hour)}, nil
}

func (p *tokenProvider) Renew(_ context.Context, v secrets.Value) (secrets.Value, error) {
	return v, nil
}
func (p *tokenProvider) Revoke(context.Context, secrets.Value) error { return nil }

// usedUp returns a resolver that has done everything which leaves something of a
// value behind: documents, fields, names that moved, versions that were
// rejected or replaced, leases, failures. It has no goroutines, whose writes
// would race with printers.
func usedUp(t *testing.T, value string) (*secrets.Resolver, *secretstest.Provider) {
	t.Helper()
	ctx := t.Context()
	leased := &tokenProvider{token: value, leased: map[string]string{"lease_id": value}, data: `{"password":"` + value + `"}`}
	p := secretstest.NewProvider(map[string]string{"db": `{"user":"app","password":"` + value + `"}`, "token": value, "gone": value, "bad": value})
	r := secrets.New(secrets.Chain(p, leased), secrets.WithOnDemand(), secrets.WithLogger(nil))
	t.Cleanup(func() { _ = r.Close() })
	for _, name := range []string{"db", "db/password", "db#password", "token", "gone", "bad", "dynamic", "dynamic#password"} {
		s, err := r.Get(ctx, name)
		require.NoError(t, err, name)
		require.Contains(t, s.Reveal(), value, "the test must be able to fail: %s", name)
	}
	s, err := r.Get(ctx, "token")
	require.NoError(t, err)
	p.Set("token", "2"+value)
	p.Set("db", `{"user":"app","password":"2`+value+`"}`)
	r.Invalidate(s)
	_, err = r.Refresh(ctx, "db/password")
	require.NoError(t, err)
	p.Delete("gone")
	p.Fail("bad", errors.New("no"))
	_, err = r.Refresh(ctx, "bad")
	require.Error(t, err)
	_, _ = r.Refresh(ctx, "gone")
	_, err = r.Refresh(ctx, "dynamic") // retires a lease
	require.NoError(t, err)
	return r, p
}

// key is that of a context's value.
type key struct{}

// ours are the things of ours that values and tokens can be reached through.
func ours(t *testing.T, value string) map[string]any {
	t.Helper()
	ctx := t.Context()
	r, p := usedUp(t, value)
	all := map[string]any{
		"a resolver":                 r,
		"a resolver in a struct":     struct{ R, r any }{r, r},
		"a context":                  secrets.NewContext(context.Background(), r),
		"a context below another":    context.WithValue(secrets.NewContext(context.Background(), r), key{}, 1),
		"a request":                  httptest.NewRequest(http.MethodGet, "/", nil).WithContext(secrets.NewContext(context.Background(), r)),
		"a provider in memory":       p,
		"a chain":                    secrets.Chain(p, &tokenProvider{token: value}),
		"a Watch":                    struct{ W any }{r.Watch(ctx, "token")}, // in a struct, or templates range over it
		"a Config":                   secrets.Config{Providers: []string{"env://"}, References: map[string]string{"a": "env://#b"}},
		"a status":                   r.Status(),
		"what Healthy says":          fmt.Sprint(r.Healthy()),
		"options":                    []secrets.Option{secrets.WithTTL(time.Minute), secrets.WithReferences(map[string]string{"a": "env://"})},
		"a retry of a func":          r.Retry,
		"a resolver on one provider": secrets.New(&tokenProvider{token: value}, secrets.WithOnDemand()),
	}
	live, err := secrets.Bind[string](ctx, r, "token", nil)
	require.NoError(t, err)
	all["a Live of text"] = live
	bytes, err := secrets.Bind[[]byte](ctx, r, "token", nil)
	require.NoError(t, err)
	all["a Live of bytes"] = struct{ Token *secrets.Live[[]byte] }{bytes}
	type config struct {
		Password string `secret:"db/password"`
	}
	bound, err := secrets.BindStruct[config](ctx, r)
	require.NoError(t, err)
	all["a Live of a struct"] = bound
	t.Cleanup(func() { live.Stop(); bytes.Stop(); bound.Stop() })

	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	for name, credential := range map[string]secrethttp.Credential{"Bearer": secrethttp.Bearer(), "BasicUser": secrethttp.BasicUser("app")} {
		transport := secrethttp.New(r, "token", credential, secrethttp.WithBase(unconnected{}))
		client := &http.Client{Transport: transport}
		response, err := client.Get(server.URL)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		all["a client with "+name] = client
		all["a transport with "+name] = transport
	}
	all["a status handler"] = secrethttp.StatusHandler(r)

	source := secretsql.NewSource(r, "db", func(error) bool { return false })
	require.NoError(t, source.Login(ctx, func(_ context.Context, c secretsql.Credentials) error {
		all["credentials"] = c
		all["a pointer to credentials"] = &c
		c.Accepted()
		return nil
	}))
	all["a source of credentials"] = source
	connector := secretsql.New(r, "db", nil, func(context.Context, secretsql.Credentials) (driver.Conn, error) { return nil, errors.New("no") }, func(error) bool { return false })
	all["a connector"] = connector
	all["a pool"] = sql.OpenDB(connector)

	telemetry, err := secretsotel.New()
	require.NoError(t, err)
	all["telemetry"] = telemetry
	_, err = secrettls.New(ctx, r, "db")
	all["an error of secrettls"] = err
	return all
}

// unconnected is a transport that keeps no connection, whose buffers would change
// while they are printed.
type unconnected struct{}

func (unconnected) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}

func TestNoPrinterSeesAValueThroughWhatHoldsIt(t *testing.T) {
	if canary.Race {
		t.Skip("deep printers read locks without taking them; the suites without the race detector run this")
	}
	t.Parallel()
	value := canary.New()
	search := canary.For(value)
	print := printers.All()
	for what, container := range ours(t, value) {
		t.Run(what, func(t *testing.T) { // one after the other: they share the resolver
			for name, p := range print {
				if form, found := search.Text(p(container)); found {
					t.Errorf("%s shows the value, %s", name, form)
				}
			}
			assert.Empty(t, search.Walk(container), "reflection sees the value")
		})
	}
}
