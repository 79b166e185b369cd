package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/go-secrets/secrets"
)

// fetchEngine reads what an engine other than KV makes: credentials with a
// lease, the password of a static role, a certificate.
func (p *Provider) fetchEngine(ctx context.Context, m mount, rest string, w *wanted, v *secrets.Value) error {
	if w.version != "" {
		return invalid("the mount %s (%s) keeps no versions: drop ?version=", m.path, m.engine)
	}
	path := m.path + "/" + rest
	issue := m.engine == enginePKI && isIssue(rest)
	if w.cert != nil && !issue {
		return invalid("the options of a certificate are for <pki mount>/issue/<role>")
	}
	asked := time.Now()
	a, t, err := p.send(ctx, func(token string) (*answer, error) {
		if !issue {
			return p.caller.get(ctx, token, path, nil)
		}
		body := w.cert
		if body == nil {
			body = map[string]string{}
		}
		return p.caller.put(ctx, token, path, body)
	})
	if err != nil {
		return err
	}
	if a.status >= http.StatusMultipleChoices {
		if a.status == http.StatusNotFound {
			p.mounts.forget(m)
		}
		return refusal(a)
	}
	var r reply
	if a.status != http.StatusNoContent {
		if err := p.parse(a, &r); err != nil {
			return err
		}
	}
	if !isObject(r.Data) {
		return unspellable("%q is answered with no data", path)
	}
	v.Data = r.Data
	switch {
	case issue:
		return certificate(v, asked)
	case r.LeaseID != "":
		p.leased(ctx, v, &r, a, t, asked)
	default:
		if !p.rotated.plan(v, path) {
			v.Default = defaultKey(r.Data)
		}
	}
	return nil
}

// isIssue reports whether a path in a PKI mount makes a certificate:
// issue/<role>, or issuer/<name>/issue/<role>.
func isIssue(rest string) bool {
	segments := splitPath(rest)
	switch len(segments) {
	case 2:
		return segments[0] == "issue"
	case 4:
		return segments[0] == "issuer" && segments[2] == "issue"
	}
	return false
}

// certificate plans for a new one after two thirds of its time. Key,
// certificate and chain are one value, so that no two of them ever come from
// different issues. https://developer.hashicorp.com/vault/api-docs/secret/pki
func certificate(v *secrets.Value, asked time.Time) error {
	var cert struct {
		Expiration  json.Number `json:"expiration"`
		Certificate string      `json:"certificate"`
		PrivateKey  string      `json:"private_key"`
	}
	if json.Unmarshal(v.Data, &cert) != nil || cert.Certificate == "" || cert.PrivateKey == "" {
		return unavailable("the PKI engine answered without a certificate and its key", nil)
	}
	seconds, err := cert.Expiration.Int64()
	if err != nil {
		return nil // an old server: the TTL decides
	}
	v.Expires = time.Unix(seconds, 0)
	if life := v.Expires.Sub(asked); life > 0 {
		v.RefreshAt = asked.Add(spread(life, 0.62, 0.70))
	}
	return nil
}

// rotations remembers how the static roles stood when they were last read, to
// know how often one that is late has been looked for. It holds a time for
// each, no password.
type rotations struct {
	mu    sync.Mutex
	roles map[string]*rotation
}

type rotation struct {
	last  string // last_vault_rotation
	tries int    // reads since it was due
}

// Vault looks every 5 seconds by default which roles are due, so that a
// rotation comes that much late. For that long it is looked for each second,
// and then ever more rarely: something keeps the server from rotating.
const (
	eagerTries = 6
	latestTry  = time.Minute
)

// plan sets when a static role is read again: right after its rotation, by its
// own clock. It reports whether the document is that of a static role.
// https://developer.hashicorp.com/vault/api-docs/secret/databases#get-static-credentials
func (rs *rotations) plan(v *secrets.Value, path string) bool {
	var role struct {
		Last string       `json:"last_vault_rotation"`
		TTL  *json.Number `json:"ttl"`
	}
	if json.Unmarshal(v.Data, &role) != nil || role.Last == "" || role.TTL == nil {
		return false
	}
	ttl, err := role.TTL.Int64()
	if err != nil {
		return false
	}
	v.Created = parseTime(role.Last)
	v.Data = withoutClock(v.Data)

	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.roles[path]
	if r == nil || r.last != role.Last {
		r = &rotation{last: role.Last}
		if rs.roles == nil {
			rs.roles = make(map[string]*rotation)
		}
		rs.roles[path] = r
	}
	now := time.Now()
	if ttl > 0 {
		r.tries = 0
		v.RefreshAt = now.Add(time.Duration(ttl)*time.Second + spread(time.Second, 0.8, 1.2))
		return true
	}
	wait := time.Second
	if late := r.tries - eagerTries; late >= 0 {
		wait = min(latestTry, 2*time.Second<<min(late, 10))
	}
	r.tries++
	v.RefreshAt = now.Add(spread(wait, 0.8, 1.2))
	return true
}

// withoutClock drops ttl, which differs at each read although nothing has
// changed: it would look like a new version every time.
func withoutClock(data json.RawMessage) json.RawMessage {
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil {
		return data
	}
	delete(keys, "ttl")
	clean, err := json.Marshal(keys)
	if err != nil {
		return data
	}
	return clean
}
