package secretstest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"slices"
	"strings"
	"sync"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// capabilityFaults break the rules on capabilities, leaks and resolvers.
var capabilityFaults = map[string]map[string]func(b *broken){
	"a batch answers each reference in its place": {
		"unsupported, undeclared": func(b *broken) { b.Disable(Batch) },
		"sorted": func(b *broken) {
			b.batch = func(ctx context.Context, refs []secrets.Ref) []secrets.Result {
				refs = slices.SortedFunc(slices.Values(refs), func(a, b secrets.Ref) int { return strings.Compare(a.Path, b.Path) })
				return b.Provider.FetchBatch(ctx, refs)
			}
		},
		"without duplicates": func(b *broken) {
			b.batch = batched(b.Provider, func(refs []secrets.Ref, results []secrets.Result) []secrets.Result {
				seen := map[string]bool{}
				for i, ref := range refs {
					if seen[ref.Join()] {
						results[i] = secrets.Result{}
					}
					seen[ref.Join()] = true
				}
				return results
			})
		},
		"without the missing": func(b *broken) {
			b.batch = batched(b.Provider, func(_ []secrets.Ref, results []secrets.Result) []secrets.Result {
				return slices.DeleteFunc(results, func(r secrets.Result) bool { return r.Err != nil })
			})
		},
		"one failure fails all": func(b *broken) {
			b.batch = batched(b.Provider, func(_ []secrets.Ref, results []secrets.Result) []secrets.Result {
				for _, r := range results {
					if r.Err != nil {
						for i := range results {
							results[i] = secrets.Result{Err: r.Err}
						}
						break
					}
				}
				return results
			})
		},
		"another version than Fetch": func(b *broken) {
			b.batch = batched(b.Provider, func(_ []secrets.Ref, results []secrets.Result) []secrets.Result {
				for i := range results {
					results[i].Value.Version += "-batch"
				}
				return results
			})
		},
	},
	"a batch of a hundred is answered whole, and one of none is empty": {
		"twenty": func(b *broken) {
			b.batch = batched(b.Provider, func(_ []secrets.Ref, results []secrets.Result) []secrets.Result {
				return results[:min(len(results), 20)]
			})
		},
		"twenty, and then nothing": func(b *broken) {
			b.batch = batched(b.Provider, func(_ []secrets.Ref, results []secrets.Result) []secrets.Result {
				clear(results[min(len(results), 20):])
				return results
			})
		},
		"one of none fails": func(b *broken) {
			b.batch = batched(b.Provider, func(_ []secrets.Ref, results []secrets.Result) []secrets.Result { _ = results[0]; return results })
		},
	},
	"the results of a batch are the reader's own": {
		"duplicates share": func(b *broken) {
			b.batch = batched(b.Provider, func(_ []secrets.Ref, results []secrets.Result) []secrets.Result {
				for i := range results {
					results[i] = results[0]
				}
				return results
			})
		},
	},
	"a batch with a context that is done fails as a whole": {
		"ignores it": func(b *broken) {
			b.batch = func(ctx context.Context, refs []secrets.Ref) []secrets.Result {
				return b.Provider.FetchBatch(context.WithoutCancel(ctx), refs)
			}
		},
	},
	"a list names each document below its prefix once": {
		"unsupported, undeclared": func(b *broken) { b.Disable(List) },
		"twice": func(b *broken) {
			b.list = listed(b.Provider, func(paths []string) []string { return append(paths, paths...) })
		},
		"the first page only": func(b *broken) {
			b.list = listed(b.Provider, func(paths []string) []string { return paths[:min(len(paths), 2)] })
		},
		"all there is": func(b *broken) {
			b.list = func(ctx context.Context, _ string) iter.Seq2[string, error] { return b.Provider.List(ctx, "") }
		},
		"missing is an error": func(b *broken) {
			b.list = func(ctx context.Context, prefix string) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					any := false
					for path, err := range b.Provider.List(ctx, prefix) {
						any = true
						if !yield(path, err) {
							return
						}
					}
					if !any {
						yield("", secrets.ErrNotFound)
					}
				}
			}
		},
	},
	"a list ends when its reader or its context does": {
		"goes on when its reader has stopped": func(b *broken) {
			b.list = func(ctx context.Context, prefix string) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					for path, err := range b.Provider.List(ctx, prefix) {
						yield(path, err)
					}
				}
			}
		},
		"ignores its context": func(b *broken) {
			b.list = func(ctx context.Context, prefix string) iter.Seq2[string, error] {
				return b.Provider.List(context.WithoutCancel(ctx), prefix)
			}
		},
		"goes on after the error": func(b *broken) {
			b.list = func(ctx context.Context, prefix string) iter.Seq2[string, error] {
				return func(yield func(string, error) bool) {
					if err := ctx.Err(); err != nil && !yield("", err) {
						return
					}
					b.Provider.List(context.WithoutCancel(ctx), prefix)(yield)
				}
			}
		},
	},
	"a watch tells of a rotation": {
		"never": func(b *broken) { b.watch = func(context.Context, secrets.Ref, func()) error { return nil } },
		"fails": func(b *broken) {
			b.watch = func(context.Context, secrets.Ref, func()) error { return secrets.ErrUnavailable }
		},
		"unsupported, undeclared": func(b *broken) { b.Disable(Watch) },
		"once": func(b *broken) {
			b.watch = func(ctx context.Context, ref secrets.Ref, changed func()) error {
				return b.Provider.Watch(ctx, ref, sync.OnceFunc(changed))
			}
		},
	},
	"a watch tells of a document that comes and goes": {
		"needs it to be there": func(b *broken) {
			b.watch = func(ctx context.Context, ref secrets.Ref, changed func()) error {
				if _, err := b.Provider.Fetch(ctx, ref); err != nil {
					return err
				}
				return b.Provider.Watch(ctx, ref, changed)
			}
		},
		"not when it goes": func(b *broken) {
			b.watch = func(ctx context.Context, ref secrets.Ref, changed func()) error {
				return b.Provider.Watch(ctx, ref, func() {
					if _, err := b.Provider.Fetch(ctx, ref); err == nil {
						changed()
					}
				})
			}
		},
	},
	"a watch ends with its context": {
		"goes on": func(b *broken) {
			b.watch = func(ctx context.Context, ref secrets.Ref, changed func()) error {
				return b.Provider.Watch(context.WithoutCancel(ctx), ref, changed)
			}
		},
	},
	"a value without a lease is not renewed": {
		"renews anything": func(b *broken) {
			b.renew = func(_ context.Context, v secrets.Value) (secrets.Value, error) { return v, nil }
		},
		"takes every lease for its own": func(b *broken) {
			b.renew = func(_ context.Context, v secrets.Value) (secrets.Value, error) {
				_ = v.Lease.(*lease)
				return secrets.Value{}, errors.ErrUnsupported
			}
		},
	},
	"a resolver finds a document by its name, and a field by its parent": {
		"refuses names below a document": func(b *broken) {
			b.fetch = failed(b.Provider, func(ref secrets.Ref, err error) (secrets.Value, error) {
				if strings.Count(ref.Path, "/") > 1 {
					err = secrets.ErrInvalid
				}
				return secrets.Value{}, err
			})
		},
		"says unavailable of what is missing": func(b *broken) {
			b.fetch = failed(b.Provider, func(secrets.Ref, error) (secrets.Value, error) { return secrets.Value{}, secrets.ErrUnavailable })
		},
	},
	"a resolver sees a rotation at its next read": {
		"keeps the first": cached,
	},
	"what a resolver says of the provider holds no secret": {
		"an error with the document": leaking(func(data string) error { return fmt.Errorf("%w: read %q", secrets.ErrNotFound, data) }),
		"a cause that is not printed": leaking(func(data string) error {
			return &fault.Error{Class: secrets.ErrNotFound, Err: errors.New(data), Quiet: true}
		}),
		"a log line": leaking(func(data string) error { log.Print("read ", data); return secrets.ErrNotFound }),
		"the version": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Version = string(v.Data) })
		},
	},
	"no error, log line or version holds the secret": {
		"an error with the document": leaking(func(data string) error { return fmt.Errorf("%w: read %q", secrets.ErrNotFound, data) }),
		"an error with half of it":   leaking(func(data string) error { return fmt.Errorf("%w: read %.30q…", secrets.ErrNotFound, data) }),
		"a wrapped error with it":    leaking(func(data string) error { return fault.New(secrets.ErrNotFound, "", &snapshotError{[]byte(data)}) }),
		"a cause that is not printed": leaking(func(data string) error {
			return &fault.Error{Class: secrets.ErrNotFound, Err: errors.New(data), Quiet: true}
		}),
		"a log line": leaking(func(data string) error { log.Print("read ", data); return secrets.ErrNotFound }),
		"the version": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Version = string(v.Data) })
		},
		"an error in a batch only": func(b *broken) {
			b.batch = batched(b.Provider, func(_ []secrets.Ref, results []secrets.Result) []secrets.Result {
				for i, r := range results {
					if r.Err == nil {
						results[i] = secrets.Result{Err: errors.New(string(r.Value.Data))}
					}
				}
				return results
			})
		},
	},
}
