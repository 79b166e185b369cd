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

// An Opener makes the provider of a URI. It is given the URI as base, with
// Options holding the provider options only; it keeps neither Base nor Path,
// for they come with each Ref. It does as little as it can, since it is called
// when the first secret is needed; ctx bounds this call alone. If it fails, it
// is called again when a secret is needed again.
type Opener func(ctx context.Context, base Ref) (Provider, error)

// A Backend is what a scheme stands for. Options names every provider option
// that a URI of the scheme may have, DocumentOptions those that belong to one
// document (version, stage …) and travel in [Ref.Options]. Others are refused
// before anything is opened. The options decode, references, search, trim and
// ttl are the resolver's own and work with every scheme; a backend that names one of them
// in Options is given it instead.
type Backend struct {
	Open            Opener
	Options         []string
	DocumentOptions []string
	// OperatorOptions are those of both that only whoever operates the program
	// may set, and nobody who can write a value that is taken for a reference.
	// Of Options: what says to whom credentials are sent, and how it is made
	// sure that they get there (an address, a proxy, certificates, plain http),
	// which credentials are used (a role, a profile, a login and where it is
	// mounted, files with tokens), and what else is believed than by default
	// (the mode of a file). Of DocumentOptions: what leads out of the path, as
	// Vault's mount does. Options that are called address, agent, allow_http,
	// ca_cert, ca_path, endpoint, skip_verify or tls_server_name count as such
	// of every backend. See [Resolver.CheckValue].
	OperatorOptions []string
	// Translate, if not nil, changes a reference that [ParseRef] has taken apart
	// into the backend's own form: a path that is an ARN, options that go by
	// other names elsewhere. form tells how the reference was written: empty
	// for scheme://…, else the prefix by which the form is known (arn:
	// gcp:secretmanager: sm:// ref+ vault:), to which vals' own schemes are
	// added (ref+awssecrets). Of vault: nothing is taken apart or decoded. The
	// result must read as itself once [Ref.String] has written it. Errors are
	// [ErrInvalid] and quote nothing of ref, which may hold anything.
	Translate func(form string, ref *Ref) error
	// Check, if not nil, refuses what no provider can be opened with, or no
	// document read: a value that an option cannot have, options that exclude
	// each other, a path that is missing. It is called for each provider URI
	// (Path empty, the path of the URI in Base) and each reference (Base empty)
	// before anything is opened, with the options that are the backend's own,
	// which it knows by name. It does no I/O: what it cannot tell without, as
	// whether a file is there, it lets pass. Its error is [ErrInvalid], names
	// the option and what it can be, and quotes no value that may be a
	// credential.
	Check func(ref Ref) error
}

// check calls Check for what a URI says: a base for names, or a reference.
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

// Register makes a backend known by the scheme of its URIs. It is called by
// the init function of the backend's package, as database/sql drivers do, and
// panics on a scheme that is malformed or taken, or a nil Open.
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

// lookupBackend returns the backend of a scheme, or an error that says which
// import would link it.
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

// didYouMean returns a hint at the word among known that somebody may have
// wanted to write, or nothing.
func didYouMean(word string, known []string) string { return nearest.Hint(word, known) }
