package secrets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
)

// How values are held.
//
// A name is found in a document (search.go), and package internal/cache holds the
// documents: it reads each once, however many callers want it, keeps it fresh, backs
// off after failures, and evicts documents that nobody uses. It knows neither names
// nor providers. This file connects the two:
//
//   - Down, a [Provider] is a source of the cache (source.go). A failed read has a
//     kind, which follows from the error's class. Every failure keeps the held
//     version until it expires. ErrNotFound also has the names of the document
//     searched for anew. A document that was never held is tried again at once
//     while its failure is transient.
//   - Up, the owner: the cache asks it about the names that are cut from a
//     document, and reports changes of the document to it. When a document has
//     another version, the owner first withdraws all its names and then publishes
//     one after the other. So a caller that has seen the new version by one name
//     sees no older version by another, unless the field of that other name is
//     gone from the new version: its value stays until the name is found elsewhere
//     or expires.
//
// One lock guards names and documents. A cache.Tx is that lock, held; a function
// that needs the lock takes a Tx, or says so in its comment.

// newCache returns the cache of a resolver.
func (n *names) newCache() *cache.Cache {
	return cache.New(cache.Config{
		TTL: n.ttl, MaxStale: n.maxStale, Timeout: n.timeout, Idle: n.idle, NegativeTTL: n.negativeTTL,
		MaxEntries: n.maxEntries, OnDemand: n.onDemand, Clock: n.clock,
		Errors: cache.Errors{
			Closed: ErrClosed, Exited: errExited, Abandoned: errAbandoned, Timeout: freeze(context.DeadlineExceeded),
			Expired: func(then time.Time) error {
				return fmt.Errorf("%w: what the backend returned expired at %s; is a clock wrong?", ErrUnavailable, then.UTC().Format(time.RFC3339))
			},
		},
	}, owner{n})
}

// The owner of the cache's documents has the names that are cut from them.
type owner struct{ *names }

func (o owner) Prepare(v *cache.Version, wants uint8) { prepare(v, wants) }

// Accept refuses a version that would break a name which is held: the version is no
// longer a JSON object although fields are in use, it cannot be decoded, or the
// value of the name has become empty.
func (o owner) Accept(_ cache.Tx, d *cache.Doc, next *cache.Version) cache.Outcome {
	for e := entries(d); e != nil; e = e.sibling {
		text, err := e.part.cut(next)
		if errors.Is(err, ErrNotFound) { // it may have moved
			continue
		}
		if err == nil {
			err = e.checkEmpty(text)
		}
		if err != nil {
			return failure(err)
		}
	}
	return cache.Outcome{}
}

// Changed publishes or withdraws the names of a document.
func (o owner) Changed(tx cache.Tx, d *cache.Doc, c cache.Change) {
	switch c {
	case cache.Replaced:
		o.withdraw(d)
		o.cutAnew(tx, d)
		o.toSearch = append(o.toSearch, o.referred[d]...)
	case cache.Confirmed:
		o.cutAnew(tx, d)
	case cache.Gone:
		for e := entries(d); e != nil; e = e.sibling {
			o.toSearch = append(o.toSearch, e)
		}
		o.toSearch = append(o.toSearch, o.referred[d]...)
		o.publish(tx, d)
	case cache.Failed:
		o.publish(tx, d)
	case cache.Withdrawn:
		o.withdraw(d)
	case cache.Expired:
		o.withdraw(d)
		o.notify(d) // a Bind on it is out of date from now on
	case cache.Hinted:
		o.notify(d)
	}
}

// cutAnew cuts the names of a document from the version that it holds now.
func (o owner) cutAnew(tx cache.Tx, d *cache.Doc) {
	v := tx.Version(d)
	for e := entries(d); e != nil; e = e.sibling {
		text, err := e.part.cut(v)
		if err != nil || e.part.refers(v, text) {
			o.toSearch = append(o.toSearch, e)
			o.names.publish(tx, e)
			o.names.notify(e) // a follower looks again when the held value becomes too old
			continue
		}
		changed := e.renew(v, text)
		o.names.publish(tx, e)
		if changed {
			o.names.notify(e)
		}
	}
}

func (o owner) publish(tx cache.Tx, d *cache.Doc) {
	for e := entries(d); e != nil; e = e.sibling {
		o.names.publish(tx, e)
	}
}

func (o owner) withdraw(d *cache.Doc) {
	for e := entries(d); e != nil; e = e.sibling {
		e.withdraw()
	}
}

func (o owner) notify(d *cache.Doc) {
	for e := entries(d); e != nil; e = e.sibling {
		o.names.notify(e)
	}
}

// Settled searches for the names that are gone from their documents, or that a
// changed value may refer to another document.
func (o owner) Settled(tx cache.Tx) {
	toSearch := o.toSearch
	o.toSearch = nil
	for _, e := range toSearch {
		if !e.dead {
			o.relocate(tx, e)
		}
	}
}

