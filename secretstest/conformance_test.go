package secretstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// memory is the harness of the provider in memory.
func memory(p *Provider) Harness {
	return Harness{
		New:    func(testing.TB) secrets.Provider { return p },
		Put:    func(_ testing.TB, path string, data []byte) { p.Set(path, string(data)) },
		Delete: func(_ testing.TB, path string) { p.Delete(path) },
		Stall:  func(testing.TB) (resume func()) { return p.Block(All) },
	}
}

func TestTheProviderInMemoryConforms(t *testing.T) {
	Run(t, memory(new(Provider)))
}

func TestAProviderWithADefaultKeyAndABaseConforms(t *testing.T) {
	p := new(Provider)
	h := memory(p)
	h.Base = "mount/"
	n := 0
	h.Put = func(_ testing.TB, path string, data []byte) {
		n++
		p.SetValue("mount/"+path, secrets.Value{Data: jsonObject(t, "value", data), Default: "value", Version: fmt.Sprint(n)})
	}
	h.Delete = func(_ testing.TB, path string) { p.Delete("mount/" + path) }
	h.NoBinary = true
	Run(t, h)
}

func TestAProviderWithNoneOfTheCapabilitiesConforms(t *testing.T) {
	p := new(Provider)
	h := memory(p)
	h.New = func(testing.TB) secrets.Provider { return struct{ secrets.Provider }{p} }
	Run(t, h)
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

// faults has, for each rule, providers that break it.
var faults = map[string]map[string]func(b *broken){
	"what was put is found": {
		"finds nothing": func(b *broken) {
			b.fetch = func(context.Context, secrets.Ref) (secrets.Value, error) { return secrets.Value{}, secrets.ErrNotFound }
		},
		"adds a newline": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Data = append(v.Data, '\n') })
		},
		"panics": func(b *broken) { b.fetch = func(context.Context, secrets.Ref) (secrets.Value, error) { panic("boom") } },
		"ends its reader": func(b *broken) {
			b.fetch = func(context.Context, secrets.Ref) (secrets.Value, error) { runtime.Goexit(); panic("") }
		},
		"a default of none": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Default = "value" })
		},
	},
	"what was never put is ErrNotFound": {
		"an empty value": func(b *broken) {
			b.fetch = failed(b.Provider, func(secrets.Ref, error) (secrets.Value, error) { return secrets.Value{}, nil })
		},
		"no class": func(b *broken) {
			b.fetch = failed(b.Provider, func(secrets.Ref, error) (secrets.Value, error) { return secrets.Value{}, errors.New("404") })
		},
		"two classes": func(b *broken) {
			b.fetch = failed(b.Provider, func(_ secrets.Ref, err error) (secrets.Value, error) {
				return secrets.Value{}, errors.Join(err, secrets.ErrUnavailable)
			})
		},
		"data with the error": func(b *broken) {
			b.fetch = failed(b.Provider, func(_ secrets.Ref, err error) (secrets.Value, error) { return secrets.Value{Data: []byte("x")}, err })
		},
	},
	"a name below a document is not found, and is not the document": {
		"picks fields": func(b *broken) {
			b.fetch = failed(b.Provider, func(ref secrets.Ref, err error) (secrets.Value, error) {
				ref.Path = ref.Path[:strings.LastIndexByte(ref.Path, '/')]
				if v, err := b.Provider.Fetch(context.Background(), ref); err == nil {
					return v, nil
				}
				return secrets.Value{}, err
			})
		},
		"refuses without saying unspellable": func(b *broken) {
			b.fetch = failed(b.Provider, func(ref secrets.Ref, err error) (secrets.Value, error) {
				if strings.HasSuffix(ref.Path, "document/key") {
					err = secrets.ErrInvalid
				}
				return secrets.Value{}, err
			})
		},
	},
	"a deleted document is ErrNotFound": {
		"keeps what it has seen": cached,
	},
	"a document that was deleted and put again is found": {
		"remembers what is missing": func(b *broken) {
			var missing sync.Map
			b.fetch = func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
				if _, ok := missing.Load(ref.Join()); ok {
					return secrets.Value{}, secrets.ErrNotFound
				}
				v, err := b.Provider.Fetch(ctx, ref)
				if errors.Is(err, secrets.ErrNotFound) {
					missing.Store(ref.Join(), true)
				}
				return v, err
			}
		},
		"begins its versions again": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Version = "1" })
		},
	},
	"an empty document is empty, and not missing": {
		"takes empty for missing": func(b *broken) {
			b.fetch = func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
				v, err := b.Provider.Fetch(ctx, ref)
				if err == nil && len(v.Data) == 0 {
					err = secrets.ErrNotFound
				}
				return v, err
			}
		},
	},
	"nothing in a text is interpreted": {
		"trims": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Data = bytes.TrimSpace(v.Data) })
		},
		"expands": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) {
				v.Data = bytes.ReplaceAll(v.Data, []byte("$HOME"), []byte("/root"))
			})
		},
		"compacts JSON": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Data = bytes.ReplaceAll(v.Data, []byte(",  "), []byte(",")) })
		},
	},
	"what is binary comes back byte for byte": {
		"takes bytes for text": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Data = bytes.ToValidUTF8(v.Data, []byte("?")) })
		},
		"stops at NUL": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Data, _, _ = bytes.Cut(v.Data, []byte{0}) })
		},
	},
	"the largest document comes back whole": {
		"reads 64 KiB": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Data = v.Data[:min(len(v.Data), 1<<16)] })
		},
	},
	"the field of a reference plays no part": {
		"returns the field": func(b *broken) {
			b.fetch = fetched(b.Provider, func(ref secrets.Ref, v *secrets.Value) {
				if ref.Field != "" {
					v.Data = []byte("app")
				}
			})
		},
	},
	"a read changes nothing of its reference": {
		"adds an option": func(b *broken) {
			b.fetch = func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
				if ref.Options != nil {
					ref.Options["version"] = "latest"
				}
				return b.Provider.Fetch(ctx, ref)
			}
		},
	},
	"a path that climbs out of its place is refused": {
		"cleans paths": func(b *broken) {
			b.fetch = func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
				var kept []string
				for _, s := range strings.Split(ref.Path, "/") {
					if s == ".." {
						kept = kept[:max(len(kept)-1, 0)]
					} else {
						kept = append(kept, s)
					}
				}
				ref.Path = strings.Join(kept, "/")
				return b.Provider.Fetch(ctx, ref)
			}
		},
		"passes it on": func(b *broken) {
			b.fetch = failed(b.Provider, func(ref secrets.Ref, err error) (secrets.Value, error) {
				if strings.Contains(ref.Path, "..") {
					err = secrets.ErrPermission
				}
				return secrets.Value{}, err
			})
		},
	},
	"a path with a NUL byte is refused": {
		"cuts at NUL": func(b *broken) {
			b.fetch = func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
				ref.Path, _, _ = strings.Cut(ref.Path, "\x00")
				return b.Provider.Fetch(ctx, ref)
			}
		},
	},
	"a context that is done is obeyed": {
		"ignores it": func(b *broken) {
			b.fetch = func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
				return b.Provider.Fetch(context.WithoutCancel(ctx), ref)
			}
		},
		"hides it": func(b *broken) {
			b.fetch = failed(b.Provider, func(_ secrets.Ref, err error) (secrets.Value, error) {
				if !errors.Is(err, secrets.ErrNotFound) {
					err = fmt.Errorf("%w: %v", secrets.ErrUnavailable, err)
				}
				return secrets.Value{}, err
			})
		},
		"takes it for missing credentials": func(b *broken) {
			b.fetch = failed(b.Provider, func(_ secrets.Ref, err error) (secrets.Value, error) {
				if errors.Is(err, context.Canceled) {
					err = errors.Join(secrets.ErrUnauthenticated, err)
				}
				return secrets.Value{}, err
			})
		},
	},
	"a read that is cancelled under way returns": {
		"half a value": func(b *broken) {
			b.fetch = func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
				v, err := b.Provider.Fetch(context.WithoutCancel(ctx), ref)
				for deadline := time.Now().Add(time.Millisecond); err == nil && ctx.Err() == nil && time.Now().Before(deadline); {
					runtime.Gosched()
				}
				if err == nil && ctx.Err() != nil {
					v.Data = v.Data[:len(v.Data)/2]
				}
				return v, err
			}
		},
	},
	"a backend that hangs holds nobody past their context": {
		"waits for the answer": func(b *broken) {
			b.fetch = func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
				return b.Provider.Fetch(context.WithoutCancel(ctx), ref)
			}
		},
	},
	"many readers beside a writer see whole versions": {
		"mixes two versions": func(b *broken) {
			b.fetch = fetched(b.Provider, func(ref secrets.Ref, v *secrets.Value) {
				if b.Calls().Reads > 20 && len(v.Data) > 0 {
					v.Data[0] = 'z'
				}
			})
		},
		"fails now and then": func(b *broken) {
			b.fetch = func(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
				if b.Calls().Reads == 15 {
					b.FailTimes(All, 1, secrets.ErrUnavailable)
				}
				return b.Provider.Fetch(ctx, ref)
			}
		},
	},
	"what a read returns is the reader's own": {
		"hands out what it holds": cached,
	},
	"a rotation is read, in another version": {
		"one version for all": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Version = "1" })
		},
		"keeps the first": cached,
		"a version that comes": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) {
				if v.Version == "v1" {
					v.Version = ""
				}
			})
		},
	},
	"the version stays while nothing changes": {
		"counts reads": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Version = fmt.Sprint(b.Calls().Reads) })
		},
		"counts reads, in long": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Version += fmt.Sprint(b.Calls().Reads) })
		},
	},
	"the version tells nothing about the data": {
		"a digest": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Version = digestOf(v.Data) })
		},
		"part of a digest": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Version = digestOf(v.Data)[:12] })
		},
		"the data": func(b *broken) {
			b.fetch = fetched(b.Provider, func(_ secrets.Ref, v *secrets.Value) { v.Version = string(v.Data) })
		},
	},
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

