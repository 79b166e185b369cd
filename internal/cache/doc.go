// Package cache holds documents: it reads each once, however many want it, keeps
// it fresh, and evicts what nobody uses. It knows no names, no JSON and no
// backends: a [Source] reads, and an [Owner] has the names that are cut from a
// document.
//
// # The states of a document
//
//	state      version   last read   a user is served      read again
//	missing    none      failed      the failure, while    when a user asks and the
//	                                 it is remembered      memory has run out
//	fresh      held      succeeded   the version           by the refresher, at its TTL
//	idle       held      succeeded   the version, after    when a user asks
//	                                 one read that it
//	                                 waits a second for
//	stale      held      failed      the version           by the refresher, backing off
//	expired    held      any         what one more read    when a user asks, and by the
//	                                 returns               refresher, backing off
//	gone       held      Missing     what the Owner finds  as stale
//	                                 elsewhere
//	dropped    any       any         nobody has it         never
//
// A document is stale until a read succeeds, for MaxStale or until its own end
// at most; then it is expired. It is idle once it is due and no name of it was
// used for the idle time, unless somebody follows it or it is leased.
//
// # The lock
//
// One lock guards the Cache, its documents, and what the Owner keeps of them. A
// [Tx] is that lock, held: what needs it is a method of Tx or takes one. Nothing
// waits while it holds the lock, and nothing calls a Source: what is to be read
// is claimed with the lock and read without it. The ledgers of rejected versions
// (package turns) have a lock of their own and call nobody.
//
// # Who calls whom
//
// Whoever must know a document makes a [Waiter], claims documents with it and
// waits. A claim makes a Flight, the one read of a document that is under way;
// the flights that are read together are a Reading. A reading waits for a slot,
// calls the Source, tries what was never held again while it fails, and settles:
// it stamps the versions, has the Owner accept them, and tells the Owner what has
// changed. The refresher, one goroutine that runs while anything is held, gathers
// what is due into readings of its own.
package cache
