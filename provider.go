package secrets

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-secrets/secrets/internal/grammar"
	"github.com/go-secrets/secrets/internal/nearest"
)

// A Provider reads documents from one backend. It is all that a backend must
// implement; the other interfaces below are optional, and the resolver finds them by
// type assertion.
//
// A Provider never caches, polls, retries on top of its SDK, or picks fields:
// it reads one document and returns it with its version. The [Resolver] does the
// refreshing, coalescing, retries, backoff, fields and the search for names, in the
// same way for all backends.
//
// Implementations must be safe for concurrent use. They may implement
// [io.Closer]; a resolver closes the providers that it opened.
//
// An error reports its class by wrapping one of [ErrNotFound],
// [ErrPermission], [ErrUnauthenticated], [ErrUnavailable], [ErrThrottled] or
// [ErrInvalid]; an error of no class counts as unavailable. It may also have
// any of these methods, found with [errors.As]:
//
//   - RetryAfter() time.Duration: after which time the backend wants to be asked
//     again.
//   - Permission() string: the name of the permission that is missing.
//   - Unspellable() bool: with ErrInvalid: the backend can hold no document of
//     this name, so that the search for the name goes on to its parent.
//
// An error's text never holds a value or a credential: neither a response
// body nor a parser's quotation of one.
type Provider interface {
	// Fetch reads the document that ref names. It returns promptly when ctx
	// ends, also while it waits for credentials. Of ref it uses Base, Path and
	// Options (document options only), and not Field. The resolver owns the
	// returned Value.
	Fetch(ctx context.Context, ref Ref) (Value, error)
}

// A BatchProvider reads several documents in fewer calls than one each.
type BatchProvider interface {
	Provider
	// FetchBatch reads every ref and returns a result for each, aligned with
	// refs. It is given at most 100. If the error of a result is
	// [errors.ErrUnsupported], the resolver reads that document with Fetch; if
	// every result is, the resolver uses no batches for a while.
	FetchBatch(ctx context.Context, refs []Ref) []Result
}

// A ListProvider lists the names of its documents.
type ListProvider interface {
	Provider
	// List yields the paths, as [Ref.Join] would return them, of the documents
	// whose path starts with prefix. It never reads values, and reads each page
	// once, when it is needed. An error is yielded last, with an empty path.
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
}

// A WatchProvider notices changes by itself.
type WatchProvider interface {
	Provider
	// Watch begins to watch the document that ref names, and returns. Until ctx
	// ends, the provider calls changed, from any goroutine, whenever the document
	// may have changed, and the resolver then reads it again. Calls without a
	// change do no harm. The resolver also refreshes the document by its TTL.
	//
	// An error other than [errors.ErrUnsupported] is shown by
	// [Resolver.Status], and Watch is called again after the next read. If the
	// error has a method PollsEvery() time.Duration, the provider cannot notice
	// changes and compares the document that often instead, until ctx ends.
	Watch(ctx context.Context, ref Ref, changed func()) error
}

// A LeaseProvider returns values with a lease, such as a database user that the
// backend deletes when the lease ends.
type LeaseProvider interface {
	Provider
	// Renew renews the lease of v, a value that this provider returned with
	// a Lease, and returns the value with its new times. If the lease cannot be
	// renewed, or not any more, it returns [errors.ErrUnsupported], and the
	// resolver reads the document again.
	Renew(ctx context.Context, v Value) (Value, error)
	// Revoke revokes the lease of v.
	Revoke(ctx context.Context, v Value) error
}

// A Value is one version of one document, as the backend holds it.
type Value struct {
	// Data is the document. Key/value backends return the whole document as a
	// JSON object; it never depends on Ref.Field.
	Data []byte
	// Default is the key whose value is returned when no field is asked for
	// (Vault: "value"); empty: all of Data is.
	Default string
	// Version differs whenever Data may differ. It is compared for equality only,
	// and printed. Empty: the resolver derives it from Data, as an HMAC under
	// a key of this process, so that it reveals nothing about the value.
	Version string
	// Created is when the backend made this version; zero: unknown.
	Created time.Time
	// Expires is the end of a lease or a certificate; zero: none.
	Expires time.Time
	// RefreshAt is when the backend wants the document to be read (or the lease
	// renewed) again; zero: the TTL decides. If the value is not leased, a shorter
	// option ttl in the URI goes before it.
	RefreshAt time.Time
	// Lease is the provider's own data for Renew and Revoke; nil: not leased.
	Lease any
}

// A Result is the outcome of reading one document of a batch.
type Result struct {
	Value Value
	Err   error
}

// An Opener makes the provider of a URI. base is the URI, and its Options are the
// provider options only. The provider does not keep Base and Path, which come with
// each Ref. An Opener does as little as it can, since it is called when the first
// secret is needed; ctx is for this call only. If it fails, it is called again when
// a secret is needed again.
type Opener func(ctx context.Context, base Ref) (Provider, error)

