package secretstest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"sync"

	"github.com/go-secrets/secrets"
)

// faultsOf returns, for a rule, the providers that break it.
func faultsOf(rule string) map[string]func(*broken) {
	if f, ok := readFaults[rule]; ok {
		return f
	}
	return capabilityFaults[rule]
}

// A broken provider does one thing wrong.
type broken struct {
	*Provider
	fetch func(ctx context.Context, ref secrets.Ref) (secrets.Value, error)
	batch func(ctx context.Context, refs []secrets.Ref) []secrets.Result
	list  func(ctx context.Context, prefix string) iter.Seq2[string, error]
	watch func(ctx context.Context, ref secrets.Ref, changed func()) error
	renew func(ctx context.Context, v secrets.Value) (secrets.Value, error)
}

func (b *broken) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	if b.fetch != nil {
		return b.fetch(ctx, ref)
	}
	return b.Provider.Fetch(ctx, ref)
}

func (b *broken) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	if b.batch != nil {
		return b.batch(ctx, refs)
	}
	return b.Provider.FetchBatch(ctx, refs)
}

func (b *broken) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if b.list != nil {
		return b.list(ctx, prefix)
	}
	return b.Provider.List(ctx, prefix)
}

func (b *broken) Watch(ctx context.Context, ref secrets.Ref, changed func()) error {
	if b.watch != nil {
		return b.watch(ctx, ref, changed)
	}
	return b.Provider.Watch(ctx, ref, changed)
}

func (b *broken) Renew(ctx context.Context, v secrets.Value) (secrets.Value, error) {
	if b.renew != nil {
		return b.renew(ctx, v)
	}
	return b.Provider.Renew(ctx, v)
}

// fetched returns a Fetch that changes what a successful read returns.
func fetched(p *Provider, change func(ref secrets.Ref, v *secrets.Value)) func(context.Context, secrets.Ref) (secrets.Value, error) {
	return func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
		v, err := p.Fetch(ctx, ref)
		if err == nil {
			change(ref, &v)
		}
		return v, err
	}
}

// failed returns a Fetch that changes what a failed read returns.
func failed(p *Provider, change func(ref secrets.Ref, err error) (secrets.Value, error)) func(context.Context, secrets.Ref) (secrets.Value, error) {
	return func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
		v, err := p.Fetch(ctx, ref)
		if err != nil {
			return change(ref, err)
		}
		return v, nil
	}
}

// batched returns a FetchBatch that changes the results.
func batched(p *Provider, change func(refs []secrets.Ref, results []secrets.Result) []secrets.Result) func(context.Context, []secrets.Ref) []secrets.Result {
	return func(ctx context.Context, refs []secrets.Ref) []secrets.Result {
		return change(refs, p.FetchBatch(ctx, refs))
	}
}

// snapshotError keeps a body that it does not print.
type snapshotError struct{ body []byte }

func (*snapshotError) Error() string { return "undecodable" }

// cached reads each document once, and hands out what it holds.
func cached(b *broken) {
	var mu sync.Mutex
	held := map[string]secrets.Value{}
	b.fetch = func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
		mu.Lock()
		defer mu.Unlock()
		if v, ok := held[ref.Join()]; ok {
			return v, nil
		}
		v, err := b.Provider.Fetch(ctx, ref)
		if err == nil {
			held[ref.Join()] = v
		}
		return v, err
	}
}

// leaking fails reads of a missing name with what make makes of the document
// that was read before.
func leaking(make func(data string) error) func(b *broken) {
	return func(b *broken) {
		var last string
		b.fetch = func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
			v, err := b.Provider.Fetch(ctx, ref)
			if err == nil {
				last = string(v.Data)
			} else if errors.Is(err, secrets.ErrNotFound) && last != "" {
				err = make(last)
			}
			return v, err
		}
	}
}

// listed returns a List that changes the paths.
func listed(p *Provider, change func([]string) []string) func(context.Context, string) iter.Seq2[string, error] {
	return func(ctx context.Context, prefix string) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			var paths []string
			for path, err := range p.List(ctx, prefix) {
				if err != nil {
					yield("", err)
					return
				}
				paths = append(paths, path)
			}
			for _, path := range change(paths) {
				if !yield(path, nil) {
					return
				}
			}
		}
	}
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
