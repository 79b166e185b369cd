package secrets

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/grammar"
	"github.com/go-secrets/secrets/internal/shorten"
)

// A site is a checked provider URI, where names are looked for, or a checked
// reference, where one name is.
type site struct {
	folder *folder
	path   string // of a reference: the whole path
	all    part   // all of a document; of a reference: its field, if it has one
	whole  bool   // a reference to one document, not a base for names
	label  string // for errors, where the provider has no scheme; else empty

	exact  bool // look for the document of exactly the name
	parent bool // look for the name in its parent document

	ttl      time.Duration // 0: the resolver's
	base64   bool          // ?decode=base64
	trim     bool          // ?trim=newline
	follow   follow        // ?references=: which references in values are followed
	referrer *cache.Doc    // the document whose value refers a name here; nil: none
}

// A folder is the documents of one provider that share a base and document
// options.
type folder struct {
	provider *provider
	base     string
	options  map[string]string
	text     string // the options, to tell folders apart
	whole    bool   // paths are those of references, not names
	space    *cache.Space
}

// ref returns the reference of a path in the folder, for the provider.
func (f *folder) ref(path string) Ref {
	return Ref{Scheme: f.provider.scheme, Base: f.base, Path: path, Options: f.options, name: !f.whole}
}

// makeSite returns a site where names are looked for in both places.
func makeSite() *site {
	s := &site{exact: true, parent: true}
	s.all.site = s
	return s
}

// newSite checks a provider URI (as a base for names) or a reference.
func (n *names) newSite(tx cache.Tx, ref *Ref, base bool) (*site, error) {
	b, err := lookupBackend(ref.Scheme)
	if err != nil {
		return nil, err
	}
	s := makeSite()
	var ofProvider, ofDocument Ref // their options
	for k, v := range ref.Options {
		switch {
		case slices.Contains(b.Options, k):
			ofProvider.set(k, v)
		case slices.Contains(b.DocumentOptions, k):
			ofDocument.set(k, v)
		default:
			known, err := s.setOption(k, v)
			if err != nil {
				return nil, err
			}
			if !known {
				return nil, b.unknownOption(ref.Scheme, k)
			}
		}
	}
	if err := b.check(ref, base, ofProvider.Options, ofDocument.Options); err != nil {
		return nil, err
	}
	p := n.provider(tx, ref.Scheme, ofProvider.Options, b.Open)
	if base {
		s.folder = p.folder(tx, ref.Join(), ofDocument.Options, false)
		return s, nil
	}
	s.folder, s.path, s.all.field, s.whole = p.folder(tx, "", ofDocument.Options, true), ref.Join(), ref.Field, true
	return s, nil
}

// ownOptions are the resolver's own, which every scheme has.
var ownOptions = [...]string{"decode", "references", "search", "trim", "ttl"}

// unknownOption returns the error about an option that a scheme does not have.
func (b *Backend) unknownOption(scheme, option string) error {
	known := slices.Clone(b.Options)
	for _, o := range append(ownOptions[:], b.DocumentOptions...) {
		if !slices.Contains(known, o) {
			known = append(known, o)
		}
	}
	return invalid("%s:// does not know the option %s (it knows %s%s)", scheme, shorten.Quote(option), strings.Join(known, ", "), didYouMean(option, known))
}

// setOption sets one of the resolver's own options; known is false if k is
// none of them.
func (s *site) setOption(k, v string) (known bool, err error) {
	switch k {
	case "ttl":
		if s.ttl, err = time.ParseDuration(v); err != nil || s.ttl <= 0 {
			return true, invalid("option ttl: want a positive duration like 30s or 5m")
		}
	case "decode":
		if s.base64 = v == "base64"; !s.base64 {
			return true, invalid("option decode: want base64")
		}
	case "trim":
		if s.trim = v == "newline"; !s.trim && v != "none" {
			return true, invalid("option trim: want newline or none")
		}
	case "references":
		if s.follow, known = follows[v]; !known {
			return true, invalid("option references: want true or false, or any")
		}
	case "search":
		switch v {
		case "exact":
			s.parent = false
		case "parent":
			s.exact = false
		case "both":
		default:
			return true, invalid("option search: want exact, parent or both")
		}
	default:
		return false, nil
	}
	return true, nil
}