// A Backend is the implementation of a scheme, for [Register]. Options names every
// provider option that a URI of the scheme may have. DocumentOptions names the
// options that belong to one document (version, stage …) and are in [Ref.Options].
// The resolver refuses all others before it opens anything. The options decode,
// references, search, trim and ttl are the resolver's own and work with every
// scheme; if a backend names one of them in Options, the backend gets it instead.
type Backend struct {
	Open            Opener
	Options         []string
	DocumentOptions []string
	// OperatorOptions are those of Options and DocumentOptions that only the
	// operator of the program may set, and not a person who can write a value that
	// is a reference. Of Options these are: options that set where credentials are
	// sent and how the connection is secured (an address, a proxy, certificates,
	// plain http), which credentials are used (a role, a profile, a login and where
	// it is mounted, files with tokens), and what is trusted beyond the default
	// (the mode of a file). Of DocumentOptions: options that lead out of the path,
	// as Vault's mount does. Options that are called address, agent, allow_http,
	// ca_cert, ca_path, endpoint, skip_verify or tls_server_name are always
	// operator options, for every backend. See [Resolver.CheckValue].
	OperatorOptions []string
	// Translate, if not nil, changes a reference that [ParseRef] has taken apart
	// into the backend's own form: a path that is an ARN, options that have other
	// names in other tools. form says how the reference was written: empty
	// for scheme://…, else the prefix of the form (arn: gcp:secretmanager: sm://
	// ref+ vault:), for ref+ with the scheme of vals (ref+awssecrets). For the form
	// vault:, nothing is taken apart or decoded. [ParseRef] of the result's
	// [Ref.String] must return the same reference. Errors are [ErrInvalid] and
	// quote nothing of ref, which may hold a credential.
	Translate func(form string, ref *Ref) error
	// Check, if not nil, returns an error if no provider can be opened with the
	// options of ref, or no document read: a value that an option cannot have,
	// options that exclude each other, a path that is missing. It is called for
	// each provider URI (Path empty, the path of the URI in Base) and each
	// reference (Base empty) before anything is opened, with the backend's own
	// options. It does no I/O, so it must accept a ref that only I/O can show to be
	// wrong, such as a file that does not exist. Its error is [ErrInvalid], names
	// the option and the values that it can have, and quotes no value that may be a
	// credential.
	Check func(ref Ref) error
}

// check calls Check for a URI, which is a base for names or a reference.
func (b *Backend) check(ref *Ref, base bool, options ...map[string]string) error {
	if b.Check == nil {
		return nil
	}
	checked := Ref{Scheme: ref.Scheme, Field: ref.Field}
	if checked.Path = ref.Join(); base {
		checked.Base, checked.Path = checked.Path, ""
	}
	for _, some := range options {
		for k, v := range some {
			checked.set(k, v)
		}
	}
	err := guard(func() error { return b.Check(checked) })
	if err != nil && !errors.Is(err, ErrInvalid) {
		return fmt.Errorf("%w: %s", ErrInvalid, strings.TrimPrefix(err.Error(), ErrUnavailable.Error()+": "))
	}
	return err
}

var registry = struct {
	sync.RWMutex
	backends map[string]*Backend
}{backends: make(map[string]*Backend)}

// Register registers a backend for the scheme of its URIs. The init function of the
// backend's package calls it, as with database/sql drivers. Register panics if the
// scheme is malformed or taken, or Open is nil.
func Register(scheme string, b Backend) {
	if !grammar.ValidScheme(scheme) || b.Open == nil {
		panic("secrets: Register needs a scheme of lower-case letters, digits, + - . and an Opener: " + scheme)
	}
	registry.Lock()
	defer registry.Unlock()
	if _, taken := registry.backends[scheme]; taken {
		panic("secrets: Register called twice for scheme " + scheme)
	}
	registry.backends[scheme] = &b
}

// linked returns the backend of a scheme, or nil.
func linked(scheme string) *Backend {
	registry.RLock()
	b := registry.backends[scheme]
	registry.RUnlock()
	return b
}

// lookupBackend returns the backend of a scheme, or an error that says which import
// links it.
func lookupBackend(scheme string) (*Backend, error) {
	if b := linked(scheme); b != nil {
		return b, nil
	}
	if path := ownPackage(scheme); path != "" {
		return nil, invalid("no backend is linked for scheme %q; add: import _ %q", scheme, path)
	}
	var known []string
	registry.RLock()
	for s := range registry.backends {
		known = append(known, s)
	}
	registry.RUnlock()
	slices.Sort(known)
	hint := didYouMean(scheme, append(known[:len(known):len(known)], "env", "envfile", "file", "vault", "awssm", "ssm", "gcp"))
	return nil, invalid("unknown scheme %q (linked: %v%s)", scheme, known, hint)
}

// knownScheme reports whether a backend is linked for scheme, or is one of
// this module's.
func knownScheme(scheme string) bool { return ownPackage(scheme) != "" || linked(scheme) != nil }

// ownPackage returns the package of this module where a backend lives, for the
// message that asks for an import; empty: none. It links none of them.
func ownPackage(scheme string) string {
	switch scheme {
	case "env", "envfile", "file":
		return modulePath + "/envfile"
	case "awssm", "gcp", "ssm", "vault":
		return modulePath + "/" + scheme
	}
	return ""
}

const modulePath = "github.com/go-secrets/secrets"

// didYouMean returns a hint with the known word that is nearest to word; empty: none
// is near.
func didYouMean(word string, known []string) string { return nearest.Hint(word, known) }
