package secrets

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/fields"
)

// A part says what of a document a name is, and what is made of that.
// It never changes: the names that are all of a document share one.
type part struct {
	site   *site
	field  string // empty: all of it
	parent bool   // the document is the parent of the name: field is a key, never a pointer
}

// cut returns the part of a version, decoded and trimmed as the site says.
func (p *part) cut(v *cache.Version) (text string, err error) {
	switch {
	case p.field == "":
		text, err = textOf(v)
	case p.parent:
		text, err = memberOf(v, p.field)
	default:
		text, err = fieldOf(v, p.field)
	}
	if err != nil || !p.site.base64 && !p.site.trim {
		return text, err
	}
	return p.site.text(text)
}

// refers reports whether the text of a part of a version says that the secret
// is elsewhere.
func (p *part) refers(v *cache.Version, text string) bool {
	if p.site.follow == followNone {
		return false
	}
	_, found, err := referenceIn(v, text)
	return found || err != nil
}

// text applies decode and trim to the bytes of a name.
func (s *site) text(value string) (string, error) {
	if s.base64 {
		compact := strings.Map(dropSpace, value)
		encoding := base64.StdEncoding
		if strings.ContainsAny(compact, "-_") {
			encoding = base64.URLEncoding
		}
		if !strings.HasSuffix(compact, "=") {
			encoding = encoding.WithPadding(base64.NoPadding)
		}
		raw, err := encoding.DecodeString(compact)
		if err != nil {
			return "", invalid("the value is not base64, which ?decode=base64 says it is")
		}
		value = string(raw)
	}
	if s.trim {
		value = strings.TrimSuffix(value, "\n")
		value = strings.TrimSuffix(value, "\r")
	}
	return value, nil
}

func dropSpace(c rune) rune {
	if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
		return -1
	}
	return c
}

// content is what the names keep of a version beside its bytes.
type content struct {
	// whole is the Secret of the one name that is all of the version, and what
	// most versions are held for; zero: of none. It is set with the lock, once,
	// before anybody has the Secret.
	whole Secret

	made atomic.Pointer[made] // nil: nothing of it
}

// made is what is made of a version when it is first needed. It is immutable.
type made struct {
	standsFor  string                              // Value.Default: the field that stands for the document; empty: all of it does
	fields     func() (fields.Object, error)       // as a JSON object; nil: not parsed yet
	references func(text string) (reference, bool) // what ParseValue says of its large texts; nil: not asked yet. A func, so that no printer sees them
}

// A reference is what ParseValue says of a text.
type reference struct {
	ref   Ref
	found bool
	err   error
}

func contentOf(v *cache.Version) *content { return v.Content.(*content) }

// The wants of a document are what is made of a large version before the lock
// is taken.
const (
	wantFields    = 1 << iota // names are fields of it
	wantReference             // it may be a reference
)

// prepare makes what is wanted of a version.
func prepare(v *cache.Version, wants uint8) {
	if wants&wantFields != 0 || standsFor(v) != "" {
		_, _ = fieldsOf(v)
	}
	if wants&wantReference != 0 {
		findReferences(v)
	}
}

// wants returns what of large versions the part needs.
func (p *part) wants() (wants uint8) {
	if p.field != "" {
		wants |= wantFields
	}
	if p.site.follow != followNone {
		wants |= wantReference
	}
	return wants
}

// load returns what is made of a version so far.
func (c *content) load() (held *made, now made) {
	if held = c.made.Load(); held != nil {
		now = *held
	}
	return held, now
}

// fieldsOf parses a version when first needed. Those who come at the same time
// each parse it.
func fieldsOf(v *cache.Version) (fields.Object, error) {
	c := contentOf(v)
	held, more := c.load()
	if more.fields == nil {
		o, err := fields.Parse(v.Data())
		more.fields = func() (fields.Object, error) { return o, err }
		c.made.CompareAndSwap(held, &more) // or somebody else has kept something
	}
	return more.fields()
}

// referenceIn is [ParseValue] of the text of a part of a version. For a large
// text that takes a millisecond, and findReferences has done it.
func referenceIn(v *cache.Version, text string) (ref Ref, found bool, err error) {
	if len(text) >= cache.Large {
		if _, more := contentOf(v).load(); more.references != nil {
			if r, ok := more.references(text); ok {
				return r.ref, r.found, r.err
			}
		}
	}
	return ParseValue(text)
}

