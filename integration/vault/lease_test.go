package vault_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/pgserver"
	"github.com/go-secrets/secrets/integration/internal/vaultserver"
	"github.com/go-secrets/secrets/vault"
)

// A database is a PostgreSQL with Vault's database engine in front of it.
type database struct {
	*pgserver.Server
	vault *vaultserver.Server
	mount string
}

func newDatabase(t testing.TB, s *vaultserver.Server) *database {
	t.Helper()
	d := &database{Server: pgserver.Start(t), vault: s, mount: unique("database")}
	mountEngine(t, s, d.mount, "database", nil)
	write(t, s, d.mount+"/config/pg", map[string]any{
		"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "username": d.User, "password": d.Password,
		"connection_url": "postgresql://{{username}}:{{password}}@" + d.Addr() + "/postgres?sslmode=disable",
	})
	t.Cleanup(func() { _ = s.Client(t).Sys().Unmount(d.mount) }) // while the database is still there
	return d
}

// role makes a role whose users live for ttl, at most max.
func (d *database) role(t testing.TB, ttl, max string) (path string) {
	t.Helper()
	name := unique("role")
	write(t, d.vault, d.mount+"/roles/"+name, map[string]any{
		"db_name": "pg", "default_ttl": ttl, "max_ttl": max,
		"creation_statements": `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
	})
	return d.mount + "/creds/" + name
}

// users are the users that Vault has made for a role.
func (d *database) users(t testing.TB, path string) []string {
	t.Helper()
	role := path[strings.LastIndexByte(path, '/')+1:]
	// Vault cuts the role's name at 8 characters: enough of it is random.
	return d.Strings(t, `SELECT rolname::text FROM pg_roles WHERE rolname LIKE $1`, "%-"+role[:8]+"-%")
}

// appRole is a login that reads a path, and under it nothing.
func (d *database) appRole(t testing.TB, path, ttl, max string) *approle {
	t.Helper()
	pol := policy(t, d.vault, `path "`+path+`" { capabilities = ["read"] }`)
	return newAppRole(t, d.vault, map[string]any{"token_policies": pol, "token_ttl": ttl, "token_max_ttl": max})
}

func login(t testing.TB, d *database, s secrets.Secret) (user string) {
	t.Helper()
	u, err := s.Field("username")
	require.NoError(t, err)
	p, err := s.Field("password")
	require.NoError(t, err)
	require.NoError(t, d.Login(u.Reveal(), p.Reveal()))
	return u.Reveal()
}

func TestAHundredReadsOfDynamicCredentialsMakeOneUserAndCloseTakesItBack(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, shared)
	path := d.role(t, "1h", "24h")
	app := d.appRole(t, path, "1h", "24h")
	r := open(t, d.mount+"/creds", shared.Addr, app.options())
	name := strings.TrimPrefix(path, d.mount+"/creds/")

	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			field := []string{"", "#username", "#password"}[i%3]
			_, err := r.Get(t.Context(), name+field)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	s, err := r.Get(t.Context(), name)
	require.NoError(t, err)
	user := login(t, d, s)
	assert.Equal(t, []string{user}, d.users(t, path))
	assert.WithinDuration(t, time.Now().Add(time.Hour), s.ExpiresAt(), time.Minute)

	require.NoError(t, r.Close())
	require.Eventually(t, func() bool { return len(d.users(t, path)) == 0 }, 10*time.Second, 50*time.Millisecond)
}

func TestDetachLeavesTheUserAlive(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, shared)
	path := d.role(t, "1h", "24h")
	app := d.appRole(t, path, "1h", "24h")
	r := open(t, path, shared.Addr, app.options())
	s, err := r.Get(t.Context(), "password")
	require.Error(t, err) // the path is the document, and no base of one
	_ = s
	r = open(t, d.mount+"/creds", shared.Addr, app.options())
	s, err = r.Get(t.Context(), path[strings.LastIndexByte(path, '/')+1:])
	require.NoError(t, err)
	require.NoError(t, r.Detach())
	login(t, d, s)
}

func TestALeaseIsRenewedWithTheSamePasswordAndReplacedBeforeItsGreatestAge(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, shared)
	path := d.role(t, "4s", "10s")
	app := d.appRole(t, path, "1h", "24h")
	g := newGateway(t, shared.Addr)
	r := open(t, d.mount+"/creds", g.URL, app.options())
	name := strings.TrimPrefix(path, d.mount+"/creds/")
	s, err := r.Get(t.Context(), name)
	require.NoError(t, err)
	first := login(t, d, s)
	start := time.Now()

	var changed time.Time
	require.Eventually(t, func() bool {
		s, err = r.Get(t.Context(), name)
		require.NoError(t, err)
		if login(t, d, s) != first && changed.IsZero() { // every version that Get gives works
			changed = time.Now()
		}
		return !changed.IsZero()
	}, 20*time.Second, 100*time.Millisecond)
	assert.GreaterOrEqual(t, g.count("sys/leases/renew"), 2)
	assert.Greater(t, changed.Sub(start), 4*time.Second, "it was renewed, not replaced")
	assert.Less(t, changed.Sub(start), 10*time.Second, "new credentials come before the old ones end")
	assert.Contains(t, d.users(t, path), first, "pools have time to change over")
	assert.Zero(t, g.count("revoke"))
}

func TestLeasesAreReadAgainBeforeTheirTokenLapses(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, shared)
	path := d.role(t, "1h", "24h")
	app := d.appRole(t, path, "4s", "8s")
	g := newGateway(t, shared.Addr)
	r := open(t, d.mount+"/creds", g.URL, app.options())
	name := strings.TrimPrefix(path, d.mount+"/creds/")
	var last string
	users := map[string]bool{}
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		s, err := r.Get(t.Context(), name)
		require.NoError(t, err)
		last = login(t, d, s)
		users[last] = true
		<-time.After(100 * time.Millisecond)
	}
	assert.GreaterOrEqual(t, len(users), 3, "a generation for each login")
	assert.LessOrEqual(t, len(users), g.count("/login"), "and no more")
	assert.LessOrEqual(t, len(d.users(t, path)), 3, "the users of lapsed tokens are gone")
}

func TestWhatRenewCannotProlongIsReadAgain(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, shared)
	path := d.role(t, "4s", "1h")
	p := provider(t, shared, shared.Addr)
	v, err := p.Fetch(t.Context(), ref(path))
	require.NoError(t, err)
	require.NotNil(t, v.Lease)
	assert.WithinRange(t, v.RefreshAt, time.Now().Add(2*time.Second), time.Now().Add(3*time.Second))

	early, err := p.Renew(t.Context(), v)
	require.NoError(t, err, "before it is due it is left as it is")
	assert.Equal(t, v.Expires, early.Expires)
	require.Eventually(t, func() bool { return time.Now().After(v.RefreshAt) }, 5*time.Second, 10*time.Millisecond)
	renewed, err := p.Renew(t.Context(), v)
	require.NoError(t, err)
	assert.True(t, renewed.Expires.After(v.Expires))
	assert.Equal(t, v.Data, renewed.Data)

	require.NoError(t, p.Revoke(t.Context(), renewed))
	require.NoError(t, p.Revoke(t.Context(), renewed), "twice does no harm")
	require.Eventually(t, func() bool { return time.Now().After(renewed.RefreshAt) }, 5*time.Second, 10*time.Millisecond)
	_, err = p.Renew(t.Context(), renewed)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	assert.Empty(t, d.users(t, path))

	other := provider(t, shared, shared.Addr)
	_, err = other.Renew(t.Context(), renewed)
	require.ErrorIs(t, err, errors.ErrUnsupported, "made under a token that is not in use here")
}

func TestAnUnknownDatabaseRoleIsNotFound(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, shared)
	p := provider(t, shared, shared.Addr)
	for _, path := range []string{"/creds/nobody", "/static-creds/nobody"} {
		_, err := p.Fetch(t.Context(), ref(d.mount+path))
		assert.ErrorIs(t, err, secrets.ErrNotFound, path)
	}
	for _, path := range []string{"/creds", "/creds/a/b", "/nothing/x"} {
		_, err := p.Fetch(t.Context(), ref(d.mount+path))
		assert.ErrorIs(t, err, secrets.ErrInvalid, path)
		var odd interface{ Unspellable() bool }
		require.True(t, errors.As(err, &odd), path)
		assert.True(t, odd.Unspellable(), path)
	}
}

func TestAFieldOfDynamicCredentialsIsFoundInTheirDocument(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, shared)
	path := d.role(t, "1h", "24h")
	r := asRoot(t, shared, d.mount+"/creds")
	name := strings.TrimPrefix(path, d.mount+"/creds/")
	require.NoError(t, r.Preload(t.Context(), name+"/username", name+"/password"))
	require.NoError(t, d.Login(reveal(t, r, name+"/username"), reveal(t, r, name+"/password")))
	assert.Len(t, d.users(t, path), 1)
}

func TestAStaticRoleShowsItsNewPasswordWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, shared)
	d.Exec(t, `CREATE ROLE static_app WITH LOGIN PASSWORD 'initial'`)
	write(t, shared, d.mount+"/static-roles/app", map[string]any{"db_name": "pg", "username": "static_app", "rotation_period": "5s"})
	g := newGateway(t, shared.Addr)
	r := open(t, d.mount+"/static-creds", g.URL, "token_file="+rootTokenFile(t, shared))

	admin := shared.Client(t)
	truth := func() string {
		s, err := admin.Logical().Read(d.mount + "/static-creds/app")
		require.NoError(t, err)
		return s.Data["password"].(string)
	}
	assert.Equal(t, truth(), reveal(t, r, "app#password"))
	reads := g.count("static-creds")
	seen, rotations := truth(), 0
	start := time.Now()
	for rotations < 3 && time.Since(start) < 40*time.Second {
		now := truth()
		if now == seen {
			<-time.After(20 * time.Millisecond)
			continue
		}
		seen = now
		rotations++
		rotated := time.Now()
		require.Eventually(t, func() bool { return reveal(t, r, "app#password") == now }, 5*time.Second, 10*time.Millisecond)
		late := time.Since(rotated)
		t.Logf("rotation %d seen after %v", rotations, late.Round(time.Millisecond))
		assert.Less(t, late, 2*time.Second)
	}
	require.Equal(t, 3, rotations)
	assert.LessOrEqual(t, g.count("static-creds")-reads, 8*rotations, "by its own clock, not by polling")
	require.NoError(t, d.Login("static_app", reveal(t, r, "app#password")))
}

func TestARejectedStaticPasswordIsReadAgain(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, shared)
	d.Exec(t, `CREATE ROLE static_now WITH LOGIN PASSWORD 'initial'`)
	write(t, shared, d.mount+"/static-roles/app", map[string]any{"db_name": "pg", "username": "static_now", "rotation_period": "24h"})
	r := asRoot(t, shared, d.mount+"/static-creds")
	require.NoError(t, d.Login("static_now", reveal(t, r, "app#password")))
	write(t, shared, d.mount+"/rotate-role/app", nil)
	err := r.Retry(t.Context(), "app", func(error) bool { return true }, func(_ context.Context, s secrets.Secret) error {
		password, err := s.Field("password")
		if err != nil {
			return err
		}
		return d.Login("static_now", password.Reveal())
	})
	require.NoError(t, err)
}

func TestACertificateIsIssuedAgainAndKeyAndCertificateAlwaysFit(t *testing.T) {
	t.Parallel()
	pki := unique("pki")
	mountEngine(t, shared, pki, "pki", nil)
	write(t, shared, pki+"/root/generate/internal", map[string]any{"common_name": "suite root", "ttl": "20h"})
	write(t, shared, pki+"/roles/web", map[string]any{"allow_any_name": true, "key_type": "ec", "key_bits": 256, "ttl": "1h", "not_before_duration": "0s"})
	uri := fmt.Sprintf("vault://%s/issue/web?common_name=app.example.test&alt_names=b.example.test&cert_ttl=6s&address=%s&token_file=%s", pki, shared.Addr, rootTokenFile(t, shared))
	r := asRoot(t, shared, pki, secrets.WithReferences(map[string]string{"tls": uri}))

	serials := map[string]bool{}
	start := time.Now()
	for len(serials) < 3 && time.Since(start) < 30*time.Second {
		s, err := r.Get(t.Context(), "tls")
		require.NoError(t, err)
		serials[certificateOf(t, s)] = true
		<-time.After(50 * time.Millisecond)
	}
	assert.Len(t, serials, 3)
	assert.Less(t, time.Since(start), 2*6*time.Second, "after two thirds of their time")

	p := provider(t, shared, shared.Addr)
	v, err := p.Fetch(t.Context(), ref(pki+"/issue/web", "common_name", "x.test", "cert_ttl", "1h"))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(time.Hour), v.Expires, 5*time.Second)
	assert.WithinRange(t, v.RefreshAt, time.Now().Add(35*time.Minute), time.Now().Add(43*time.Minute))
	_, err = p.Fetch(t.Context(), ref(pki+"/issue/nobody", "common_name", "x.test"))
	assert.ErrorIs(t, err, secrets.ErrNotFound)
	_, err = p.Fetch(t.Context(), ref(pki+"/issue/web"))
	assert.ErrorIs(t, err, secrets.ErrInvalid, "a certificate without a name")
}

func certificateOf(t testing.TB, s secrets.Secret) (serial string) {
	t.Helper()
	cert, err := s.Field("certificate")
	require.NoError(t, err)
	key, err := s.Field("private_key")
	require.NoError(t, err)
	pair, err := tls.X509KeyPair([]byte(cert.Reveal()), []byte(key.Reveal()))
	require.NoError(t, err, "the key fits the certificate")
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	assert.True(t, leaf.NotAfter.After(time.Now()), "what Get gives has not expired")
	return leaf.SerialNumber.String()
}

var _ secrets.LeaseProvider = (*vault.Provider)(nil)
