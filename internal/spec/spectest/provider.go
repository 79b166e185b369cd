package spectest

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// NewPolled returns a provider in memory that tells of no changes.
func NewPolled(docs map[string]string) *secretstest.Provider {
	p := secretstest.NewProvider(docs)
	p.Disable(secretstest.Watch)
	return p
}

// A Fetching is a provider that is a func and can do nothing else: no batch, no
// watch.
type Fetching func(ctx context.Context, ref secrets.Ref) (secrets.Value, error)

// Fetch calls f.
func (f Fetching) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	return f(ctx, ref)
}

// Singly returns a provider that reads from p and has no capability: each read
// is of one document.
func Singly(p *secretstest.Provider) secrets.Provider { return Fetching(p.Fetch) }

// Many returns n names, and a document for each.
func Many(n int) (names []string, docs map[string]string) {
	docs = make(map[string]string, n)
	for i := range n {
		name := fmt.Sprint("s", i)
		names, docs[name] = append(names, name), fmt.Sprint("v", i)
	}
	return names, docs
}

// Numbered returns n names that start with prefix.
func Numbered(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint(prefix, i)
	}
	return names
}

// Drawn returns numbers that look like chance and are the same each time.
func Drawn(seed int) *rand.Rand { return rand.New(rand.NewPCG(1, uint64(seed))) }

// Listed returns what a List yields; err is the last error.
func Listed(seq iter.Seq2[string, error]) (names []string, err error) {
	for name, failed := range seq {
		if failed != nil {
			err = failed
			continue
		}
		names = append(names, name)
	}
	return names, err
}

// Shuffled returns the names in an order that looks like chance.
func Shuffled(names []string) []string {
	names = slices.Clone(names)
	Drawn(0).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}
