package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// A reply is the envelope around everything that an engine answers.
type reply struct {
	RequestID     string          `json:"request_id"`
	LeaseID       string          `json:"lease_id"`
	LeaseDuration int64           `json:"lease_duration"`
	Renewable     bool            `json:"renewable"`
	Data          json.RawMessage `json:"data"`
	WrapInfo      json.RawMessage `json:"wrap_info"`
}

// parse reads the envelope of a successful answer.
func (p *provider) parse(a *answer, r *reply) error {
	if json.Unmarshal(a.body, r) != nil || r.RequestID == "" && r.Data == nil {
		return notVault(p.caller.host)
	}
	if isObject(r.WrapInfo) {
		return invalid("the answer is response-wrapped: the wrapping proxy or header must go")
	}
	return nil
}

// metadata is what KV version 2 says of one version of a secret.
type metadata struct {
	Version   int64  `json:"version"`
	Created   string `json:"created_time"`
	Deletion  string `json:"deletion_time"` // may lie ahead (delete_version_after)
	Destroyed bool   `json:"destroyed"`
}

type kv2 struct {
	Data     json.RawMessage `json:"data"`
	Metadata *metadata       `json:"metadata"`
}

type kv2Reply struct {
	Data     kv2             `json:"data"`
	WrapInfo json.RawMessage `json:"wrap_info"`
}

// fetchKV2 reads a version of a secret.
func (p *provider) fetchKV2(ctx context.Context, m mount, rest string, w *wanted, v *secrets.Value) error {
	var params map[string][]string
	if w.version != "" {
		params = map[string][]string{"version": {w.version}}
	}
	a, _, err := p.get(ctx, m.path+"/data/"+rest, params)
	if err != nil {
		return err
	}
	if a.status == http.StatusNotFound {
		if err := gone(a); err != nil {
			return err
		}
	}
	if a.status != http.StatusOK {
		return p.kvRefusal(ctx, m, rest, a)
	}
	var r kv2Reply // read in one go: this is what most reads are
	if json.Unmarshal(a.body, &r) != nil || r.Data.Metadata == nil || !isObject(r.Data.Data) || isObject(r.WrapInfo) {
		if err := p.parse(a, new(reply)); err != nil {
			return err
		}
		return p.wrongVersion(m, rest)
	}
	doc := &r.Data
	v.Data, v.Default = doc.Data, defaultKey(doc.Data)
	v.Version = p.versionOf(m.path+"/"+rest+"?"+w.version, doc.Metadata)
	v.Created = parseTime(doc.Metadata.Created)
	v.Expires = parseTime(doc.Metadata.Deletion)
	return nil
}

// parseTime is zero for what is no time, as an empty deletion_time.
func parseTime(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t
}

// fetchKV1 reads a secret of a KV mount without versions.
func (p *provider) fetchKV1(ctx context.Context, m mount, rest string, w *wanted, v *secrets.Value) error {
	if w.version != "" {
		return invalid("the mount %s is KV version 1, which keeps no versions: drop ?version=", m.path)
	}
	asked := time.Now()
	a, _, err := p.get(ctx, m.path+"/"+rest, nil)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return p.kvRefusal(ctx, m, rest, a)
	}
	var r reply
	if err := p.parse(a, &r); err != nil {
		return err
	}
	if !isObject(r.Data) {
		return p.wrongVersion(m, rest)
	}
	v.Data, v.Default = r.Data, defaultKey(r.Data)
	if hinted(r.Data) && r.LeaseDuration > 0 {
		v.RefreshAt = asked.Add(spread(time.Duration(min(r.LeaseDuration, int64(farthest/time.Second)))*time.Second, 0.9, 1))
	}
	return nil
}

// hinted reports whether a secret of KV version 1 says itself when to read it
// again: it then has a key ttl or lease, of which the server makes the duration
// of a lease that is none.
// https://developer.hashicorp.com/vault/docs/secrets/kv/kv-v1#ttls
func hinted(data json.RawMessage) bool {
	if !bytes.Contains(data, []byte(`"ttl"`)) && !bytes.Contains(data, []byte(`"lease"`)) {
		return false
	}
	var keys struct {
		TTL   json.RawMessage `json:"ttl"`
		Lease json.RawMessage `json:"lease"`
	}
	return json.Unmarshal(data, &keys) == nil && (keys.TTL != nil || keys.Lease != nil)
}

// kvRefusal is refusal, and looks twice where the mount may not be what it was
// taken for.
func (p *provider) kvRefusal(ctx context.Context, m mount, rest string, a *answer) error {
	err := refusal(a)
	if a.status != http.StatusNotFound {
		return err
	}
	if errors.Is(err, secrets.ErrInvalid) {
		p.mounts.forget(m)
		return err
	}
	if !m.asked && errors.Is(err, secrets.ErrNotFound) {
		// On a version 1 mount, mount/data/x is just a secret that is not there.
		if is, probeErr := p.probe(ctx, m.path+"/"+rest); probeErr == nil && (is.path != m.path || is.engine != m.engine || is.kv != m.kv) {
			return p.wrongVersion(m, rest)
		}
	}
	return err
}

// wrongVersion tells that a mount is no KV mount of the version it was taken
// for, and forgets it.
func (p *provider) wrongVersion(m mount, rest string) error {
	p.mounts.forget(m)
	return invalid("the answer for %q at mount %q is not one of KV version %d: check ?mount= and ?kv=", rest, m.path, m.kv)
}

// gone tells a version that was deleted or destroyed from a secret that never
// was; nil: it is the latter.
func gone(a *answer) error {
	var r kv2Reply
	if json.Unmarshal(a.body, &r) != nil || r.Data.Metadata == nil {
		return nil
	}
	m := r.Data.Metadata
	msg := fmt.Sprintf("version %d was deleted on %s (vault kv undelete brings it back)", m.Version, m.Deletion)
	if m.Destroyed {
		msg = fmt.Sprintf("version %d was destroyed", m.Version)
	}
	return &fault.Error{Class: secrets.ErrNotFound, Msg: msg, Err: errorOf(a), Quiet: true}
}

// versionOf is the version's number, with its time from the moment on when the
// numbers of this document started over: deleting the metadata of a secret does
// that.
func (p *provider) versionOf(document string, m *metadata) string {
	n := strconv.FormatInt(m.Version, 10)
	if p.numbers.Times(document, m.Version, m.Created) > 0 {
		n += "@" + m.Created
	}
	return n
}

// defaultKey is the key that stands for a document when no field is asked for.
func defaultKey(data json.RawMessage) string {
	const key = "value"
	switch {
	case !bytes.Contains(data, []byte(`"value"`)):
		return ""
	case bytes.HasPrefix(data, []byte(`{"value":"`)): // how Vault writes most that have it: no need to parse them
		return key
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil {
		return ""
	}
	if v, ok := keys[key]; ok && string(v) != "null" {
		return key
	}
	return ""
}

func isObject(raw json.RawMessage) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == '{'
}
