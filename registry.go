package secrets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-secrets/secrets/internal/nearest"
)

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
	if !validScheme(scheme) || b.Open == nil {
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