func TestEveryRuleFailsAProviderThatBreaksIt(t *testing.T) {
	known := map[string]bool{}
	for _, rule := range rules {
		known[rule.name] = true
		require.NotEmpty(t, faults[rule.name], "no broken provider shows that this rule can fail: %s", rule.name)
		for how, breakIt := range faults[rule.name] {
			t.Run(rule.name+"/"+how, func(t *testing.T) {
				b := &broken{Provider: new(Provider)}
				h := memory(b.Provider)
				h.New = func(testing.TB) secrets.Provider { return b }
				h.WatchWithin = 50 * time.Millisecond
				breakIt(b)
				r := record(t, func(tb testing.TB) { rule.check(tb, h) })
				require.True(t, r.Failed(), "the rule passed, or was skipped:\n%s", r.text())
				assert.Contains(t, r.text(), rule.explain, "the failure explains the rule")
				b.Heal()
			})
		}
	}
	for name := range faults {
		assert.True(t, known[name], "there is no such rule: %s", name)
	}
}

func TestEveryRulePassesAProviderThatKeepsIt(t *testing.T) {
	for _, rule := range rules {
		b := &broken{Provider: new(Provider)}
		h := memory(b.Provider)
		h.New = func(testing.TB) secrets.Provider { return b }
		r := record(t, func(tb testing.TB) { rule.check(tb, h) })
		assert.False(t, r.Failed() || r.Skipped(), "%s:\n%s", rule.name, r.text())
	}
}

