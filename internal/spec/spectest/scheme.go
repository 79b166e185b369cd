package spectest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

var schemes atomic.Int32

// NewScheme returns a scheme that nobody has registered.
func NewScheme(prefix string) string { return fmt.Sprint(prefix, schemes.Add(1)) }

// Scheme registers a scheme whose URIs open p, and returns it.
func Scheme(_ testing.TB, p secrets.Provider, documentOptions ...string) string {
	name := NewScheme("test")
	secrets.Register(name, secrets.Backend{
		Open:            func(context.Context, secrets.Ref) (secrets.Provider, error) { return p, nil },
		DocumentOptions: documentOptions,
	})
	return name
}

// Opener registers a scheme that open opens, and counts how often it did.
func Opener(_ testing.TB, open func() (secrets.Provider, error)) (opened *atomic.Int32, name string) {
	opened = new(atomic.Int32)
	name = NewScheme("opened")
	secrets.Register(name, secrets.Backend{Open: func(context.Context, secrets.Ref) (secrets.Provider, error) {
		opened.Add(1)
		return open()
	}})
	return opened, name
}

// A Fake is a registered scheme that knows the provider options region and
// endpoint, and the document options version and stage. All its providers read
// from one store, and note what they are asked.
type Fake struct {
	Scheme string
	Store  *secretstest.Provider

	mu     sync.Mutex
	opened []secrets.Ref
	asked  []secrets.Ref
	fail   error // of the next openings
}

// FailOpenings has the next openings fail with err; nil ends that.
func (f *Fake) FailOpenings(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

// Openings returns what the Opener was given.
func (f *Fake) Openings() []secrets.Ref {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]secrets.Ref(nil), f.opened...)
}

// Asks returns what Fetch was given.
func (f *Fake) Asks() []secrets.Ref {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]secrets.Ref(nil), f.asked...)
}

// NewFake registers a Fake with these documents.
func NewFake(docs map[string]string) *Fake {
	f := &Fake{Scheme: NewScheme("fake"), Store: NewPolled(docs)}
	secrets.Register(f.Scheme, secrets.Backend{
		Options:         []string{"region", "endpoint"},
		DocumentOptions: []string{"version", "stage"},
		Open: func(_ context.Context, base secrets.Ref) (secrets.Provider, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.opened = append(f.opened, base)
			if f.fail != nil {
				return nil, f.fail
			}
			return (*fakeProvider)(f), nil
		},
	})
	return f
}

type fakeProvider Fake

func (p *fakeProvider) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	p.mu.Lock()
	p.asked = append(p.asked, ref)
	p.mu.Unlock()
	if v := ref.Options["version"]; v != "" {
		ref.Path += "@" + v
	}
	return p.Store.Fetch(ctx, ref)
}