// provider returns the provider of a scheme and a set of options, which all
// bases and references with these share.
func (n *names) provider(tx cache.Tx, scheme string, options map[string]string, open Opener) *provider {
	key := scheme + grammar.FormatOptions(options)
	p, ok := n.providersByKey[key]
	if !ok {
		p = n.newProvider(tx, scheme, options, open)
		n.providersByKey[key] = p
	}
	return p
}

// folder returns the folder of a base and document options.
func (p *provider) folder(tx cache.Tx, base string, options map[string]string, whole bool) *folder {
	text := grammar.FormatOptions(options)
	for _, f := range p.folders {
		if f.base == base && f.whole == whole && f.text == text {
			return f
		}
	}
	f := &folder{provider: p, base: base, options: options, text: text, whole: whole}
	f.space = tx.AddSpace(p.backend, f)
	p.folders = append(p.folders, f)
	return f
}

// References in values. A person who may write a secret or a variable can write a
// reference into it. That person need not be the operator of the program, and only
// the operator decides to which servers the program sends its credentials and which
// files it reads. So the functions below limit the places to which such a reference
// may lead.

// A follow says which references in a site's values are followed.
type follow uint8

const (
	followNone       follow = iota
	followConfigured        // read from providers as they are configured, below their bases
	followAny               // read from every linked backend by its default credentials
)

var follows = map[string]follow{"false": followNone, "true": followConfigured, "any": followAny}

// operatorOptions are the options that only the operator may set, of every backend
// that has them, even if the backend does not list them as OperatorOptions.
var operatorOptions = []string{"address", "agent", "allow_http", "ca_cert", "ca_path", "endpoint", "skip_verify", "tls_server_name"}

// isOperators reports whether an option is one that only the operator may set.
func (b *Backend) isOperators(option string) bool {
	return slices.Contains(b.OperatorOptions, option) || slices.Contains(operatorOptions, option)
}

// CheckValue checks a reference that was found in a variable, or in another value
// that the operator of the program has set. It refuses options that change where
// credentials are sent, which credentials are used, or what is trusted
// ([Backend.OperatorOptions]), unless a configured provider has exactly the options
// of the reference. Otherwise a person who can set one variable could make the
// process log in to a server of their own. The error is [ErrInvalid].
//
// A reference in the value of a document may do less: with ?references=true in a
// provider's URI it may read only from the configured providers, with their options,
// and only documents below their bases. With ?references=any it may do everything
// that CheckValue accepts.
func (r *Resolver) CheckValue(ref Ref) error {
	tx := r.cache.Lock()
	err := r.checkAny(&ref)
	tx.Unlock()
	if err != nil {
		return &Error{Op: "parse reference", Err: err}
	}
	return nil
}

// siteOfValue returns the site to which a reference in a value leads, or an error if
// it may not lead there.
func (n *names) siteOfValue(tx cache.Tx, ref *Ref, f follow) (*site, error) {
	if f == followConfigured {
		return n.siteAsConfigured(tx, ref)
	}
	if err := n.checkAny(ref); err != nil {
		return nil, err
	}
	return n.newSite(tx, ref, false)
}

// checkAny accepts a reference to any linked backend. It accepts options of the
// operator only if a provider is configured with exactly the options of the
// reference.
func (n *names) checkAny(ref *Ref) error {
	b := linked(ref.Scheme)
	if b == nil {
		b = &Backend{} // newSite returns the error for a missing backend
	}
	option := b.operatorsIn(ref.Options)
	if option == "" || slices.ContainsFunc(n.configured, func(s *site) bool { return s.folder.provider.hasOptions(b, ref) && s.folder.provider.hasNoOther(ref) }) {
		return nil
	}
	what := "decides which credentials are used or what is trusted"
	if slices.Contains(operatorOptions, option) {
		what = "says where credentials are sent"
	}
	return invalid("the option %s of a %s:// reference in a value %s, and no configured provider has the same", option, ref.Scheme, what)
}