func TestWhatIsDeclaredImpossibleIsSkippedWithTheReason(t *testing.T) {
	h := memory(new(Provider))
	h.Delete, h.Stall = nil, nil
	h.NoBinary, h.NoEmpty, h.NoRecreate, h.NoBatch, h.NoList, h.NoWatch = true, true, true, true, true, true
	skipped := map[string]bool{}
	for _, rule := range rules {
		r := record(t, func(tb testing.TB) { rule.check(tb, h) })
		assert.False(t, r.Failed(), r.text())
		if r.Skipped() {
			skipped[rule.name] = true
			assert.Contains(t, r.text(), "declared: ")
		}
	}
	assert.Len(t, skipped, 14, "%v", slices.Sorted(maps.Keys(skipped)))
}

func TestAHarnessMayTakeItsTime(t *testing.T) {
	// What was put is visible a moment later, as eventually consistent
	// backends have it.
	p := new(Provider)
	h := memory(p)
	var wg sync.WaitGroup
	later := func(do func()) { wg.Go(func() { <-time.After(15 * time.Millisecond); do() }) }
	h.Put = func(_ testing.TB, path string, data []byte) { later(func() { p.Set(path, string(data)) }) }
	h.Delete = func(_ testing.TB, path string) { later(func() { p.Delete(path) }) }

	name := func(r rule) bool { return r.name == "a document that was deleted and put again is found" }
	rule := rules[slices.IndexFunc(rules, name)]
	r := record(t, func(tb testing.TB) { rule.check(tb, h) })
	wg.Wait()
	assert.True(t, r.Failed(), "without Settle, a late Put is a failure")

	h.Settle = 5 * time.Second
	r = record(t, func(tb testing.TB) { rule.check(tb, h) })
	wg.Wait()
	assert.False(t, r.Failed(), r.text())
}

// A recorder is a testing.TB that fails on its own.
type recorder struct {
	testing.TB // for the methods that the suite does not use

	mu       sync.Mutex
	lines    []string
	failed   bool
	skipped  bool
	cleanups []func()
}

// record runs do as a test of its own, and returns what became of it.
func record(t *testing.T, do func(testing.TB)) *recorder {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, cleanup := range slices.Backward(r.cleanups) {
				cleanup()
			}
		}()
		do(r)
	}()
	<-done
	return r
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return context.Background() }

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

func (r *recorder) Log(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintln(args...))
}
func (r *recorder) Logf(format string, args ...any) { r.Log(fmt.Sprintf(format, args...)) }

func (r *recorder) Fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}
func (r *recorder) FailNow()                          { r.Fail(); runtime.Goexit() }
func (r *recorder) Error(args ...any)                 { r.Log(args...); r.Fail() }
func (r *recorder) Errorf(format string, args ...any) { r.Logf(format, args...); r.Fail() }
func (r *recorder) Fatal(args ...any)                 { r.Log(args...); r.FailNow() }
func (r *recorder) Fatalf(format string, args ...any) { r.Logf(format, args...); r.FailNow() }

func (r *recorder) Skip(args ...any) {
	r.Log(args...)
	r.mu.Lock()
	r.skipped = true
	r.mu.Unlock()
	runtime.Goexit()
}
func (r *recorder) Skipf(format string, args ...any) { r.Skip(fmt.Sprintf(format, args...)) }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Skipped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.skipped
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "")
}

func jsonObject(t *testing.T, key string, value []byte) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]string{key: string(value)})
	require.NoError(t, err)
	return data
}
