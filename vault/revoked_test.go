package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

const (
	plainRefusal = `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`
	kvX          = `{"request_id":"r","data":{"value":"x"}}`
)

func fetchPath(p *Provider, path string) error {
	_, err := p.Fetch(context.Background(), secrets.Ref{Scheme: Scheme, Path: path})
	return err
}

// OpenBao, and Vault before 1.17, answer a revoked token as one whose policies
// grant nothing.
func TestATokenThatIsRevokedOverAndOverIsReplacedEachTimeThoughTheServerDoesNotSaySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 3600}
		live := 0
		f.reads = func(token string) (int, string) {
			if token != fmt.Sprintf("token-%d", f.issued) || live == f.issued {
				return 403, plainRefusal
			}
			return 200, kvX
		}
		p := f.provider(t, appRoleLogin())
		for i := range 60 {
			if i%6 == 5 {
				f.set(func() { live = f.issued }) // the token in use is revoked
			}
			require.NoError(t, fetch(p), "second %d", i)
			time.Sleep(time.Second)
		}
		assert.Equal(t, 11, f.count("/login"), "one for each revocation")
		require.NoError(t, p.Close())
	})
}

func TestWhatThePoliciesDenyIsNoReasonForLoginsWhileTokensAreRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 3600}
		revoked := map[string]bool{}
		f.readPath = func(path, token string) (int, string) {
			if strings.HasSuffix(path, "/denied") || revoked[token] {
				return 403, plainRefusal
			}
			return 200, kvX
		}
		p := f.provider(t, appRoleLogin())
		for i := range 240 {
			if i%60 == 30 {
				f.set(func() { revoked[fmt.Sprintf("token-%d", f.issued)] = true })
			}
			require.ErrorIs(t, fetchPath(p, "kv/denied"), secrets.ErrPermission)
			require.NoError(t, fetchPath(p, "kv/granted"), "second %d", i)
			time.Sleep(time.Second)
		}
		assert.LessOrEqual(t, f.count("/login"), 2+4*2, "at most two for each revocation")
		require.NoError(t, p.Close())
	})
}

func TestATokenWithANumberOfUsesIsReplacedWhenTheyAreSpent(t *testing.T) {
	for _, told := range []bool{true, false} {
		t.Run(fmt.Sprintf("the login tells the number: %t", told), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeVault{ttl: 3600, uses: 10, tellUses: told}
				p := f.provider(t, appRoleLogin())
				for i := range 30 {
					require.NoError(t, fetch(p), "read %d", i)
				}
				assert.Equal(t, 4, f.count("/login"), "31 requests of 10 uses each")
				var wg sync.WaitGroup
				for range 60 * map[bool]int{true: 1}[told] { // what is not told, many at a time use up before one notices
					wg.Go(func() { assert.NoError(t, fetch(p)) })
				}
				wg.Wait()
				time.Sleep(24 * time.Hour)
				require.NoError(t, p.Close())
				if told {
					assert.Zero(t, f.refusedCount(), "none is tried that is spent")
					assert.Zero(t, f.count("renew-self"), "which would spend uses")
				}
			})
		})
	}
}

func TestALeaseUnderATokenWithANumberOfUsesKeepsItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 3600, uses: 3, tellUses: true}
		f.reads = func(string) (int, string) {
			return 200, `{"request_id":"r","lease_id":"db/creds/x/1","lease_duration":3600,"renewable":true,"data":{"username":"u","password":"p"}}`
		}
		p := f.provider(t, appRoleLogin())
		creds := secrets.Ref{Path: "db/creds/x", Options: map[string]string{"mount": "db", "engine": "database"}}
		for range 3 {
			_, err := p.Fetch(context.Background(), creds)
			require.NoError(t, err)
		}
		assert.Equal(t, 3, f.count("/login"), "another read would end the leases of the first")
		require.NoError(t, p.Close())
		assert.Equal(t, 3, f.count("revoke-self"))
	})
}

func TestATokenWhosePeriodWasMadeShorterIsRenewedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 3600, lookup: `{"data":{"ttl":3600,"creation_ttl":3600,"period":3600,"renewable":true}}`}
		p := f.provider(t, WithToken(Text("periodic")))
		require.NoError(t, fetch(p))
		time.Sleep(time.Minute)
		f.set(func() { f.ttl = 600 })
		time.Sleep(3 * time.Hour)
		renewals := f.times("renew-self")
		require.GreaterOrEqual(t, len(renewals), 15)
		for i := 2; i < len(renewals); i++ {
			assert.Less(t, renewals[i].Sub(renewals[i-1]), 10*time.Minute, "it never lapses")
		}
		require.NoError(t, p.Close())
	})
}

