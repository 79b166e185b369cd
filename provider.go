package secrets

import (
	"context"
	"iter"
	"time"
)

// A Provider reads documents from one backend. It is the whole of what a
// backend must implement; the capabilities below it are optional and found by
// type assertion.
//
// A Provider never caches, polls, retries on top of its SDK, or picks fields:
// it reads one document and says its version. Freshness, coalescing, retries,
// backoff, fields and the search for names are the [Resolver]'s, once for all
// backends.
//
// Implementations must be safe for concurrent use. They may implement
// [io.Closer]; a resolver closes what it opened.
//
// An error reports its class by wrapping one of [ErrNotFound],
// [ErrPermission], [ErrUnauthenticated], [ErrUnavailable], [ErrThrottled] or
// [ErrInvalid]; an error of no class counts as unavailable. It may also have
// any of these methods, found with [errors.As]:
//
//   - RetryAfter() time.Duration: the backend's own word on when to ask again.
//   - Permission() string: the name of the permission that is missing.
//   - Unspellable() bool: with ErrInvalid: the backend can hold no document of
//     this name, so that the search for the name goes on to its parent.
//
// An error's text never holds a value or a credential: neither a response
// body nor a parser's quotation of one.
type Provider interface {
	// Fetch reads the document that ref names. It honours ctx promptly,
	// also while it waits for credentials. Of ref it uses Base, Path and
	// Options (document options only); Field plays no part. The resolver
	// owns what is returned.
	Fetch(ctx context.Context, ref Ref) (Value, error)
}

// A BatchProvider reads several documents in fewer calls than one each.
type BatchProvider interface {
	Provider
	// FetchBatch reads every ref and returns a result for each, aligned with
	// refs. It is given at most 100. A result whose error is
	// [errors.ErrUnsupported] is read again with Fetch; if that is every
	// result, the resolver does without batches for a while.
	FetchBatch(ctx context.Context, refs []Ref) []Result
}

// A ListProvider tells the names of its documents.
type ListProvider interface {
	Provider
	// List yields the paths, as [Ref.Join] would give them, of the documents
	// whose path starts with prefix; values are never read. Each page is read
	// once, when it is needed. An error is yielded last, with an empty path.
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
}

// A WatchProvider notices changes by itself.
type WatchProvider interface {
	Provider
	// Watch arranges for changed to be called whenever the document that ref
	// names may have changed ("read again"), from any goroutine, until ctx
	// ends. It returns once it watches. Calls too many do no harm; polling
	// goes on beside it.
	//
	// An error other than [errors.ErrUnsupported] is shown by
	// [Resolver.Status], and Watch is called again after the next read. If the
	// error has a method PollsEvery() time.Duration, the provider cannot notice
	// changes and compares the document that often instead, until ctx ends.
	Watch(ctx context.Context, ref Ref, changed func()) error
}

// A LeaseProvider hands out values that the backend takes back: a database
// user that ends with its lease.
type LeaseProvider interface {
	Provider
	// Renew prolongs the lease of v, a value that this provider returned with
	// a Lease, and returns what holds from now on. If the lease cannot be
	// prolonged (any more), it returns [errors.ErrUnsupported], and the
	// resolver reads the document again.
	Renew(ctx context.Context, v Value) (Value, error)
	// Revoke ends the lease of v.
	Revoke(ctx context.Context, v Value) error
}

// A Value is one version of one document, as the backend holds it.
type Value struct {
	// Data is the document. Key/value backends give the whole document as a
	// JSON object; it never depends on Ref.Field.
	Data []byte
	// Default is the key that stands for the document when no field is asked
	// for (Vault: "value"); empty: all of Data does.
	Default string
	// Version differs whenever Data may. It is compared for equality only,
	// and printed. Empty: the resolver derives it from Data, as an HMAC under
	// a key of this process, so that it tells nothing about the value.
	Version string
	// Created is when the backend made this version; zero: unknown.
	Created time.Time
	// Expires is the end of a lease or a certificate; zero: none.
	Expires time.Time
	// RefreshAt is the backend's own word on when to read (or renew) again;
	// zero: the TTL decides. An option ttl in the URI brings it forward, of
	// what is not leased.
	RefreshAt time.Time
	// Lease is the provider's own, for Renew and Revoke; nil: not leased.
	Lease any
}

// A Result is the outcome of one read of a batch.
type Result struct {
	Value Value
	Err   error
}
