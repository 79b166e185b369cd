package secrets

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"
)

// List yields the names that the providers have and that start with prefix, as Get
// takes them and each once. It reads no values. If a provider cannot list, or fails,
// List yields an error with an empty name and goes on with the next provider.
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
		if r.cache.Context().Err() != nil {
			yield("", &Error{Op: "list", Err: ErrClosed})
			return
		}
		seen := make(map[string]bool)
		for _, s := range r.sites {
			p := s.folder.provider
			for name, err := range r.listSite(ctx, s, prefix) {
				if err != nil {
					if !yield("", &Error{Op: "list", Provider: p.scheme, Err: freeze(err)}) {
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
		opened, err := s.folder.provider.open(ctx)
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
		for path, err := range r.listed(ctx, l, base+prefix) {
			if errors.Is(err, errors.ErrUnsupported) {
				err = invalid("this provider cannot list")
			}
			if !yield(strings.TrimPrefix(path, base), err) || err != nil {
				return
			}
		}
	}
}

// listOvertime is how much longer than its context a provider may take that ignores
// it.
const listOvertime = 250 * time.Millisecond

// listed is List of a provider, on a goroutine of its own. If the provider panics,
// ends the goroutine or ignores its context, listed yields an error. The provider
// goes on only when the caller has taken a name, so it reads no page before that is
// needed.
func (r *Resolver) listed(ctx context.Context, l ListProvider, prefix string) iter.Seq2[string, error] {
	type step struct {
		path string
		err  error
	}
	return func(yield func(string, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(r.cache.Context(), cancel)()
		found, more := make(chan step), make(chan struct{})
		ended := guarded(func() error {
			for path, err := range l.List(ctx, prefix) {
				select {
				case found <- step{path, freeze(err)}:
				case <-ctx.Done():
					return nil
				}
				select {
				case <-more:
				case <-ctx.Done():
					return nil
				}
			}
			return nil
		})
		late := make(chan struct{})
		defer context.AfterFunc(ctx, func() { time.AfterFunc(listOvertime, func() { close(late) }) })()
		for {
			select {
			case s := <-found:
				if !yield(s.path, s.err) {
					return
				}
			case err := <-ended:
				if err == nil {
					err = r.ended(ctx) // if the context ended, the list may be incomplete
				}
				if err != nil {
					yield("", err)
				}
				return
			case <-late:
				yield("", r.ended(ctx))
				return
			}
			select {
			case more <- struct{}{}:
			case <-ctx.Done():
			}
		}
	}
}

// ended returns why a context has ended; nil: it has not.
func (r *Resolver) ended(ctx context.Context) error {
	if r.cache.Context().Err() != nil {
		return ErrClosed
	}
	return ctx.Err()
}