func TestATokenThatDrawsToItsGreatestAgeIsNotRenewedWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{ttl: 3600, most: 7200, lookup: `{"data":{"ttl":3600,"creation_ttl":3600,"renewable":true}}`, born: map[string]time.Time{"plain": time.Now()}}
		p := f.provider(t, WithToken(Text("plain")))
		require.NoError(t, fetch(p))
		time.Sleep(3 * time.Hour)
		assert.Less(t, f.count("renew-self"), 15)
		require.NoError(t, p.Close())
	})
}

func TestATokenFileMayHoldJSONAndAWrappedToken(t *testing.T) {
	wrapped := `{"token":"hvs.wrapping","accessor":"a","ttl":60,"creation_time":"2026-01-01T00:00:00Z","creation_path":"sys/wrapping/wrap","wrapped_accessor":""}`
	for name, c := range map[string]struct{ text, token string }{
		"a token":                            {"hvs.plain", "hvs.plain"},
		"a login, as vault write prints it":  {`{"request_id":"r","auth":{"client_token":"hvs.login","lease_duration":60}}`, "hvs.login"},
		"a login's auth alone":               {`{"client_token":"hvs.auth"}`, "hvs.auth"},
		"a token in a field":                 {`{"token":"hvs.field"}`, "hvs.field"},
		"a lookup of a token":                {`{"data":{"id":"hvs.looked-up"}}`, "hvs.looked-up"},
		"what an agent's sink wraps":         {wrapped, "hvs.unwrapped"},
		"what -wrap-ttl -format=json prints": {`{"wrap_info":{"token":"hvs.wrapping","ttl":60,"creation_time":"2026-01-01T00:00:00Z"}}`, "hvs.unwrapped"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeVault{unwraps: `{"auth":{"client_token":"hvs.unwrapped"}}`}
			p := f.provider(t, WithToken(Text(c.text)), WithoutRenewal())
			for range 5 {
				require.NoError(t, fetch(p))
			}
			assert.Equal(t, c.token, f.lastToken())
			assert.LessOrEqual(t, f.count("unwrap"), 1, "a wrapping token is good for one use")
			require.NoError(t, p.Close())
		})
	}
	for name, text := range map[string]string{
		"JSON without a token":   `{"errors":["permission denied"]}`,
		"half of JSON":           `{"auth":{"client_tok`,
		"an encrypted sink":      `{"curve25519_public_key":"AAAA","nonce":"AAAA","encrypted_payload":"AAAA"}`,
		"two lines":              "hvs.one\nhvs.two",
		"JSON with a line break": `{"token":"hvs.one\nhvs.two"}`,
	} {
		f := &fakeVault{}
		p := f.provider(t, WithToken(Text(text)), WithoutRenewal())
		err := fetch(p)
		require.ErrorIs(t, err, secrets.ErrUnauthenticated, name)
		assert.NotContains(t, err.Error(), "hvs.", name)
		assert.Zero(t, f.count(""), "%s: nothing is sent", name)
		require.NoError(t, p.Close())
	}
}

func TestAWrappingTokenThatIsRefusedIsSentOnceAndToldLoudly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := `{"wrap_info":{"token":"hvs.spent"}}`
		f := &fakeVault{unwraps: "refused"}
		p := f.provider(t, WithToken(func() (string, error) { return text, nil }), WithoutRenewal())
		for range 100 {
			err := fetch(p)
			require.ErrorIs(t, err, secrets.ErrUnauthenticated)
			require.ErrorContains(t, err, "SOMEBODY ELSE")
			time.Sleep(time.Second)
		}
		assert.Equal(t, 1, f.count("unwrap"))
		f.set(func() { f.unwraps = `{"auth":{"client_token":"hvs.unwrapped"}}` })
		text = `{"wrap_info":{"token":"hvs.fresh"}}`
		require.NoError(t, fetch(p))
		require.NoError(t, p.Close())
	})
}

func engineRef(path, engine string, options ...string) secrets.Ref {
	mount, _, _ := strings.Cut(path, "/")
	r := secrets.Ref{Path: path, Options: map[string]string{"mount": mount, "engine": engine}}
	for i := 0; i < len(options); i += 2 {
		r.Options[options[i]] = options[i+1]
	}
	return r
}

