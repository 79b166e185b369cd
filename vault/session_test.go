package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// A fakeVault answers in the place of a server: a RoundTripper, so that time
// can be simulated. What it is set to answer may be changed while it runs.
type fakeVault struct {
	mu       sync.Mutex
	requests []request
	ttl      int           // seconds that a login or renewal grants
	most     int           // seconds that a token lives at most; 0: for ever
	slow     time.Duration // that a login takes
	renewals func() (status int, body string)
	logins   func() (status int, body string)
	reads    func(token string) (status int, body string)
	issued   int
	born     map[string]time.Time
}

type request struct {
	at    time.Time
	what  string
	token string
}

func (f *fakeVault) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	token := r.Header.Get("X-Vault-Token")
	if strings.Contains(path, "/login") {
		select {
		case <-time.After(f.slow):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, request{time.Now(), path, token})
	status, body := f.answer(path, token)
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r, ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

func (f *fakeVault) answer(path, token string) (int, string) {
	switch {
	case strings.Contains(path, "/login"):
		if f.logins != nil {
			if status, body := f.logins(); status != 0 {
				return status, body
			}
		}
		f.issued++
		id := fmt.Sprintf("token-%d", f.issued)
		if f.born == nil {
			f.born = make(map[string]time.Time)
		}
		f.born[id] = time.Now()
		return 200, fmt.Sprintf(`{"request_id":"r","auth":{"client_token":%q,"lease_duration":%d,"renewable":true}}`, id, f.ttl)
	case path == "auth/token/renew-self":
		if f.renewals != nil {
			if status, body := f.renewals(); status != 0 {
				return status, body
			}
		}
		ttl := f.ttl
		if f.most > 0 {
			ttl = min(ttl, f.most-int(time.Since(f.born[token]).Seconds()))
		}
		return 200, fmt.Sprintf(`{"request_id":"r","auth":{"client_token":%q,"lease_duration":%d,"renewable":true}}`, token, ttl)
	case path == "auth/token/revoke-self":
		return 204, ""
	case strings.HasPrefix(path, "sys/internal/ui/mounts/"):
		return 200, `{"request_id":"r","data":{"path":"kv/","type":"kv","options":{"version":"1"}}}`
	}
	if f.reads != nil {
		return f.reads(token)
	}
	return 200, `{"request_id":"r","data":{"value":"x"}}`
}

func (f *fakeVault) count(part string) int { return len(f.times(part)) }

func (f *fakeVault) times(part string) (at []time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.requests {
		if strings.Contains(r.what, part) {
			at = append(at, r.at)
		}
	}
	return at
}

func (f *fakeVault) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeVault) provider(t testing.TB, opts ...Option) *Provider {
	t.Helper()
	cfg := api.DefaultConfig()
	require.NoError(t, cfg.Error)
	cfg.Address = "https://vault.example.test"
	cfg.HttpClient = &http.Client{Transport: f}
	client, err := api.NewClient(cfg)
	require.NoError(t, err)
	client.SetMaxRetries(0)
	return New(client, opts...)
}

func appRoleLogin() Option {
	return WithAuth(&AppRole{RoleID: Text("role"), SecretID: Text("secret")})
}

func fetch(p *Provider) error {
	_, err := p.Fetch(context.Background(), secrets.Ref{Scheme: Scheme, Path: "kv/x"})
	return err
}

func unavailableAnswer() (int, string) { return 503, `{"errors":["Vault is sealed"]}` }

func TestTenMinutesOfFailedRenewalsMakeOneRequestPerBackoffStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 3600, renewals: unavailableAnswer}
		p := f.provider(t, appRoleLogin())
		require.NoError(t, fetch(p))
		time.Sleep(42 * time.Minute) // of simulated time, past the first renewal
		start := time.Now()
		before := f.count("renew-self")
		require.NotZero(t, before)
		time.Sleep(10 * time.Minute)
		n := f.count("renew-self") - before
		// At the limit of 30 s, a quarter less at the least.
		assert.LessOrEqual(t, n, int(10*time.Minute/(renewBackoffLimit*3/4))+1)
		assert.GreaterOrEqual(t, n, 10, "it goes on trying")
		times := f.times("renew-self")
		for i := 1; i < len(times); i++ {
			step := min(5*time.Second<<(i-1), renewBackoffLimit)
			assert.GreaterOrEqual(t, times[i].Sub(times[i-1]), step*3/4, "request %d", i)
		}
		assert.Equal(t, 1, f.count("/login"))

		f.set(func() { f.renewals = nil })
		time.Sleep(time.Minute)
		renewed := f.count("renew-self")
		assert.LessOrEqual(t, renewed-before-n, 2, "one renewal mends it")
		require.NoError(t, fetch(p))
		assert.Less(t, time.Since(start), time.Hour)
		require.NoError(t, p.Close())
	})
}

