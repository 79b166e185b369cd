package secretstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/go-secrets/secrets"
)

// readFaults break the rules on reads, versions and concurrency.
var readFaults = map[string]map[string]func(b *broken){
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
}
