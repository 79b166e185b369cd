package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-secrets/secrets"
)

// fetchEngine reads what an engine other than KV makes: credentials with a
// lease, the password of a static role, a certificate.
func (p *provider) fetchEngine(ctx context.Context, m mount, rest string, w *wanted, v *secrets.Value) error {
	if w.version != "" {
		return invalid("the mount %s (%s) keeps no versions: drop ?version=", m.path, m.engine)
	}
	path := m.path + "/" + rest
	op := operationOf(m.engine, rest)
	body, err := op.body(m.engine, w.parameters)
	if err != nil {
		return err
	}
	asked := time.Now()
	a, t, err := p.send(ctx, path, 2, func(token string) (*answer, error) {
		switch {
		case op != nil:
			return p.caller.put(ctx, token, path, body)
		case isSetting(rest):
			return p.caller.get(ctx, token, path, nil)
		}
		return p.caller.getOnce(ctx, token, path, nil)
	})
	if err != nil {
		return err
	}
	if a.status >= http.StatusMultipleChoices {
		if a.status == http.StatusNotFound {
			p.mounts.forget(m)
		}
		a.engine = m.engine != engineCubbyhole
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
	var end time.Time
	if op != nil && op.end != nil {
		if end, err = op.end(v.Data, rest); err != nil {
			return err
		}
	}
	switch {
	case r.LeaseID != "": // of certificates too, if the role says generate_lease
		p.leased(ctx, v, &r, a, t, asked)
		if !end.IsZero() && end.Before(v.Expires) {
			v.Expires = end
		}
	case !end.IsZero():
		v.Expires = end
		if life := end.Sub(asked); life > 0 {
			v.RefreshAt = asked.Add(spread(life, 0.62, 0.70))
		}
	case isSetting(rest) && !strings.HasPrefix(rest, "static-"):
		v.Default = defaultKey(r.Data)
	case !p.rotated.plan(v, path):
		v.Default = defaultKey(r.Data)
		v.Expires = ownEnd(v.Data, asked)
		if m.engine == engineCubbyhole && v.Expires.IsZero() {
			p.session.ensureKnown(ctx, t)
			v.Expires = p.session.end(t)
		}
	}
	return nil
}

// isSetting reports whether a path is that of something that is kept, such as
// the settings of a role, and not of something that is made by the reading. Its
// ttl is a setting, too. A static role's password is kept as well.
func isSetting(rest string) bool {
	for _, segment := range splitPath(rest) {
		switch segment {
		case "config", "role", "roles", "static-creds", "static-cred", "static-role", "static-roles", "rolesets", "static-accounts":
			return true
		}
	}
	return false
}

// ownEnd is when an answer without a lease ends by its own word: an identity
// token, the access token of a cloud, an access key of AWS; zero: it has none.
func ownEnd(data json.RawMessage, asked time.Time) time.Time {
	var said struct {
		TTL        json.Number `json:"ttl"`
		TokenTTL   json.Number `json:"token_ttl"`
		ExpiresAt  json.Number `json:"expires_at_seconds"`
		Expiration string      `json:"expiration"`
	}
	// What is no number leaves the others as they are.
	_ = json.Unmarshal(data, &said)
	if at, err := said.ExpiresAt.Int64(); err == nil && at > 0 {
		return time.Unix(at, 0)
	}
	for _, text := range []json.Number{said.TTL, said.TokenTTL} {
		if seconds, err := text.Int64(); err == nil && seconds > 0 && seconds < int64(farthest/time.Second) {
			return asked.Add(time.Duration(seconds) * time.Second)
		}
	}
	return parseTime(said.Expiration)
}

// farthest bounds what an answer may say of its end.
const farthest = 100 * 365 * 24 * time.Hour

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