func TestATokenIsRenewedAtTwoThirdsAndReplacedWhenItsGrantIsCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 90, most: 200}
		p := f.provider(t, appRoleLogin())
		start := time.Now()
		require.NoError(t, fetch(p))
		time.Sleep(200 * time.Second)
		renewals, logins := f.times("renew-self"), f.times("/login")
		require.NotEmpty(t, renewals)
		assert.InDelta(t, 60, renewals[0].Sub(start).Seconds(), 5)
		require.Len(t, logins, 2)
		assert.Less(t, logins[1].Sub(start), 200*time.Second, "before the first one's end")
		require.NoError(t, fetch(p))
		require.NoError(t, p.Close())
		assert.Equal(t, 1, f.count("revoke-self"), "a replaced token without leases lapses by itself")
	})
}

func TestWhoeverComesFirstLogsInForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 3600, slow: time.Second}
		p := f.provider(t, appRoleLogin())
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { assert.NoError(t, fetch(p)) })
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_, err := p.Fetch(ctx, secrets.Ref{Path: "kv/x"})
		require.ErrorIs(t, err, secrets.ErrUnavailable, "each waits by its own context")
		wg.Wait()
		assert.Equal(t, 1, f.count("/login"))
		require.NoError(t, p.Close())
	})
}

func TestALapsedTokenIsReplacedByTheNextReadAndNotHammeredBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 60, renewals: unavailableAnswer}
		p := f.provider(t, appRoleLogin())
		require.NoError(t, fetch(p))
		time.Sleep(2 * time.Minute)
		n := f.count("")
		time.Sleep(time.Hour)
		assert.Equal(t, n, f.count(""), "once it has lapsed, nothing is sent until somebody reads")
		require.NoError(t, fetch(p))
		assert.Equal(t, 2, f.count("/login"))
		require.NoError(t, p.Close())
	})
}

func TestARefusedLoginAsksWhetherTheMethodIsEnabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// What a server says of a login where no auth method is mounted.
		f := &fakeVault{ttl: 60, logins: func() (int, string) { return 403, `{"errors":["permission denied"]}` }}
		p := f.provider(t, WithAuth(&AppRole{RoleID: Text("role"), SecretID: Text("secret")}))
		err := fetch(p)
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
		assert.ErrorContains(t, err, "that the method is enabled (vault auth list; ?auth_mount=")
		require.NoError(t, p.Close())
	})
}

func TestRefusedCredentialsAreRememberedAndAccountsNotLocked(t *testing.T) {
	refused := func() (int, string) { return 400, `{"errors":["invalid username or password"]}` }
	for name, c := range map[string]struct {
		method api.AuthMethod
		most   int // logins in half an hour of a read each second
	}{
		"approle":  {&AppRole{RoleID: Text("role"), SecretID: Text("secret")}, 200},
		"userpass": {&Userpass{Username: "app", Password: Text("wrong")}, 5},
		"ldap":     {&LDAP{Username: "app", Password: Text("wrong")}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeVault{ttl: 60, logins: refused}
				p := f.provider(t, WithAuth(c.method))
				for range 1800 {
					require.ErrorIs(t, fetch(p), secrets.ErrUnauthenticated)
					time.Sleep(time.Second)
				}
				logins := f.times("/login/app")
				if name == "approle" {
					logins = f.times("/login")
				}
				assert.LessOrEqual(t, len(logins), c.most)
				assert.GreaterOrEqual(t, len(logins), 3)
				if locks(c.method) { // Vault locks after 5 within 15 minutes of one another
					for i := 4; i < len(logins); i++ {
						assert.Greater(t, logins[i].Sub(logins[i-4]), 15*time.Minute)
					}
				}
				require.NoError(t, p.Close())
			})
		})
	}
}

func TestAServerThatIsDownIsTriedAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 60, logins: unavailableAnswer}
		p := f.provider(t, appRoleLogin())
		for range 600 {
			require.ErrorIs(t, fetch(p), secrets.ErrUnavailable)
			time.Sleep(100 * time.Millisecond)
		}
		assert.LessOrEqual(t, f.count("/login"), 30)
		f.set(func() { f.logins = nil })
		start := time.Now()
		for fetch(p) != nil {
			time.Sleep(100 * time.Millisecond)
		}
		assert.Less(t, time.Since(start), 7*time.Second)
		require.NoError(t, p.Close())
	})
}

