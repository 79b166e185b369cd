// Package cache holds documents: it reads each once, however many callers want
// it, keeps it fresh, and evicts what nobody uses. It knows no names, no JSON and
// no backends: a [Source] reads, and an [Owner] has the names that are cut from a
// document.
//
// # The states of a document
//
//	state      version   last read   a user is served      read again
//	missing    none      failed      the failure, while    when a user asks and the
//	                                 it is remembered      memory has run out
//	fresh      held      succeeded   the version           by the refresher, at its TTL
//	idle       held      succeeded   the version, after    when a user asks
//	                                 a read, for which it
//	                                 waits at most 1 s
//	stale      held      failed      the version           by the refresher, backing off
//	expired    held      any         the result of one     when a user asks, and by the
//	                                 more read             refresher, backing off
//	gone       held      Missing     what the Owner finds  as stale
//	                                 elsewhere
//	dropped    any       any         nothing: it was       never
//	                                 evicted
//
// A document is stale until a read succeeds; if none does, it expires after
// MaxStale, or earlier at the end of its version. It is idle once it is due and no
// name of it was used for the idle time. A document that is leased, or that a
// Watch or Bind follows, is never idle.
//
// # The lock
//
// One lock guards the Cache, its documents, and the Owner's state for them. A [Tx]
// is that lock, held: code that needs the lock is a method of Tx or takes a Tx.
// While code holds the lock it does not wait and does not call a Source: it claims
// the documents to read, releases the lock, and then they are read. The ledgers of
// rejected versions (package turns) have a lock of their own and call nobody.
//
// # Who calls whom
//
// A caller that needs documents makes a [Waiter], claims the documents with it and
// waits. A claim makes a Flight, the one read of a document that is under way.
// Flights that are read together are a Reading. A Reading waits for a slot and
// calls the Source. If a document that was never held fails with a transient
// error, the Reading tries it again. Then it settles: it stamps the versions, asks
// the Owner to accept them, and reports to the Owner what has changed. The
// refresher is one goroutine that runs while anything is held; it gathers the
// documents that are due into readings of its own.
package cache
