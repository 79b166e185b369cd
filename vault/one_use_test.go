package vault

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// expiring has a fake refuse tokens that have lapsed, and take each secret id
// for one login.
func expiring(f *fakeVault) {
	granted := make(map[string]time.Time)
	taken := make(map[string]bool)
	f.logins = func() (int, string) { // with the lock held
		id := string(f.body)
		if taken[id] {
			return 400, `{"errors":["invalid role or secret ID"]}`
		}
		taken[id] = true
		return 0, ""
	}
	last := func() string { return f.requests[len(f.requests)-1].token }
	lapsed := func(token string) bool {
		from, renewed := granted[token]
		if !renewed {
			from = f.born[token]
		}
		return time.Since(from) > time.Duration(f.ttl)*time.Second || time.Since(f.born[token]) > time.Duration(f.most)*time.Second
	}
	const invalidToken = `{"errors":["permission denied","invalid token"]}`
	f.renewals = func() (int, string) {
		if lapsed(last()) {
			return 403, invalidToken
		}
		granted[last()] = time.Now()
		return 0, ""
	}
	f.reads = func(token string) (int, string) {
		if lapsed(token) {
			return 403, invalidToken
		}
		return 200, `{"request_id":"r","data":{"value":"x"}}`
	}
}

// The same against a real server, where time is what it is, is in
// integration/vault.
func TestAOneUseSecretIDServesUntilTheTokensGreatestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 4, most: 10}
		expiring(f)
		secretID := "one"
		p := f.provider(t, WithAuth(&AppRole{RoleID: Text("role"), SecretID: func() (string, error) { return secretID, nil }}))
		defer func() { assert.NoError(t, p.Close()) }()
		start := time.Now()
		var err error
		for err == nil && time.Since(start) < time.Minute {
			err = fetch(p)
			if f.count("renew-self") == 2 { // the third one will be granted less
				assert.Equal(t, 1, f.count("/login"))
			}
			time.Sleep(100 * time.Millisecond)
		}
		served := time.Since(start)
		require.ErrorIs(t, err, secrets.ErrUnauthenticated)
		require.ErrorContains(t, err, "deliver a new secret id")
		assert.InDelta(t, 10, served.Seconds(), 0.5, "renewals carried it to its greatest age")
		assert.GreaterOrEqual(t, f.count("renew-self"), 2)

		logins := f.count("/login")
		for range 200 {
			require.ErrorIs(t, fetch(p), secrets.ErrUnauthenticated)
			time.Sleep(100 * time.Millisecond)
		}
		assert.LessOrEqual(t, f.count("/login"), logins+1, "a refused secret id is not sent again and again")

		f.set(func() { secretID = "two" })
		_, err = p.Fetch(context.Background(), secrets.Ref{Path: "kv/x"})
		require.NoError(t, err, "a new secret id is tried at once")
	})
}
