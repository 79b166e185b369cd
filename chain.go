package secrets

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Chain returns a provider that asks ps in turn: the first that has a document
// answers, and the next one is asked only after [ErrNotFound]. Any other error ends
// the read, and says which member failed. If the chain is given to [New], the
// resolver makes the whole search for a name in one member before it asks the next.
func Chain(ps ...Provider) Provider {
	var members []Provider
	for _, p := range ps {
		if inner, ok := p.(*chain); ok {
			members = append(members, inner.members()...)
		} else if p != nil {
			members = append(members, p)
		}
	}
	return &chain{func() []Provider { return members }}
}

// A chain has every capability that its members have. A Resolver uses the members
// themselves; only a wrapper around Chain uses these methods. The members are behind
// a func, so that no printer sees their tokens.
type chain struct{ members func() []Provider }

// A chainLease is the lease of a member's value.
type chainLease struct {
	member LeaseProvider
	lease  any
}

func (c *chain) Fetch(ctx context.Context, ref Ref) (Value, error) {
	err := notFound("the chain has no members")
	for i, p := range c.members() {
		var v Value
		if v, err = p.Fetch(ctx, ref); err == nil {
			return c.marked(p, v), nil
		}
		if !errors.Is(err, ErrNotFound) {
			return Value{}, c.member(i, err)
		}
	}
	return Value{}, err
}

// marked returns a value whose lease, if it has one, records its member.
func (c *chain) marked(p Provider, v Value) Value {
	if leaser, ok := p.(LeaseProvider); ok && v.Lease != nil {
		v.Lease = chainLease{leaser, v.Lease}
	}
	return v
}

func (c *chain) member(i int, err error) error {
	return fmt.Errorf("member %d of the chain: %w", i+1, err)
}

func (c *chain) FetchBatch(ctx context.Context, refs []Ref) []Result {
	results := failed(len(refs), notFound("the chain has no members"))
	open := make([]int, len(refs)) // the refs that no member has had so far
	for i := range open {
		open[i] = i
	}
	for m, p := range c.members() {
		if len(open) == 0 {
			break
		}
		asked := make([]Ref, len(open))
		for i, at := range open {
			asked[i] = refs[at]
		}
		var rest []int
		b, ok := p.(BatchProvider)
		if !ok || len(asked) == 1 {
			b = nil
		}
		answers, _ := fetchAll(ctx, guard, p, b, asked)
		for i, res := range answers {
			at := open[i]
			if res.Err == nil {
				res.Value = c.marked(p, res.Value)
			} else if errors.Is(res.Err, ErrNotFound) {
				rest = append(rest, at)
			} else {
				res.Err = c.member(m, res.Err)
			}
			results[at] = res
		}
		open = rest
	}
	return results
}

// List yields the names of the members that can list, and then an error if a member
// cannot.
func (c *chain) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var cannot error
		seen := make(map[string]bool)
		for i, p := range c.members() {
			l, ok := p.(ListProvider)
			if !ok {
				cannot = c.member(i, errors.ErrUnsupported)
				continue
			}
			for name, err := range l.List(ctx, prefix) {
				if errors.Is(err, errors.ErrUnsupported) {
					cannot = c.member(i, err)
					break
				}
				if err != nil {
					yield("", c.member(i, err))
					return
				}
				if !seen[name] {
					seen[name] = true
					if !yield(name, nil) {
						return
					}
				}
			}
		}
		if cannot != nil {
			yield("", cannot)
		}
	}
}

func (c *chain) Watch(ctx context.Context, ref Ref, changed func()) error {
	watched := false
	var polled error
	for i, p := range c.members() {
		w, ok := p.(WatchProvider)
		if !ok {
			continue
		}
		switch err := w.Watch(ctx, ref, changed); {
		case callsBack(err):
			watched = true
			if err != nil && polled == nil {
				polled = c.member(i, err)
			}
		case !errors.Is(err, errors.ErrUnsupported):
			return c.member(i, err)
		}
	}
	if !watched {
		return errors.ErrUnsupported
	}
	return polled
}

func (c *chain) Renew(ctx context.Context, v Value) (Value, error) {
	l, ok := v.Lease.(chainLease)
	if !ok {
		return Value{}, errors.ErrUnsupported
	}
	v.Lease = l.lease
	v, err := l.member.Renew(ctx, v)
	return c.marked(l.member, v), err
}

func (c *chain) Revoke(ctx context.Context, v Value) error {
	l, ok := v.Lease.(chainLease)
	if !ok {
		return errors.ErrUnsupported
	}
	v.Lease = l.lease
	return l.member.Revoke(ctx, v)
}
