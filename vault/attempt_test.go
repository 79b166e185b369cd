package vault

import (
	"context"
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

// A slowVault takes its time for what path says, and swallows the first so many
// requests as a connection does that died in silence.
type slowVault struct {
	fakeVault
	slowMu sync.Mutex
	takes  map[string]time.Duration
	dead   int
	cut    []string
}

func (s *slowVault) RoundTrip(r *http.Request) (*http.Response, error) {
	s.slowMu.Lock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	takes := s.takes[path]
	if s.dead > 0 {
		s.dead--
		takes = time.Hour
	}
	s.slowMu.Unlock()
	select {
	case <-time.After(takes):
		return s.fakeVault.RoundTrip(r)
	case <-r.Context().Done():
		s.slowMu.Lock()
		s.cut = append(s.cut, path)
		s.slowMu.Unlock()
		return nil, r.Context().Err()
	}
}

func (s *slowVault) resolver(t *testing.T, opts ...secrets.Option) *secrets.Resolver {
	cfg := api.DefaultConfig()
	cfg.Address, cfg.HttpClient, cfg.Timeout = "https://vault.example.test", &http.Client{Transport: s}, 0
	client, err := api.NewClient(cfg)
	require.NoError(t, err)
	p := newProvider(client, new(int), options{method: &AppRole{RoleID: Text("role"), SecretID: Text("secret")}}, true)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	r := secrets.New(p, append([]secrets.Option{secrets.WithLogger(nil)}, opts...)...)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

const leasedAnswer = `{"request_id":"r","lease_id":"db/creds/x/1","lease_duration":3600,"renewable":true,"data":{"password":"x"}}`

func TestAServerThatIsSlowIsReadInTheTimeThatWithTimeoutGives(t *testing.T) {
	for name, c := range map[string]struct {
		slow    string
		takes   time.Duration
		timeout time.Duration
	}{
		"a read of four seconds":               {"kv/x", 4 * time.Second, 10 * time.Second},
		"one of twenty, with a minute":         {"kv/x", 20 * time.Second, time.Minute},
		"a login of four seconds":              {"auth/approle/login", 4 * time.Second, 10 * time.Second},
		"a login of forty, with a minute":      {"auth/approle/login", 40 * time.Second, time.Minute},
		"the question about a mount, of four":  {"sys/internal/ui/mounts/kv/x", 4 * time.Second, 10 * time.Second},
		"credentials that take nine, uncut":    {"db/creds/x", 9 * time.Second, 10 * time.Second},
		"a certificate that takes nine, uncut": {"pki/issue/web", 9 * time.Second, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slowVault{takes: map[string]time.Duration{c.slow: c.takes}}
				s.ttl = 3600
				s.readPath = func(path, _ string) (int, string) {
					switch {
					case strings.HasPrefix(path, "db/"):
						return 200, leasedAnswer
					case strings.HasPrefix(path, "pki/"):
						return 200, `{"request_id":"r","data":{"certificate":"c","private_key":"k","password":"x"}}`
					}
					return 200, `{"request_id":"r","data":{"password":"x"}}`
				}
				r := s.resolver(t, secrets.WithTimeout(c.timeout))
				name := "kv/x#password"
				if strings.HasPrefix(c.slow, "db/") || strings.HasPrefix(c.slow, "pki/") {
					name = c.slow
				}
				var err error
				start := time.Now()
				if name == "kv/x#password" {
					_, err = r.Get(t.Context(), name)
				} else {
					p := secrets.Ref{Path: c.slow, Options: map[string]string{"mount": c.slow[:strings.Index(c.slow, "/")], "engine": map[bool]string{true: "pki", false: "database"}[strings.HasPrefix(c.slow, "pki/")]}}
					ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
					defer cancel()
					_, err = s.provider(t).Fetch(ctx, p)
				}
				require.NoError(t, err)
				assert.Less(t, time.Since(start), c.timeout)
				if strings.Contains(c.slow, "login") || name != "kv/x#password" {
					assert.Equal(t, 1, s.count(c.slow), "it is never cut, and sent once")
					assert.Empty(t, s.cut)
				}
			})
		})
	}
}

func (s *slowVault) provider(t *testing.T) *Provider {
	cfg := api.DefaultConfig()
	cfg.Address, cfg.HttpClient, cfg.Timeout = "https://vault.example.test", &http.Client{Transport: s}, 0
	client, err := api.NewClient(cfg)
	require.NoError(t, err)
	p := newProvider(client, new(int), options{method: &AppRole{RoleID: Text("role"), SecretID: Text("secret")}}, true)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestAConnectionThatDiedInSilenceCostsAThirdOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowVault{}
		s.ttl = 3600
		r := s.resolver(t)
		_, err := r.Get(t.Context(), "kv/x")
		require.NoError(t, err)
		s.dead = 1
		start := time.Now()
		_, err = r.Refresh(t.Context(), "kv/x")
		require.NoError(t, err)
		assert.InDelta(t, 3.3, time.Since(start).Seconds(), 0.2)
	})
}

func TestALoginGoesOnForThoseWhoComeNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowVault{takes: map[string]time.Duration{"auth/approle/login": 4 * time.Second}}
		s.ttl = 3600
		p := s.provider(t)
		for range 20 { // whose patience is shorter than the login
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			_, err := p.Fetch(ctx, secrets.Ref{Path: "kv/x"})
			cancel()
			if err == nil {
				break
			}
			require.ErrorIs(t, err, secrets.ErrUnavailable)
		}
		require.NoError(t, fetch(p))
		assert.Equal(t, 1, s.count("/login"))
		assert.Empty(t, s.cut)
	})
}
