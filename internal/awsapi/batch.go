package awsapi

import (
	"bytes"
	"errors"
	"sync"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/parallel"
)

// Parallel is how many calls of one batch are under way at once. Ten carry
// 100 parameters; more would eat into Parameter Store's 40 requests a second,
// which the whole account shares.
const Parallel = 10

// Each calls f(0) … f(n-1), at most Parallel at once: see [parallel.Each]. A
// user's own client may panic.
func Each(n int, f func(i int)) { parallel.Each(n, Parallel, f) }

// Chunk cuts documents into calls of at most size, each to the first call that
// has room and that it fits into.
func Chunk(documents []int, size int, fits func(i, other int) bool) [][]int {
	var chunks [][]int
next:
	for _, i := range documents {
	chunk:
		for n, chunk := range chunks {
			if len(chunk) == size {
				continue
			}
			for _, other := range chunk {
				if !fits(i, other) {
					continue chunk
				}
			}
			chunks[n] = append(chunk, i)
			continue next
		}
		chunks = append(chunks, []int{i})
	}
	return chunks
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
// once, and their outcomes. Documents are told by their index.
type Batch[D comparable] struct {
	Documents []D
	Outcomes
}

// errUnsettled is the result of what nothing has settled, as where a user's own
// client ends the goroutine of its call.
var errUnsettled = fault.New(secrets.ErrUnavailable, "the read ended without an outcome", nil)

// NewBatch locates the document of every ref. What cannot be located has its
// result.
func NewBatch[D comparable](refs []secrets.Ref, locate func(secrets.Ref) (D, error)) *Batch[D] {
	b := &Batch[D]{Outcomes: Outcomes{results: make([]secrets.Result, len(refs))}}
	index := make(map[D]int, len(refs))
	for n, ref := range refs {
		b.results[n].Err = errUnsettled
		d, err := locate(ref)
		if err != nil {
			b.results[n].Err = err
			continue
		}
		i, ok := index[d]
		if !ok {
			i = len(b.Documents)
			index[d] = i
			b.Documents, b.refs = append(b.Documents, d), append(b.refs, nil)
		}
		b.refs[i] = append(b.refs[i], n)
	}
	return b
}

// ReadLeft reads what was left, each by itself, and returns all results,
// aligned with the refs.
func (b *Batch[D]) ReadLeft(read func(*D) (secrets.Value, error)) []secrets.Result {
	left := b.takeLeft()
	Each(len(left), func(i int) {
		v, err := read(&b.Documents[left[i]])
		b.Set(left[i], &v, err)
	})
	return b.results
}

// Outcomes are what becomes of the documents of a Batch.
type Outcomes struct {
	refs    [][]int // of each document: the refs that it answers
	results []secrets.Result

	mu   sync.Mutex
	left []int // what batches have not settled
}

// Set stores the value of document i, once, unless there is an error. Refs that
// share a document get copies. Calls for different documents may run at the
// same time.
func (o *Outcomes) Set(i int, v *secrets.Value, err error) {
	for first, n := range o.refs[i] {
		res := &o.results[n]
		if res.Err = err; err != nil {
			continue
		}
		res.Value = *v
		if first > 0 {
			res.Value.Data = bytes.Clone(v.Data)
		}
	}
}

// Fail stores the same error for documents.
func (o *Outcomes) Fail(err error, documents ...int) {
	for _, i := range documents {
		o.Set(i, nil, err)
	}
}

// FailAll stores the same error for all documents.
func (o *Outcomes) FailAll(err error) []secrets.Result {
	for i := range o.refs {
		o.Set(i, nil, err)
	}
	return o.results
}

// Leave puts documents off to single reads.
func (o *Outcomes) Leave(documents ...int) {
	o.mu.Lock()
	o.left = append(o.left, documents...)
	o.mu.Unlock()
}

func (o *Outcomes) takeLeft() []int {
	o.mu.Lock()
	left := o.left
	o.left = nil
	o.mu.Unlock()
	return left
}
