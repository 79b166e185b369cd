package cache

import "container/heap"

// A docHeap orders documents by a number, mostly a time, the least first. Each
// document knows its index in the heap, so that a change of its number costs
// O(log n).
type docHeap struct {
	docs []*Doc
	key  func(*Doc) int64
	at   func(*Doc) *int32 // 1 + the document's index; 0: not in it
}

// newDueHeap orders documents by when they are read again.
func newDueHeap() *docHeap {
	return &docHeap{
		key: func(d *Doc) int64 { return d.next },
		at:  func(d *Doc) *int32 { return &d.due },
	}
}

// newExpiryHeap orders documents by when they may no longer be served.
func newExpiryHeap() *docHeap {
	return &docHeap{
		key: func(d *Doc) int64 { return d.expires() },
		at:  func(d *Doc) *int32 { return &d.rank },
	}
}

// newMissingHeap orders documents that hold no version by when they were last
// asked for.
func newMissingHeap() *docHeap {
	return &docHeap{
		key: func(d *Doc) int64 { return d.next },
		at:  func(d *Doc) *int32 { return &d.rank },
	}
}

// first returns the earliest document, or nil.
func (h *docHeap) first() *Doc {
	if len(h.docs) == 0 {
		return nil
	}
	return h.docs[0]
}

// fix puts d where its number belongs.
func (h *docHeap) fix(d *Doc) {
	if i := *h.at(d); i > 0 {
		heap.Fix(h, int(i-1))
	} else {
		heap.Push(h, d)
	}
}

// remove takes d out, if it is in.
func (h *docHeap) remove(d *Doc) {
	if i := *h.at(d); i > 0 {
		heap.Remove(h, int(i-1))
	}
}

// Len, Less, Swap, Push and Pop are the methods of heap.Interface.
func (h *docHeap) Len() int { return len(h.docs) }

func (h *docHeap) Less(i, j int) bool { return h.key(h.docs[i]) < h.key(h.docs[j]) }

func (h *docHeap) Swap(i, j int) {
	h.docs[i], h.docs[j] = h.docs[j], h.docs[i]
	*h.at(h.docs[i]), *h.at(h.docs[j]) = int32(i+1), int32(j+1)
}

func (h *docHeap) Push(x any) {
	d := x.(*Doc)
	h.docs = append(h.docs, d)
	*h.at(d) = int32(len(h.docs))
}

func (h *docHeap) Pop() any {
	n := len(h.docs) - 1
	d := h.docs[n]
	h.docs[n] = nil
	h.docs = h.docs[:n]
	*h.at(d) = 0
	return d
}
