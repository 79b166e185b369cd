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
	readPath func(path, token string) (status int, body string)
	lookup   string // of the own token; empty: refused
	unwraps  string // what a wrapping token holds; "refused": it is spent
	uses     int    // of the token of a login; 0: any number
	tellUses bool
	issued   int
	born     map[string]time.Time
	spent    map[string]int
	body     []byte
}

type request struct {
	at    time.Time
	what  string
	token string
}

func (f *fakeVault) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
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
	f.body = sent
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
		uses := 0
		if f.tellUses {
			uses = f.uses
		}
		return 200, fmt.Sprintf(`{"request_id":"r","auth":{"client_token":%q,"lease_duration":%d,"renewable":true,"num_uses":%d}}`, id, f.ttl, uses)
	case path == "sys/wrapping/unwrap":
		if f.unwraps == "refused" {
			return 400, `{"errors":["wrapping token is not valid or does not exist"]}`
		}
		return 200, f.unwraps
	case f.uses > 0 && f.spend(token):
		return 403, `{"errors":["permission denied","invalid token"]}`
	case path == "auth/token/lookup-self" && f.lookup != "":
		return 200, f.lookup
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
	if f.readPath != nil {
		return f.readPath(path, token)
	}
	if f.reads != nil {
		return f.reads(token)
	}
	return 200, `{"request_id":"r","data":{"value":"x"}}`
}

// spend counts a use of a token, and reports whether it was spent before.
func (f *fakeVault) spend(token string) bool {
	if f.spent == nil {
		f.spent = make(map[string]int)
	}
	f.spent[token]++
	return f.spent[token] > f.uses
}

// refusedCount is how many requests came with a token that was spent.
func (f *fakeVault) refusedCount() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uses := range f.spent {
		n += max(uses-f.uses, 0)
	}
	return n
}

func (f *fakeVault) lastToken() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[len(f.requests)-1].token
}

func (f *fakeVault) lastBody() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.body
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

// Vault counts wrong credentials of these methods, and locks out whoever goes
// on with them: with approle the role, for those with a good secret id too.
func TestAWrongCredentialIsNotSentAgainUntilItChanges(t *testing.T) {
	for name, c := range map[string]struct {
		method func(Source) api.AuthMethod
		says   string
	}{
		"approle":                           {func(s Source) api.AuthMethod { return &AppRole{RoleID: Text("role"), SecretID: s} }, "invalid role or secret ID"},
		"approle, whose secret id is gone":  {func(s Source) api.AuthMethod { return &AppRole{RoleID: Text("role"), SecretID: s} }, "invalid secret id"},
		"approle, whose role id is another": {func(s Source) api.AuthMethod { return &AppRole{RoleID: s, SecretID: Text("x")} }, "invalid role ID"},
		"userpass":                          {func(s Source) api.AuthMethod { return &Userpass{Username: "app", Password: s} }, "invalid username or password"},
		"ldap":                              {func(s Source) api.AuthMethod { return &LDAP{Username: "app", Password: s} }, "ldap operation failed: failed to bind as user"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				credential := "wrong"
				f := &fakeVault{ttl: 60, logins: func() (int, string) { return 400, fmt.Sprintf(`{"errors":[%q]}`, c.says) }}
				p := f.provider(t, WithAuth(c.method(func() (string, error) { return credential, nil })))
				for range 1800 {
					err := fetch(p)
					require.ErrorIs(t, err, secrets.ErrUnauthenticated)
					require.ErrorContains(t, err, "it is not sent again until it changes")
					var refused *api.ResponseError
					require.ErrorAs(t, err, &refused)
					time.Sleep(time.Second)
				}
				assert.Equal(t, 1, f.count("/login"))
				credential = "another"
				require.ErrorIs(t, fetch(p), secrets.ErrUnauthenticated)
				assert.Equal(t, 2, f.count("/login"), "another one is sent at once")
				credential = "right"
				f.set(func() { f.logins = nil })
				require.NoError(t, fetch(p))
				require.NoError(t, p.Close())
			})
		})
	}
}

// What is refused for another reason, or cannot be told from another, is tried
// again by the steps of a read.
func TestALoginThatIsRefusedForAnotherReasonIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		method api.AuthMethod
		status int
		says   string
		class  error
	}{
		"a locked user":                {&Userpass{Username: "app", Password: Text("right")}, 403, "permission denied", secrets.ErrUnauthenticated},
		"a locked role":                {&AppRole{RoleID: Text("role"), SecretID: Text("right")}, 403, "permission denied", secrets.ErrUnauthenticated},
		"a directory that is down":     {&LDAP{Username: "app", Password: Text("right")}, 400, `error connecting to host "ldap://x": timeout`, secrets.ErrUnavailable},
		"a service account not bound":  {&Kubernetes{Role: "app", JWT: Text("jwt")}, 403, "service account name not authorized", secrets.ErrUnauthenticated},
		"a role that is not there yet": {&JWT{Role: "app", JWT: Text("jwt")}, 400, `role "app" could not be found`, secrets.ErrUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeVault{ttl: 60, logins: func() (int, string) { return c.status, fmt.Sprintf(`{"errors":[%q]}`, c.says) }}
				p := f.provider(t, WithAuth(c.method))
				for range 60 {
					require.ErrorIs(t, fetch(p), c.class)
					time.Sleep(time.Second)
				}
				assert.Greater(t, f.count("/login"), 8)
				assert.Less(t, f.count("/login"), 25)
				f.set(func() { f.logins = nil })
				require.Eventually(t, func() bool { return fetch(p) == nil }, 7*time.Second, 100*time.Millisecond)
				require.NoError(t, p.Close())
			})
		})
	}
}

// A method of the user's own, or one of vault/api/auth's, does not tell whether
// it has another credential by now.
func TestAMethodOfAnothersThatIsRefusedWaitsForTheEndOfALockout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 60, logins: func() (int, string) { return 400, `{"errors":["invalid username or password"]}` }}
		p := f.provider(t, WithAuth(foreignMethod{}))
		for range 3600 {
			require.ErrorIs(t, fetch(p), secrets.ErrUnauthenticated)
			time.Sleep(time.Second)
		}
		logins := f.times("/login")
		assert.LessOrEqual(t, len(logins), 7)
		for i := 4; i < len(logins); i++ { // Vault locks after 5 within 15 minutes of one another
			assert.Greater(t, logins[i].Sub(logins[i-4]), 15*time.Minute)
		}
		require.NoError(t, p.Close())
	})
}

type foreignMethod struct{}

func (foreignMethod) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	return client.Logical().WriteWithContext(ctx, "auth/userpass/login/app", map[string]any{"password": "wrong"})
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
		assert.Equal(t, 3, f.count("/login"), "the path was answered before, so that its refusal is looked into once; then it is believed")
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