// Used reports whether a name of the document was asked for.
func (o owner) Used(_ cache.Tx, d *cache.Doc, clear bool) (used bool) {
	for e := entries(d); e != nil; e = e.sibling {
		if !e.used.Load() {
			continue
		}
		used = true
		if !clear {
			return true
		}
		e.used.Store(false)
	}
	return used
}

// Followed reports whether a Watch or Bind follows a name of the document.
func (o owner) Followed(_ cache.Tx, d *cache.Doc) bool {
	for e := entries(d); e != nil; e = e.sibling {
		if len(o.subs[e]) > 0 {
			return true
		}
	}
	return false
}

// Dependents returns the documents to which a document's value refers names.
func (o owner) Dependents(_ cache.Tx, d *cache.Doc) (docs []*cache.Doc) {
	for _, e := range o.referred[d] {
		if e.doc != nil {
			docs = append(docs, e.doc)
		}
	}
	return docs
}

// Evict drops the names of a document, and those that its value refers to another
// document: the next Get searches for them.
func (o owner) Evict(tx cache.Tx, d *cache.Doc) {
	for e := entries(d); e != nil; e = entries(d) {
		o.dropEntry(tx, e)
	}
	for len(o.referred[d]) > 0 {
		o.dropEntry(tx, o.referred[d][0])
	}
}

// Along returns the exact documents of the names that live in d as their parent. If
// such a document exists by now, its name moves there.
func (o owner) Along(tx cache.Tx, d *cache.Doc) (docs []*cache.Doc) {
	for e := entries(d); e != nil; e = e.sibling {
		if e.part.parent && e.part.site.exact {
			at := e.exact()
			exact := tx.Doc(at.site.folder.space, at.path, at.site.ttl)
			exact.Asked = true
			docs = append(docs, exact)
		}
	}
	return docs
}

// exact returns the exact document's place of a name that lives in its parent.
func (e *entry) exact() *place {
	return &place{part: &e.part.site.all, path: e.doc.Path() + "/" + e.part.field}
}

// Moved moves each name of a document that has an exact document by now.
func (o owner) Moved(d *cache.Doc) {
	tx := o.cache.Lock()
	defer tx.Unlock()
	if tx.Closed() {
		return
	}
	var moving []*entry
	for e := entries(d); e != nil; e = e.sibling {
		if e.part.parent && e.part.site.exact {
			moving = append(moving, e)
		}
	}
	for _, e := range moving {
		o.moveToExact(tx, e)
	}
}

// moveToExact moves a name from its parent to its exact document, if there is one.
func (o owner) moveToExact(tx cache.Tx, e *entry) {
	at := e.exact()
	at.doc = tx.Peek(at.site.folder.space, at.path)
	if at.doc == nil || !tx.Servable(at.doc) || tx.Gone(at.doc) {
		return
	}
	if at.site.follow != followNone { // it may be a reference, which a search follows
		o.relocate(tx, e)
		return
	}
	v := tx.Version(at.doc)
	text, err := at.cut(v)
	if err == nil && tx.Servable(e.doc) {
		err = e.checkEmpty(text)
	}
	if err == nil { // a name that cannot be cut stays where it is
		o.attach(tx, e.name, at, v, text)
	}
}

// Tick promotes new names, and forgets old deletions.
func (o owner) Tick(tx cache.Tx) {
	if o.index.misses > 0 {
		o.index.promote() // so that the next Get of a new name is fast
	}
	o.deletions(tx.Now(), func(string, *deletion) {})
}

// Report queues an event: something happened to a document.
func (o owner) Report(tx cache.Tx, e cache.Event) {
	event := o.eventOf(tx, eventKinds[e.Kind], e.Doc)
	if event.quiet = e.Quiet; e.Err != nil {
		event.Err, event.Class = e.Err, classOf(e.Err)
	}
	o.events.add(event)
}

var eventKinds = [...]EventKind{
	cache.EventChanged: EventChanged, cache.EventStale: EventStale, cache.EventRecovered: EventRecovered, cache.EventExpired: EventExpired,
}

// ReportRead queues an event: a call of a provider has ended.
func (o owner) ReportRead(_ cache.Tx, call cache.Call) {
	p := call.Backend.Source.(*provider)
	e := &Event{Kind: EventRead, Provider: p.scheme, Documents: len(call.Docs), Refresh: call.Refresh, Duration: call.Took}
	if len(call.Docs) == 1 {
		e.Document = placeOf(call.Docs[0])
	}
	for i := range call.Outcomes {
		if err := call.Outcomes[i].Err; err != nil && (e.Err == nil || errors.Is(e.Err, ErrNotFound)) {
			e.Err, e.Class = err, classOf(err)
		}
	}
	o.events.add(e)
}

// eventOf returns an event about a document that holds a version.
func (n *names) eventOf(tx cache.Tx, kind EventKind, d *cache.Doc) *Event {
	return &Event{
		Kind: kind, Provider: schemeOf(d), Document: placeOf(d), Names: namesOf(d),
		Version: tx.Version(d).ID(), Age: tx.Age(d), Failures: tx.Status(d).Failures,
	}
}
