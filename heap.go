package secrets

// A docHeap orders documents by a number of theirs, mostly a time, the least
// first. Each document knows its place in it, so that a changed number costs
// O(log n). It is no container/heap, whose values are interfaces: a type that
// becomes one has all its methods linked into every program.
type docHeap struct {
	docs []*document
	key  func(*document) int64
	at   func(*document) *int32 // 1 + the document's index; 0: not in it; nil: nobody asks
}

// newDueHeap orders documents by when they are to be read again.
func newDueHeap() *docHeap {
	return &docHeap{
		key: func(d *document) int64 { return d.next },
		at:  func(d *document) *int32 { return &d.due },
	}
}

// newExpiryHeap orders documents by when they may no longer be served.
func newExpiryHeap() *docHeap {
	return &docHeap{
		key: func(d *document) int64 { return d.expires() },
		at:  func(d *document) *int32 { return &d.rank },
	}
}

// newMissingHeap orders documents that have no value by when they were last
// asked for.
func newMissingHeap() *docHeap {
	return &docHeap{
		key: func(d *document) int64 { return d.next },
		at:  func(d *document) *int32 { return &d.rank },
	}
}

// newUseHeap orders documents by when they were last used. It is for one sweep:
// the documents do not know their place in it.
func newUseHeap() *docHeap {
	return &docHeap{key: func(d *document) int64 { return d.lastUsed }}
}

// first returns the earliest document, or nil. It is called too seldom to be
// worth a copy in each place.
//
//go:noinline
func (h *docHeap) first() *document {
	if len(h.docs) == 0 {
		return nil
	}
	return h.docs[0]
}

// push adds d, which is not in.
func (h *docHeap) push(d *document) {
	h.docs = append(h.docs, d)
	h.move(len(h.docs)-1, d)
}

// pop takes out the earliest document and returns it; nil: there is none.
func (h *docHeap) pop() *document {
	d := h.first()
	if d != nil {
		h.take(0)
	}
	return d
}

// fix puts d where its number belongs.
func (h *docHeap) fix(d *document) {
	if i := *h.at(d); i > 0 {
		h.move(int(i-1), d)
	} else {
		h.push(d)
	}
}

// remove takes d out, if it is in.
func (h *docHeap) remove(d *document) {
	if i := *h.at(d); i > 0 {
		h.take(int(i - 1))
	}
}

// take takes out the document at i.
func (h *docHeap) take(i int) {
	d, n := h.docs[i], len(h.docs)-1
	last := h.docs[n]
	h.docs[n] = nil
	h.docs = h.docs[:n]
	if i < n {
		h.move(i, last)
	}
	if h.at != nil {
		*h.at(d) = 0
	}
}

// move puts d, whose place is i, up or down to where it belongs.
func (h *docHeap) move(i int, d *document) {
	key := h.key(d)
	for i > 0 && key < h.key(h.docs[(i-1)/2]) {
		h.set(i, h.docs[(i-1)/2])
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child+1 < len(h.docs) && h.key(h.docs[child+1]) < h.key(h.docs[child]) {
			child++
		}
		if child >= len(h.docs) || key <= h.key(h.docs[child]) {
			break
		}
		h.set(i, h.docs[child])
		i = child
	}
	h.set(i, d)
}

func (h *docHeap) set(i int, d *document) {
	h.docs[i] = d
	if h.at != nil {
		*h.at(d) = int32(i + 1)
	}
}