func TestOneLoginLooksIntoARefusalThatDoesNotNameTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 3600}
		f.reads = func(token string) (int, string) {
			if token == "token-1" {
				return 403, `{"errors":["permission denied"]}`
			}
			return 200, `{"request_id":"r","data":{"value":"x"}}`
		}
		p := f.provider(t, appRoleLogin())
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { assert.NoError(t, fetch(p)) })
		}
		wg.Wait()
		assert.Equal(t, 2, f.count("/login"))

		f.set(func() { f.reads = func(string) (int, string) { return 403, `{"errors":["permission denied"]}` } })
		for range 100 {
			require.ErrorIs(t, fetch(p), secrets.ErrPermission)
			time.Sleep(time.Second)
		}
		assert.Equal(t, 2, f.count("/login"), "the new token was looked into already")
		require.NoError(t, p.Close())
	})
}

func TestATokenThatIsRefusedOverAndOverIsNoReasonForALoginEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 3600}
		f.reads = func(string) (int, string) { return 403, `{"errors":["permission denied","invalid token"]}` }
		p := f.provider(t, appRoleLogin())
		for range 100 {
			require.ErrorIs(t, fetch(p), secrets.ErrUnauthenticated)
			time.Sleep(10 * time.Millisecond)
		}
		assert.LessOrEqual(t, f.count("/login"), 3)
		require.NoError(t, p.Close())
	})
}

func TestALeaseEndsWithItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 90, most: 200}
		f.reads = func(string) (int, string) {
			return 200, `{"request_id":"r","lease_id":"db/creds/x/1","lease_duration":3600,"renewable":true,"data":{"username":"u","password":"p"}}`
		}
		p := f.provider(t, appRoleLogin())
		start := time.Now()
		read := func() secrets.Value {
			v, err := p.Fetch(context.Background(), secrets.Ref{Path: "db/creds/x", Options: map[string]string{"mount": "db", "engine": "database"}})
			require.NoError(t, err)
			return v
		}
		v := read()
		assert.Equal(t, 90*time.Second, v.Expires.Sub(start))
		assert.InDelta(t, 73, v.RefreshAt.Sub(start).Seconds(), 4)

		// The token is renewed in between, so that the lease lives on.
		time.Sleep(time.Until(v.RefreshAt))
		renewed, err := p.Renew(context.Background(), v)
		require.NoError(t, err)
		assert.True(t, renewed.Expires.After(v.Expires))
		assert.Zero(t, f.count("sys/leases/renew"), "the lease itself has plenty of time")

		// The next time it was replaced: new credentials are needed, and the old
		// token has time left for the change.
		for err == nil {
			v = renewed
			time.Sleep(time.Until(v.RefreshAt))
			renewed, err = p.Renew(context.Background(), v)
		}
		require.ErrorIs(t, err, errors.ErrUnsupported)
		assert.True(t, time.Now().Before(v.Expires))
		assert.Equal(t, 2, f.count("/login"))
		assert.True(t, read().Expires.After(v.Expires))
		require.NoError(t, p.Close())
		assert.Equal(t, 2, f.count("revoke-self"), "the old token too, for the sake of its leases")
	})
}

func TestCloseEndsTheGoroutineAlsoWhileALoginIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		f := &fakeVault{ttl: 60, slow: 5 * time.Second}
		p := f.provider(t, appRoleLogin())
		var wg sync.WaitGroup
		wg.Go(func() { assert.Error(t, fetch(p)) })
		time.Sleep(time.Second)
		_ = p.Close()
		require.ErrorIs(t, fetch(p), secrets.ErrClosed)
		wg.Wait()
		require.NoError(t, p.Close(), "twice does no harm")
	})
}

func TestAStaticRoleIsReadAgainByItsOwnClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last, ttl := "2026-01-01T00:00:00Z", 30
		f := &fakeVault{}
		f.reads = func(string) (int, string) {
			return 200, fmt.Sprintf(`{"request_id":"r","data":{"username":"u","password":%q,"last_vault_rotation":%q,"rotation_period":30,"ttl":%d}}`, "p"+last, last, ttl)
		}
		p := f.provider(t, WithToken(Text("t")), WithoutRenewal())
		read := func() (secrets.Value, time.Duration) {
			v, err := p.Fetch(context.Background(), secrets.Ref{Path: "db/static-creds/x", Options: map[string]string{"mount": "db", "engine": "database"}})
			require.NoError(t, err)
			return v, time.Until(v.RefreshAt)
		}
		v, next := read()
		assert.InDelta(t, 31, next.Seconds(), 0.3)
		var keys map[string]any
		require.NoError(t, json.Unmarshal(v.Data, &keys))
		assert.NotContains(t, keys, "ttl", "which would make a new version of each read")

		ttl = 0
		for i, want := range []float64{1, 1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 60, 60} {
			_, next = read()
			assert.InDelta(t, want, next.Seconds(), want/4, "try %d", i)
		}
		last, ttl = "2026-01-01T00:00:31Z", 30
		_, next = read()
		assert.InDelta(t, 31, next.Seconds(), 0.3)
	})
}