func TestAnAnswerWithAnEndOfItsOwnEndsThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		for name, c := range map[string]struct {
			path, engine, data string
			end                time.Duration // 0: none
		}{
			"an identity token":                 {"identity/oidc/token/app", "identity", `{"token":"eyJ","client_id":"c","ttl":6}`, 6 * time.Second},
			"an access token of Google":         {"gcp/roleset/x/token", "gcp", `{"token":"ya29","token_ttl":3599}`, 3599 * time.Second},
			"one that says the moment":          {"gcp/static-account/x/token", "gcp", fmt.Sprintf(`{"token":"ya29","token_ttl":10,"expires_at_seconds":%d}`, start.Add(time.Hour).Unix()), time.Hour},
			"an access key that says its end":   {"aws/static-credentials/x", "aws", `{"access_key":"AKIA","expiration":"` + start.Add(time.Hour).Format(time.RFC3339) + `"}`, time.Hour},
			"the ttl of a role is a setting":    {"pki/roles/web", "pki", `{"ttl":3600}`, 0},
			"the ttl of a login's role too":     {"auth/jwt/role/app", "jwt", `{"ttl":60,"token_ttl":60}`, 0},
			"a ttl of zero is none":             {"identity/oidc/token/app", "identity", `{"token":"eyJ","ttl":0}`, 0},
			"a ttl in words is none":            {"identity/oidc/token/app", "identity", `{"token":"eyJ","ttl":"soon"}`, 0},
			"a ttl beyond all time is none":     {"identity/oidc/token/app", "identity", `{"token":"eyJ","ttl":9223372036854775807}`, 0},
			"a static role is read again only":  {"db/static-creds/x", "database", `{"password":"p","last_vault_rotation":"2026-01-01T00:00:00Z","ttl":60}`, 0},
			"a schedule of rotations, likewise": {"ldap/static-cred/x", "openldap", `{"password":"p","last_vault_rotation":"2026-01-01T00:00:00Z","ttl":60}`, 0},
		} {
			f := &fakeVault{ttl: 7200}
			f.reads = func(string) (int, string) { return 200, `{"request_id":"r","lease_id":"","data":` + c.data + `}` }
			p := f.provider(t, appRoleLogin())
			v, err := p.Fetch(context.Background(), engineRef(c.path, c.engine))
			require.NoError(t, err, name)
			if c.end == 0 {
				assert.True(t, v.Expires.IsZero(), "%s: %v", name, v.Expires)
			} else {
				assert.WithinDuration(t, start.Add(c.end), v.Expires, time.Second, name)
			}
			require.NoError(t, p.Close())
		}
	})
}

func TestWhateverHangsOnTheTokenEndsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := fmt.Sprint(time.Now().Add(24 * time.Hour).Unix())
		for name, c := range map[string]struct{ path, engine, answer string }{
			"dynamic credentials":             {"db/creds/x", "database", `"lease_id":"l","lease_duration":3600,"data":{"password":"p"}`},
			"a lease without an end":          {"consul/creds/x", "consul", `"lease_id":"l","lease_duration":0,"data":{"token":"t"}`},
			"a lease that cannot be renewed":  {"aws/sts/x", "aws", `"lease_id":"l","lease_duration":3600,"renewable":false,"data":{"access_key":"k"}`},
			"a certificate of generate_lease": {"pki/issue/web", "pki", `"lease_id":"l","lease_duration":86400,"data":{"certificate":"c","private_key":"k","expiration":` + far + `}`},
			"what is in the cubbyhole":        {"cubbyhole/x", "cubbyhole", `"lease_id":"","data":{"a":"b"}`},
		} {
			f := &fakeVault{ttl: 90}
			f.reads = func(string) (int, string) { return 200, `{"request_id":"r",` + c.answer + `}` }
			p := f.provider(t, appRoleLogin())
			start := time.Now()
			v, err := p.Fetch(context.Background(), engineRef(c.path, c.engine))
			require.NoError(t, err, name)
			assert.WithinDuration(t, start.Add(90*time.Second), v.Expires, time.Second, name)
			if v.Lease != nil { // and is looked at again in time, without another being made
				assert.Less(t, v.RefreshAt.Sub(start), 90*time.Second, name)
				time.Sleep(time.Until(v.RefreshAt))
				again, err := p.Renew(context.Background(), v)
				require.NoError(t, err, name)
				assert.True(t, again.Expires.After(v.Expires), "%s: the token was renewed", name)
			}
			require.NoError(t, p.Close())
		}
	})
}

func TestACertificateEndsByItsOwnWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, csr := time.Now(), certificateRequest(t)
		f := &fakeVault{ttl: 7200}
		f.reads = func(string) (int, string) {
			return 200, fmt.Sprintf(`{"request_id":"r","data":{"certificate":"c","expiration":%d}}`, start.Add(time.Hour).Unix())
		}
		p := f.provider(t, appRoleLogin())
		v, err := p.Fetch(context.Background(), engineRef("pki/sign/web", "pki", "csr", csr, "common_name", "a.example"))
		require.NoError(t, err)
		assert.WithinDuration(t, start.Add(time.Hour), v.Expires, time.Second)
		assert.InDelta(t, 40, v.RefreshAt.Sub(start).Minutes(), 3)
		var sent map[string]string
		require.NoError(t, json.Unmarshal(f.lastBody(), &sent))
		assert.Equal(t, map[string]string{"csr": csr, "common_name": "a.example"}, sent)
		_, err = p.Fetch(context.Background(), engineRef("pki/issue/web", "pki", "common_name", "a.example"))
		require.ErrorIs(t, err, secrets.ErrUnavailable, "one that is issued comes with its key")
		require.NoError(t, p.Close())
	})
}
