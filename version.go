package secrets

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A version is one version of a document as it is held: what one read said,
// immutable but for its fields, which are parsed when first needed.
type version struct {
	open    func() string // the bytes, where no printer that walks structs looks
	version string
	mono    int64 // when it was read, on the resolver's monotonic clock, ns
	wall    int64 // the same in wall time, ns since 1970
	created int64 // Value.Created, ns since 1970; 0: unknown

	// whole is the Secret of the one name that is all of the version, and what
	// most versions are held for; zero: of none. Both are set under Resolver.mu,
	// once, before anybody has the Secret.
	whole Secret
	name  *string

	rare atomic.Pointer[rare] // nil: nothing of it
}

// rare is what few versions have. It is immutable.
type rare struct {
	extra  *versionExtra          // nil: nothing of it
	fields func() (object, error) // as a JSON object; nil: not parsed yet
}

// versionExtra is what a Value has beyond Data, Version and Created.
type versionExtra struct {
	Value              // its Data, Version and Lease are empty: the version, and lease, have them
	lease   func() any // Value.Lease, out of sight like the bytes; nil: none
	expires int64      // Value.Expires on the monotonic clock, ns; 0: never
	refresh int64      // Value.RefreshAt, likewise; 0: the TTL decides
}

// An arrival is what a version has of a provider's Value and takes long to make
// where that is large. It is made without the lock.
type arrival struct {
	data, version string
	fields        func() (object, error) // nil: not parsed yet
}

// large is from how many bytes on a document is parsed before the lock is taken.
const large = 16 << 10

// arrivals returns those of what a reading returned. A large document is parsed
// if somebody has a field of it or waits for one.
func (r *Resolver) arrivals(rd *reading, results []Result) []arrival {
	made := make([]arrival, len(results))
	for i, f := range rd.flights {
		v := &results[i].Value
		if results[i].Err != nil {
			continue
		}
		a := &made[i]
		if a.data, a.version = string(v.Data), v.Version; a.version == "" {
			a.version = derivedVersion(v.Data)
		}
		if len(a.data) < large {
			continue
		}
		r.lock()
		fielded := v.Default != "" || f.fielded || f.doc.fielded()
		r.unlock()
		if fielded {
			o, err := parseObject(a.data)
			a.fields = func() (object, error) { return o, err }
		}
	}
	return made
}

// newVersion makes a version of what a provider returned now. Bytes that are
// those of old are shared with it.
func (r *Resolver) newVersion(v *Value, a *arrival, old *version, now int64) *version {
	wall := r.clock.wall()
	data := a.data
	n := &version{open: func() string { return data }, version: a.version, mono: now, wall: policy.Nanoseconds(wall)}
	if old != nil {
		if data == old.data() {
			n.open = old.open
		}
		if n.version == old.version {
			n.version = old.version
		}
	}
	odd := false // no number of nanoseconds since 1970 tells it
	if !v.Created.IsZero() {
		n.created = policy.Nanoseconds(v.Created)
		odd = n.created == 0 || !time.Unix(0, n.created).Equal(v.Created)
	}
	if odd || v.Default != "" || v.Lease != nil || !v.Expires.IsZero() || !v.RefreshAt.IsZero() {
		monotonic := func(t time.Time) int64 {
			if t.IsZero() {
				return 0
			}
			return max(1, policy.Add(now, int64(t.Sub(wall))))
		}
		x := &versionExtra{Value: *v, expires: monotonic(v.Expires), refresh: monotonic(v.RefreshAt)}
		if lease := v.Lease; lease != nil {
			x.lease = func() any { return lease }
		}
		x.Data, x.Version, x.Lease = nil, "", nil
		n.rare.Store(&rare{extra: x, fields: a.fields})
	} else if a.fields != nil {
		n.rare.Store(&rare{fields: a.fields})
	}
	return n
}

// same reports whether two versions, which may be of different documents, are
// the same.
func (v *version) same(o *version) bool { return v.version == o.version && v.data() == o.data() }

// data returns the bytes.
func (v *version) data() string { return v.open() }

// extra returns what the version has beyond data, version and creation; nil:
// nothing.
func (v *version) extra() *versionExtra {
	if r := v.rare.Load(); r != nil {
		return r.extra
	}
	return nil
}

// value returns a leased version as the provider returned it.
func (v *version) value() Value {
	var value Value
	if x := v.extra(); x != nil {
		value = x.Value
		if x.lease != nil {
			value.Lease = x.lease()
		}
	}
	value.Data, value.Version = []byte(v.data()), v.version
	return value
}

// createdAt returns when the backend made the version; zero: unknown.
func (v *version) createdAt() (t time.Time) {
	switch x := v.extra(); {
	case x != nil && !x.Created.IsZero():
		return x.Created.UTC()
	case v.created != 0:
		return time.Unix(0, v.created).UTC()
	}
	return t
}

// end returns until when the version may be served: a given time after it was
// read, or when the backend says.
func (v *version) end(maxStale int64) int64 {
	end := policy.Add(v.mono, maxStale)
	if x := v.extra(); x != nil && x.expires != 0 {
		end = min(end, x.expires)
	}
	return end
}

func (v *version) leased() bool {
	x := v.extra()
	return x != nil && x.lease != nil
}

// fields parses the document when first needed. Those who come at the same
// time each parse it, and the first to be done is who counts.
func (v *version) fields() (object, error) {
	held := v.rare.Load()
	if held == nil || held.fields == nil {
		o, err := parseObject(v.data())
		first := &rare{extra: v.extra(), fields: func() (object, error) { return o, err }}
		if v.rare.CompareAndSwap(held, first) {
			return o, err
		}
		held = v.rare.Load()
	}
	return held.fields()
}

// field returns a field of the document, by key or pointer.
func (v *version) field(key string) (string, error) {
	o, err := v.fields()
	if err != nil {
		return "", err
	}
	return o.field(key)
}

// text returns what the document stands for when no field is asked.
func (v *version) text() (string, error) {
	x := v.extra()
	if x == nil || x.Default == "" {
		return v.data(), nil
	}
	o, err := v.fields()
	if err != nil {
		return "", err
	}
	return o.member(x.Default)
}

var versionKey = sync.OnceValue(func() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return key
})

// derivedVersion makes a version of data for a backend that has none: an HMAC
// under a key of this process, so that it can be printed and tells nothing.
func derivedVersion(data []byte) string {
	mac := hmac.New(sha256.New, versionKey())
	mac.Write(data)
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
