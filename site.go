package secrets

import (
	"slices"
	"strings"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
)

// A site is where names are looked for, or where one name is: a provider URI
// or a reference, checked.
type site struct {
	folder *folder
	path   string // of a reference: the whole path
	all    part   // all of a document; of a reference: its field, if it has one
	whole  bool   // a reference to one document, not a base for names
	label  string // what tells it from others whose provider has no scheme

	exact  bool // look for the document of exactly the name
	parent bool // look for the name in its parent document

	ttl      time.Duration // 0: the resolver's
	base64   bool          // ?decode=base64
	trim     bool          // ?trim=newline
	follow   follow        // ?references=: whether a value that is a reference stands for what it refers to
	referrer *cache.Doc    // whose value says that a name is here; nil: none does
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

// ref returns what the provider is asked for a path of the folder.
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
func (r *Resolver) newSite(tx cache.Tx, ref *Ref, base bool) (*site, error) {
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
	p := r.provider(tx, ref.Scheme, ofProvider.Options, b.Open)
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
	return invalid("%s:// does not know the option %s (it knows %s%s)", scheme, quote(option), strings.Join(known, ", "), didYouMean(option, known))
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
func (r *Resolver) provider(tx cache.Tx, scheme string, options map[string]string, open Opener) *provider {
	key := scheme + (&Ref{Options: options}).optionText()
	p, ok := r.providersByKey[key]
	if !ok {
		p = r.newProvider(tx, scheme, options, open)
		r.providersByKey[key] = p
	}
	return p
}

// folder returns the folder of a base and document options.
func (p *provider) folder(tx cache.Tx, base string, options map[string]string, whole bool) *folder {
	text := (&Ref{Options: options}).optionText()
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
