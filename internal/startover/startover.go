// Package startover notices that a backend counts the versions of a document
// anew: a secret was deleted and made again, and its numbers start at 1 again,
// so that a number alone no longer tells two versions apart.
package startover

import "sync"

// A Numbers remembers of each document the number that was read last, and what
// tells that version from another of the same number: when it was made, or a
// hash of it. It is safe for concurrent use.
type Numbers[ID comparable] struct {
	// Rises says that the numbers of a document never fall while it lives.
	// Where older versions are read again on purpose, a lower number says
	// nothing.
	Rises bool

	mu   sync.Mutex
	seen map[string]last[ID]
}

type last[ID comparable] struct {
	number int64
	id     ID
	times  int
}

// most bounds the memory. What is forgotten is at worst a start that happens to
// meet the number that is held.
const most = 100_000

// Times notes that a number was read, and returns how often the numbers of the
// document have started over, as far as was seen.
func (n *Numbers[ID]) Times(document string, number int64, id ID) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	before, known := n.seen[document]
	if n.seen == nil || !known && len(n.seen) >= most {
		n.seen = make(map[string]last[ID])
	}
	now := last[ID]{number, id, before.times}
	if known && (number == before.number && id != before.id || n.Rises && number < before.number) {
		now.times++
	}
	n.seen[document] = now
	return now.times
}
