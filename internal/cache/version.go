package cache

import (
	"time"

	"github.com/go-secrets/secrets/internal/policy"
)

// A Version is one version of a document: what one read returned. Once it is held
// it is immutable, except for Content, which is the Owner's.
type Version struct {
	// Content is the Owner's data of the version, beside its bytes. The Source
	// may set it; after that the Owner makes it safe for concurrent use.
	Content any

	open    func() string // returns the bytes; a func, since printers that walk structs cannot look into it
	id      string
	read    int64  // when it was read, on the monotonic clock, ns
	wall    int64  // the same in wall time, ns since 1970
	created int64  // ns since 1970; 0: unknown
	extra   *extra // nil: nothing of it
}

// extra has the fields that few versions have.
type extra struct {
	created, expires, refreshAt time.Time

	lease   func() any // a func, as for the bytes; nil: none
	expiry  int64      // expires on the monotonic clock, ns; 0: never
	refresh int64      // refreshAt, likewise; 0: the TTL decides
}

// Fetched has the parts of a Version that a Source has read.
type Fetched struct {
	Data      string
	ID        string    // differs whenever Data may
	Created   time.Time // zero: unknown
	Expires   time.Time // the end of a lease or certificate; zero: none
	RefreshAt time.Time // when the backend wants it read again; zero: the TTL decides
	Lease     any       // the Source's own; nil: not leased
	Content   any       // see Version
}

// NewVersion returns a Version with these parts.
func NewVersion(f Fetched) *Version {
	data := f.Data
	v := &Version{Content: f.Content, open: func() string { return data }, id: f.ID}
	odd := false // no number of nanoseconds since 1970 is this time
	if !f.Created.IsZero() {
		v.created = policy.Nanoseconds(f.Created)
		odd = v.created == 0 || !time.Unix(0, v.created).Equal(f.Created)
	}
	if odd || f.Lease != nil || !f.Expires.IsZero() || !f.RefreshAt.IsZero() {
		v.extra = &extra{created: f.Created, expires: f.Expires, refreshAt: f.RefreshAt}
		if lease := f.Lease; lease != nil {
			v.extra.lease = func() any { return lease }
		}
	}
	return v
}

// stamp sets when the version was read. If its bytes or ID are those of old, which
// may be nil, both versions share one copy.
func (v *Version) stamp(now int64, wall time.Time, old *Version) {
	v.read, v.wall = now, policy.Nanoseconds(wall)
	if old != nil {
		if v.open() == old.open() {
			v.open = old.open
		}
		if v.id == old.id {
			v.id = old.id
		}
	}
	if x := v.extra; x != nil {
		monotonic := func(t time.Time) int64 {
			if t.IsZero() {
				return 0
			}
			return max(1, policy.Add(now, int64(t.Sub(wall))))
		}
		x.expiry, x.refresh = monotonic(x.expires), monotonic(x.refreshAt)
	}
}

// Data returns the bytes.
func (v *Version) Data() string { return v.open() }

// ID returns the text by which the version differs from others of the document.
func (v *Version) ID() string { return v.id }

// FetchedAt returns when the version was read, in wall time.
func (v *Version) FetchedAt() time.Time { return time.Unix(0, v.wall) }

// Created returns when the backend made the version; zero: unknown.
func (v *Version) Created() (t time.Time) {
	switch x := v.extra; {
	case x != nil && !x.created.IsZero():
		return x.created.UTC()
	case v.created != 0:
		return time.Unix(0, v.created).UTC()
	}
	return t
}

// Expires returns the end of the version's lease or certificate; zero: none.
func (v *Version) Expires() (t time.Time) {
	if v.extra != nil {
		t = v.extra.expires
	}
	return t
}

// RefreshAt returns when the backend wants the version read again; zero: it
// did not say.
func (v *Version) RefreshAt() (t time.Time) {
	if v.extra != nil {
		t = v.extra.refreshAt
	}
	return t
}

// Lease returns the Source's own data of the lease; nil: the version has none.
func (v *Version) Lease() any {
	if v.Leased() {
		return v.extra.lease()
	}
	return nil
}

// leaseAlone returns what Revoke needs of a version: all but its bytes, and what the
// Owner has made of them.
func (v *Version) leaseAlone() *Version {
	return &Version{open: func() string { return "" }, id: v.id, created: v.created, extra: v.extra}
}

// Leased reports whether the version has a lease.
func (v *Version) Leased() bool { return v.extra != nil && v.extra.lease != nil }

// Same reports whether two versions, which may be of different documents, have the
// same ID and bytes.
func (v *Version) Same(o *Version) bool { return v.id == o.id && v.Data() == o.Data() }

// Read returns when the version was read, on the monotonic clock, in ns.
func (v *Version) Read() int64 { return v.read }

// end returns until when the version may be served: a given time after it was
// read, or when the backend says.
func (v *Version) end(maxStale int64) int64 {
	end := policy.Add(v.read, maxStale)
	if x := v.extra; x != nil && x.expiry != 0 {
		end = min(end, x.expiry)
	}
	return end
}

// expiredAt reports whether the backend's own end of the version has come.
func (v *Version) expiredAt(now int64) bool {
	return v.extra != nil && v.extra.expiry != 0 && v.extra.expiry <= now
}