// findReferences looks through the large texts of a version: all of it, and its
// fields.
func findReferences(v *cache.Version) {
	c := contentOf(v)
	held, more := c.load()
	if more.references != nil {
		return
	}
	found := map[string]reference{v.Data(): referenceOf(v.Data())}
	if more.fields != nil {
		object, _ := more.fields()
		for key := range object {
			if text, err := object.Member(key); err == nil && len(text) >= cache.Large {
				found[text] = referenceOf(text)
			}
		}
	}
	more.references = func(text string) (r reference, ok bool) {
		r, ok = found[text]
		return r, ok
	}
	c.made.CompareAndSwap(held, &more) // or somebody else has kept something
}

func referenceOf(text string) (r reference) {
	r.ref, r.found, r.err = ParseValue(text)
	return r
}

// fieldOf returns a field of a version, by key or pointer.
func fieldOf(v *cache.Version, key string) (string, error) {
	o, err := fieldsOf(v)
	if err != nil {
		return "", fieldError(err)
	}
	text, err := o.Field(key)
	return text, fieldError(err)
}

// memberOf returns the member of a version of exactly that key.
func memberOf(v *cache.Version, key string) (string, error) {
	o, err := fieldsOf(v)
	if err != nil {
		return "", fieldError(err)
	}
	text, err := o.Member(key)
	return text, fieldError(err)
}

// fieldError gives an error of package fields its class.
func fieldError(err error) error {
	if err == nil {
		return nil
	}
	var e *fields.Error
	if errors.As(err, &e) && e.Missing {
		return notFound("%s", e.Text)
	}
	return invalid("%v", err)
}

// standsFor returns the field that stands for a document; empty: all of it does.
func standsFor(v *cache.Version) string {
	c, _ := v.Content.(*content)
	if c == nil { // of a version that is not held any more, only the lease is kept
		return ""
	}
	_, now := c.load()
	return now.standsFor
}

// textOf returns what a version stands for when no field is asked.
func textOf(v *cache.Version) (string, error) {
	key := standsFor(v)
	if key == "" {
		return v.Data(), nil
	}
	return memberOf(v, key)
}

// versionOf makes a version of what a provider returned.
func versionOf(v *Value) *cache.Version {
	id := v.Version
	if id == "" {
		id = derivedVersion(v.Data)
	}
	c := new(content)
	if v.Default != "" {
		c.made.Store(&made{standsFor: v.Default})
	}
	return cache.NewVersion(cache.Fetched{
		Data: string(v.Data), ID: id, Created: v.Created, Expires: v.Expires, RefreshAt: v.RefreshAt, Lease: v.Lease, Content: c,
	})
}

// valueOf returns a version as the provider returned it.
func valueOf(v *cache.Version) Value {
	return Value{
		Data: []byte(v.Data()), Default: standsFor(v), Version: v.ID(),
		Created: v.Created(), Expires: v.Expires(), RefreshAt: v.RefreshAt(), Lease: v.Lease(),
	}
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

// elsewhere returns the reference that a version holds for a place, and so
// where its secret is; found is false if the version has the secret itself.
// For a document whose field was asked for, the whole may be elsewhere, or the
// field alone: then the field was found here, and is not looked for there.
func (at *place) elsewhere(v *cache.Version, field string) (ref Ref, found, isField bool, err error) {
	if at.site.follow == followNone {
		return ref, false, false, nil
	}
	text, err := textOf(v) // a document may be elsewhere as a whole, whatever field is asked of it
	if err == nil && at.parent {
		text, err = at.cut(v)
	}
	if err != nil {
		return ref, false, false, err
	}
	if ref, found, err = at.site.referenceIn(v, text); found || field == "" {
		return ref, found && err == nil, false, err
	}
	// A document among whose fields are references holds some within other
	// text, and only the field that was asked matters then.
	text, missing := at.cut(v)
	switch {
	case errors.Is(missing, ErrNotFound):
		return ref, false, false, missing
	case missing != nil: // no object; if nothing else is wrong, whoever cuts it finds out
		return ref, false, false, err
	}
	ref, found, err = ParseValue(text)
	return ref, found && err == nil, true, err
}

// referenceIn is referenceIn of a document as it is, or else decoded as the site
// says.
func (s *site) referenceIn(v *cache.Version, text string) (ref Ref, found bool, err error) {
	ref, found, err = referenceIn(v, text)
	if found || err != nil || !s.base64 {
		return ref, found, err
	}
	decoded, wrong := s.text(text)
	if wrong != nil {
		return Ref{}, false, nil // whoever needs it as base64 finds out
	}
	return ParseValue(decoded)
}
