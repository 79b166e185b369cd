package secrets

import (
	"crypto/subtle"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/fields"
)

// A Secret is one version of one secret. Only [Secret.Reveal], [Secret.Bytes],
// [Secret.Field] and [Secret.Decode] give access to the value. Every printer, logger
// and encoder of text sees [REDACTED]; binary encoders and database drivers, which
// would store it, get an error.
//
// A Secret is immutable and safe for concurrent use; it is cheap to copy. The
// zero Secret is empty. A Secret does not change with a rotation: call [Get] each
// time the value is needed, or use [Bind].
//
// Secrets are not comparable with ==; use [Secret.Equal].
type Secret struct {
	// open returns the value. It is a func, because printers and encoders that
	// walk structs by reflection, unexported fields included, cannot look inside
	// a func.
	open func() snapshot
}

// A snapshot is the content of a Secret.
type snapshot struct {
	name    string
	value   string
	version *cache.Version // the version of the document that it was cut from; nil: of no document
	prev    Secret         // the last different bytes of this name, with no prev of their own; zero: none
	field   bool           // cut out of the document: its fields are those of value, not of the document
}

const redacted = "[REDACTED]"

// secret returns a Secret that holds s.
func (s snapshot) secret() Secret { return Secret{open: func() snapshot { return s }} }

// wholeSecret returns the Secret of a name that is all of a version and has no
// previous bytes, as most held names. Its func keeps only the name and the version,
// and computes the rest from these: a fifth of the memory.
func wholeSecret(v *cache.Version, name *string) Secret {
	return Secret{open: func() snapshot { return snapshot{name: *name, value: v.Data(), version: v} }}
}

// snapshot returns the snapshot in s; that of the zero Secret is zero.
func (s Secret) snapshot() snapshot {
	if s.open == nil {
		return snapshot{}
	}
	return s.open()
}

// Reveal returns the value as text. It does not allocate.
func (s Secret) Reveal() string {
	if s.open == nil {
		return ""
	}
	return s.open().value
}

// Bytes returns a copy of the value, which the caller may modify.
func (s Secret) Bytes() []byte { return []byte(s.snapshot().value) }

// Field returns one field of a secret that is a JSON object: the member whose
// key is key, or, if there is none and key starts with a slash, the value to which
// key points as a JSON pointer (RFC 6901). Text is returned without its quotes,
// numbers digit for digit, and everything else as compact JSON. The error is
// [ErrNotFound] if the field is missing or null, and [ErrInvalid] if the secret is
// not a JSON object; it does not quote the value.
func (s Secret) Field(key string) (Secret, error) {
	snap := s.snapshot()
	value, err := snap.lookup(key)
	if err != nil {
		return Secret{}, &Error{Op: "field", Name: snap.name, Err: err}
	}
	f := snapshot{name: snap.name + "#" + key, value: value, version: snap.version, field: true}
	if !snap.prev.IsZero() {
		prev := snap.prev.snapshot()
		if old, err := prev.lookup(key); err == nil && old != value {
			f.prev = snapshot{name: f.name, value: old, version: prev.version, field: true}.secret()
		}
	}
	return f.secret(), nil
}

// lookup finds a field as a reference to the document would.
func (s snapshot) lookup(key string) (string, error) {
	if s.version != nil && !s.field {
		return fieldOf(s.version, key)
	}
	o, err := fields.Parse(s.value)
	if err != nil {
		return "", fieldError(err)
	}
	text, err := o.Field(key)
	return text, fieldError(err)
}

// Decode stores the value, which must be JSON, in the variable that dst points to, as
// [encoding/json.Unmarshal] does. The error is [ErrInvalid] and has the offset or the
// field, never the value.
func (s Secret) Decode(dst any) error {
	snap := s.snapshot()
	if err := decodeJSON(snap.value, dst); err != nil {
		return &Error{Op: "decode", Name: snap.name, Err: err}
	}
	return nil
}

// Name returns the name by which the secret was asked for.
func (s Secret) Name() string { return s.snapshot().name }

// Version returns the backend's version of the document that the secret is
// part of, or one that was derived from it under a key of this process. It
// reveals nothing about the value. Compare it for equality only.
func (s Secret) Version() string {
	if v := s.snapshot().version; v != nil {
		return v.ID()
	}
	return ""
}

// FetchedAt returns when the value was last read from the backend; zero if the Secret
// is not from a backend.
func (s Secret) FetchedAt() time.Time {
	if v := s.snapshot().version; v != nil {
		return v.FetchedAt()
	}
	return time.Time{}
}

// ExpiresAt returns when the lease or certificate ends; zero: never.
func (s Secret) ExpiresAt() time.Time {
	if v := s.snapshot().version; v != nil {
		return v.Expires()
	}
	return time.Time{}
}

// Equal reports whether both have the same bytes, in a time that depends on their
// lengths only. It does not compare versions and names.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.snapshot().value), []byte(o.snapshot().value)) == 1
}

// IsZero reports whether s is the zero Secret, which no Get returns. A secret
// whose value is empty is not zero.
func (s Secret) IsZero() bool { return s.open == nil }

// Previous returns the last different bytes that this name had in this process: one
// step back and no further. It is for programs that verify with a key during its
// rotation. It reports false if there are none.
func (s Secret) Previous() (Secret, bool) {
	prev := s.snapshot().prev
	return prev, !prev.IsZero()
}

// String returns [REDACTED].
func (s Secret) String() string { return redacted }

// GoString returns [REDACTED].
func (s Secret) GoString() string { return redacted }

// Format writes [REDACTED], whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns [REDACTED].
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns "[REDACTED]".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns [REDACTED].
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalBinary returns an error: a redacted value would be taken for the secret.
func (s Secret) MarshalBinary() ([]byte, error) {
	return nil, &Error{Op: "marshal", Name: s.Name(), Err: invalid("a Secret is not written in binary form")}
}

// MarshalBSON returns an error, as [Secret.MarshalBinary] does: MongoDB's encoder
// would store an empty document.
func (s Secret) MarshalBSON() ([]byte, error) { return s.MarshalBinary() }

// Value returns an error, as [Secret.MarshalBinary] does: if a Secret could be an
// argument of a query, [REDACTED] would be stored. To store the value, pass the
// result of [Secret.Reveal]. Value implements [driver.Valuer].
func (s Secret) Value() (driver.Value, error) {
	return nil, &Error{Op: "query argument", Name: s.Name(), Err: invalid("a Secret is not stored in a database; pass what Reveal returns to store the value")}
}

// UnmarshalText makes s a secret of the given text, with no name and no
// version, so that a Secret can be in a configuration struct. It refuses [REDACTED],
// also in quotes and between white space, because that is the text of a marshalled
// Secret.
func (s *Secret) UnmarshalText(text []byte) error {
	if strings.Trim(string(text), " \t\r\n\"'") == redacted {
		return &Error{Op: "unmarshal", Err: invalid("the text is %s, which is written in place of a Secret: it has no value", redacted)}
	}
	*s = snapshot{value: string(text)}.secret()
	return nil
}

// UnmarshalBinary returns an error, as [Secret.MarshalBinary] does.
func (s *Secret) UnmarshalBinary([]byte) error {
	return &Error{Op: "unmarshal", Err: invalid("a Secret is not read from binary form")}
}