// operatorsIn returns the first of a provider's options that is the operator's.
func (b *Backend) operatorsIn(options map[string]string) string {
	for _, k := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(b.DocumentOptions, k) && b.isOperators(k) {
			return k
		}
	}
	return ""
}

// siteAsConfigured returns the site of a reference to a document that a name could
// read, too: a document below the base of a configured provider. The reference uses
// all options of that provider. If it has one with another value, it does not fit
// the provider.
func (n *names) siteAsConfigured(tx cache.Tx, ref *Ref) (*site, error) {
	b, err := lookupBackend(ref.Scheme)
	if err != nil {
		return nil, err
	}
	var fit []*site
	for _, s := range n.configured {
		if _, below := s.below(ref.Join()); below && s.hasOptions(b, ref) && !slices.ContainsFunc(fit, s.sameBase) {
			fit = append(fit, s)
		}
	}
	several := len(fit) > 1
	if several { // the reference may have all the options of one of them
		fit = slices.DeleteFunc(fit, func(s *site) bool { return !s.folder.provider.hasNoOther(ref) })
	}
	if len(fit) == 0 && !several {
		return nil, invalid("a value refers to %s://, and no configured provider with the same options has a base above that path: configure one, or add ?references=any to the URI of the provider that the value comes from, if everyone who can write the value may read from every backend", ref.Scheme)
	}
	if len(fit) == 0 {
		return nil, invalid("a value refers to %s://, and several configured providers fit: give it all the options of one of them", ref.Scheme)
	}
	return n.siteBelow(tx, fit[0], ref, b) // if more fit, they are of one provider
}

// siteBelow returns the site of a reference to a document at or below a site.
func (n *names) siteBelow(tx cache.Tx, s *site, ref *Ref, b *Backend) (*site, error) {
	at := Ref{Scheme: ref.Scheme, Path: ref.Join(), Field: ref.Field, Options: maps.Clone(ref.Options)}
	for k, v := range s.folder.provider.options {
		at.set(k, v)
	}
	for k, v := range s.folder.options {
		if b.isOperators(k) {
			at.set(k, v)
		}
	}
	name, _ := s.below(at.Path)
	if name == "" { // the document of the site itself
		return n.newSite(tx, &at, false)
	}
	if err := checkPath(name); err != nil {
		return nil, err
	}
	at.Path = s.folder.base
	below, err := n.newSite(tx, &at, true)
	if err == nil {
		below.path, below.all.field, below.whole = name, ref.Field, true
	}
	return below, err
}

// hasOptions reports whether a site is of a reference's scheme, and has the provider
// options of the reference and its options that lead out of the path, all with the
// same values.
func (s *site) hasOptions(b *Backend, ref *Ref) bool {
	for k, v := range ref.Options {
		if slices.Contains(b.DocumentOptions, k) && b.isOperators(k) && s.folder.options[k] != v {
			return false
		}
	}
	return s.folder.provider.hasOptions(b, ref)
}

// hasOptions reports whether a provider is of a reference's scheme and has the
// provider options of the reference, all with the same values.
func (p *provider) hasOptions(b *Backend, ref *Ref) bool {
	if p.scheme == "" || p.scheme != ref.Scheme {
		return false
	}
	for k, v := range ref.Options {
		if have, ok := p.options[k]; slices.Contains(b.Options, k) && (!ok || have != v) {
			return false
		}
	}
	return true
}

// hasNoOther reports whether a reference has every option of a provider.
func (p *provider) hasNoOther(ref *Ref) bool {
	for k := range p.options {
		if _, ok := ref.Options[k]; !ok {
			return false
		}
	}
	return true
}

// sameBase reports whether two sites have the same folder and path.
func (s *site) sameBase(other *site) bool { return s.folder == other.folder && s.path == other.path }

// below returns the name of a path below the site's base; empty: it is the path
// of the site itself.
func (s *site) below(path string) (name string, ok bool) {
	base := strings.TrimSuffix(s.folder.base, "/")
	switch {
	case s.whole:
		return "", path == s.path
	case s.folder.base == "":
		name = strings.TrimPrefix(path, "/")
		return name, name != ""
	case path == base:
		return "", true
	}
	return strings.CutPrefix(path, base+"/")
}
