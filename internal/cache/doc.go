// Package cache holds documents: it reads each once, however many callers want
// it, keeps it fresh, and evicts what nobody uses. It knows no names, no JSON and
// no backends: a [Source] reads, and an [Owner] has the names that are cut from a
// document.
//
// # The states of a document
//
//	state      version  last read  a user gets            the next read
//	absent     none     failed     the failure, while it  when a user asks and the
//	                               is remembered          memory has run out
//	fresh      held     succeeded  the version            by the refresher, at the TTL
//	                                                      or when the backend says
//	stale      held     failed     the version            by the refresher, backing off
//	gone       held     Missing    the version, until     as stale
//	                               the Owner's search
//	                               has ended
//	expired    held     any        the failure, while it  when a user asks, and by the
//	                               is remembered; else    refresher, backing off
//	                               what one read returns
//
// A document expires MaxStale after its last read that succeeded, or earlier at
// the end of its version. It is also idle, whether fresh or stale, once it is due
// and no name of it was used for the idle time: then the refresher leaves it alone,
// and its next user has it read and waits for that at most 1 s. A document that is
// leased, or that a Watch or Bind follows, is never idle. It is dropped when no
// name needs it, or when it is evicted.
//
// Two settings change the table. On demand there is no refresher, and each document
// that is due waits for its next user, as an idle one does. A document with a TTL
// of 0 is read for each use.
//
// # The lock
//
// One lock guards the Cache, its documents, and the Owner's state for them. A [Tx]
// is that lock, held: what other packages call with the lock is a method of Tx or
// takes a Tx. The methods of Doc, Flight and Backend in this package are called
// with the lock, too. Code that holds the lock does not wait. It asks a Source only
// for Batch and Watches, which return at once: it claims the documents to read,
// releases the lock, and then they are read. The ledgers of rejected versions
// (package turns) have a lock of their own and call nobody.
//
// # Who calls whom
//
// A caller that needs documents makes a [Waiter], claims the documents with it and
// waits. A claim makes a Flight, the one read of a document that is under way.
// Flights that are read together are a Reading. A Reading waits for a slot and
// calls the Source. If a document that was never held fails with a transient
// error, the Reading tries it again. Then it settles: it stamps the versions, asks
// the Owner to accept them, and reports to the Owner what has changed. The
// refresher is one goroutine that runs while anything is held, unless documents are
// read on demand; it gathers the documents that are due into readings of its own.
package cache
