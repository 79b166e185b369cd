package secrets

import (
	"context"
	"errors"
	"iter"
	"strings"
)

// List yields the names that the providers have, those that start with prefix,
// as Get takes them and each once. Values are not read. A provider that cannot
// list, or that fails, yields an error with an empty name, and the next one
// goes on.
func (r *Resolver) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if r.err != nil {
			yield("", r.err)
			return
		}
		if err := checkName(prefix); err != nil {
			yield("", &Error{Op: "list", Err: err})
			return
		}
		r.lock()
		closed := r.closed
		r.unlock()
		if closed {
			yield("", &Error{Op: "list", Err: ErrClosed})
			return
		}
		seen := make(map[string]bool)
		for _, s := range r.sites {
			p := s.folder.provider
			for name, err := range r.listSite(ctx, s, prefix) {
				if err != nil {
					if !yield("", &Error{Op: "list", Provider: p.scheme, Err: withClass(err)}) {
						return
					}
					break
				}
				if !seen[name] {
					seen[name] = true
					if !yield(name, nil) {
						return
					}
				}
			}
		}
	}
}

func (r *Resolver) listSite(ctx context.Context, s *site, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		opened, err := r.open(ctx, s.folder.provider)
		if err != nil {
			yield("", err)
			return
		}
		l, ok := opened.(ListProvider)
		if !ok {
			yield("", invalid("this provider cannot list"))
			return
		}
		base := s.folder.base
		if base != "" {
			base = strings.TrimSuffix(base, "/") + "/"
		}
		for path, err := range l.List(ctx, base+prefix) {
			if errors.Is(err, errors.ErrUnsupported) {
				err = invalid("this provider cannot list")
			}
			if !yield(strings.TrimPrefix(path, base), err) || err != nil {
				return
			}
		}
	}
}
