package awsapi

import (
	"errors"
	"sync"

	"github.com/go-secrets/secrets"
)

// Parallel is how many calls of one batch are under way at once. Ten carry
// 100 parameters; more would eat into Parameter Store's 40 requests a second,
// which the whole account shares.
const Parallel = 10

// Each calls f(0) … f(n-1), at most Parallel at once, and returns when all
// have returned.
func Each(n int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, Parallel)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	wg.Wait()
}

// Unbatched are the results of a provider that reads no batches.
func Unbatched(n int) []secrets.Result {
	results := make([]secrets.Result, n)
	for i := range results {
		results[i].Err = errors.ErrUnsupported
	}
	return results
}

// A Batch is one FetchBatch under way: the documents that its refs name, each
// once, and their results.
type Batch[D comparable] struct {
	Documents []D

	refs    map[D][]int // the refs that each document answers
	results []secrets.Result

	mu     sync.Mutex
	singly []D // what batches have not settled
}

// NewBatch locates the document of every ref. What cannot be located has its
// result.
func NewBatch[D comparable](refs []secrets.Ref, locate func(secrets.Ref) (D, error)) *Batch[D] {
	b := &Batch[D]{refs: make(map[D][]int, len(refs)), results: make([]secrets.Result, len(refs))}
	for i, ref := range refs {
		d, err := locate(ref)
		if err != nil {
			b.results[i].Err = err
			continue
		}
		if b.refs[d] == nil {
			b.Documents = append(b.Documents, d)
		}
		b.refs[d] = append(b.refs[d], i)
	}
	return b
}

// Set stores the outcome of a document, once. Refs that share it get copies.
// Calls for different documents may run at the same time.
func (b *Batch[D]) Set(d D, v secrets.Value, err error) {
	for n, i := range b.refs[d] {
		if n > 0 && v.Data != nil {
			v.Data = append([]byte{}, v.Data...)
		}
		b.results[i] = secrets.Result{Value: v, Err: err}
	}
}

// Fail stores the same error for documents.
func (b *Batch[D]) Fail(err error, documents ...D) {
	for _, d := range documents {
		b.Set(d, secrets.Value{}, err)
	}
}

// Leave puts documents off to single reads.
func (b *Batch[D]) Leave(documents ...D) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.singly = append(b.singly, documents...)
}

// ReadLeft reads what was left, each by itself.
func (b *Batch[D]) ReadLeft(read func(D) (secrets.Value, error)) {
	b.mu.Lock()
	left := b.singly
	b.singly = nil
	b.mu.Unlock()
	Each(len(left), func(i int) {
		v, err := read(left[i])
		b.Set(left[i], v, err)
	})
}

// Results are aligned with the refs.
func (b *Batch[D]) Results() []secrets.Result { return b.results }
