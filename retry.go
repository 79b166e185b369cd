package secrets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-secrets/secrets/internal/cache"
	"github.com/go-secrets/secrets/internal/policy"
	"github.com/go-secrets/secrets/internal/turns"
)

// Invalidate says that the database or API to which this version of a secret was
// sent has rejected it. If it is still the held version, the resolver reads the
// document again until the backend has another version, for at most 10 seconds; Get
// waits for the first of these reads, for at most a second. If another version is
// held, or s is not from this resolver, Invalidate does nothing.
func (r *Resolver) Invalidate(s Secret) {
	tx := r.cache.Lock()
	defer tx.Unlock()
	d := r.rejectable(tx, s)
	if d == nil {
		return
	}
	news := tx.NewLedger(d).Reject(tx.Version(d).ID())
	r.rejected(tx, d, news, nil)
	tx.Block(d)
}

// Retry calls fn with the secret. If fn returns an error for which rejected returns
// true, the credentials were not accepted, and Retry calls fn again with another
// version. After a rejection, by this caller or another, Retry waits for the rotation
// window (10 seconds) until the backend has another version; all callers wait for
// the same reads. If it has none, one caller at a time may try the rejected version
// again, 5 s, 30 s, 2 min and 8 min after the first rejection and then every 10 min,
// so that a password that is simply wrong locks no account. The other callers get an
// error that says so and wraps the last rejection.
//
// Retry returns nil once fn does, and every error of fn that is not a rejection.
// Otherwise it returns within 10 seconds of its first rejection, unless a
// different version came. Then the error wraps [ErrUnauthenticated] and the last
// rejection, also if ctx ends first. If there is no secret, the error is that of Get.
// Retry may call fn more than once.
func (r *Resolver) Retry(ctx context.Context, name string, rejected func(error) bool, fn func(context.Context, Secret) error) error {
	if rejected == nil || fn == nil {
		return &Error{Op: "retry", Name: brief(name), Err: invalid("both functions must be given")}
	}
	call := &turns.Call{Consumer: turns.FromContext(ctx)}
	if call.Consumer != nil { // a Retry that fn calls is not this consumer's
		inner := fn
		fn = func(ctx context.Context, s Secret) error { return inner(turns.NewContext(ctx, nil), s) }
	}
	var unheld string // a rejected version that is not held, so that no ledger remembers it
	for {
		s, err := r.Get(ctx, name)
		if err != nil {
			return r.interrupted(ctx, name, call, err)
		}
		if call.Last() != nil && unheld != "" && s.Version() == unheld { // else Retry would try it again and again
			return retryFailed(name, "", &turns.Refused{Version: unheld, Why: call.Last(), Alone: true})
		}
		pass, err := r.enter(ctx, s, call)
		if err != nil {
			return err
		}
		if pass == nil {
			continue
		}
		unheld = ""
		again, err := r.try(ctx, s, pass, rejected, fn)
		if !again {
			return err
		}
		if !r.isHeld(s) {
			unheld = s.Version()
		}
	}
}

// interrupted returns the error of Retry when Get has failed. If the context ended
// while Retry waited for another version, the caller needs to see the rejection.
func (r *Resolver) interrupted(ctx context.Context, name string, call *turns.Call, err error) error {
	if call.Last() == nil || ctx.Err() == nil {
		return err
	}
	return &Error{Op: "retry", Name: name, Err: fmt.Errorf("%w: %w (%w while waiting for another version)", ErrUnauthenticated, call.Last(), context.Cause(ctx))}
}

// try calls fn and records the result. If fn or rejected panics, or calls Goexit, try
// gives the turn back.
func (r *Resolver) try(ctx context.Context, s Secret, pass *turns.Pass, rejected func(error) bool, fn func(context.Context, Secret) error) (again bool, err error) {
	defer pass.Release()
	if err = fn(ctx, s); err == nil {
		r.accepted(s, pass)
		return false, nil
	}
	if !rejected(err) {
		return false, err
	}
	why := rejectionReason(s, err)
	tx := r.cache.Lock()
	defer tx.Unlock()
	d := r.rejectable(tx, s)
	if d == nil {
		pass.Note(err) // and the version may come back
		return true, err
	}
	news := pass.Reject(tx.NewLedger(d), err)
	r.rejected(tx, d, news, why)
	return true, err
}

// accepted records that the version of s worked.
func (n *names) accepted(s Secret, pass *turns.Pass) {
	if !n.anyRejected.Load() {
		pass.Accept(nil) // the usual case, without the lock
		return
	}
	snap := s.snapshot()
	tx := n.cache.Lock()
	var ledger *turns.Ledger
	if d := n.holder(tx, snap.name); d != nil && snap.version != nil {
		ledger = tx.Ledger(d)
	}
	tx.Unlock()
	pass.Accept(ledger)
}

// enter waits until the call may try s. The pass is nil if another version is
// held by now, or s has become too old.
func (n *names) enter(ctx context.Context, s Secret, call *turns.Call) (*turns.Pass, error) {
	snap := s.snapshot()
	if snap.version == nil {
		return turns.Free(call, ""), nil
	}
	if call.Consumer == nil && !n.anyRejected.Load() {
		return turns.Free(call, snap.version.ID()), nil
	}
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(n.cache.Context(), func() { cancel(ErrClosed) })()
	place := ""
	pass, err := turns.Enter(own, snap.version.ID(), call, func(waited bool) (turns.Situation, error) {
		tx := n.cache.Lock()
		defer tx.Unlock()
		st, at, err := n.situation(tx, snap, call, waited)
		place = at
		return st, err
	})
	var refused *turns.Refused
	switch {
	case err == nil || errors.As(err, new(*Error)):
		return pass, err
	case errors.Is(err, ErrClosed):
		return nil, &Error{Op: "retry", Name: snap.name, Err: ErrClosed}
	case errors.As(err, &refused):
		return nil, retryFailed(snap.name, place, refused)
	}
	return nil, &Error{Op: "retry", Name: snap.name, Ref: place, Err: err}
}

func retryFailed(name, place string, refused *turns.Refused) error {
	return &Error{Op: "retry", Name: name, Ref: place, Err: fmt.Errorf("%w: %w", ErrUnauthenticated, refused)}
}

// situation returns the state of the document of a secret that is to be tried. If its
// version was rejected, situation records that another is wanted.
func (n *names) situation(tx cache.Tx, snap snapshot, call *turns.Call, waited bool) (st turns.Situation, place string, err error) {
	if tx.Closed() {
		return st, "", &Error{Op: "retry", Name: snap.name, Err: ErrClosed}
	}
	d := n.holder(tx, snap.name)
	if d == nil { // it is gone: if the call has waited, Get finds out whether there is another
		return turns.Situation{Superseded: waited}, "", nil
	}
	place = placeOf(d)
	held := tx.Version(d).ID()
	if held != snap.version.ID() {
		e := n.index.find(snap.name)
		behind := e != nil && e.doc == d && e.last.Version() == snap.version.ID()
		switch { // behind: the newer version lacks the field, so Get returns the old value again
		case behind && call.Last() != nil:
			return st, place, &Error{Op: "retry", Name: snap.name, Ref: place, Err: fmt.Errorf("%w: the newer version of the document lacks the field: %w", ErrUnauthenticated, call.Last())}
		case behind:
			return st, place, nil
		}
		return turns.Situation{Superseded: true}, place, nil
	}
	if waited && !tx.Servable(d) {
		return turns.Situation{Superseded: true}, place, nil
	}
	ledger := tx.Ledger(d)
	if ledger == nil {
		return st, place, nil
	}
	st.Ledger = ledger
	at := ledger.RejectedAt(held)
	if at.IsZero() {
		return st, place, nil
	}
	outage, looking := tx.WantReplacement(d)
	st.Outage = outage
	st.Settled = time.Since(at) >= policy.RotationWindow && !looking
	return st, place, nil
}

// rejectable returns the document from which s was cut, if it holds that version;
// nil: it does not.
func (n *names) rejectable(tx cache.Tx, s Secret) *cache.Doc {
	snap := s.snapshot()
	if tx.Closed() || snap.version == nil {
		return nil
	}
	d := n.holder(tx, snap.name)
	if d == nil || !tx.Version(d).Same(snap.version) {
		return nil
	}
	return d
}

// isHeld reports whether the version of s is the one that is held.
func (n *names) isHeld(s Secret) bool {
	tx := n.cache.Lock()
	defer tx.Unlock()
	return n.rejectable(tx, s) != nil
}

// holder returns the held document from which a Secret of that name was cut; nil: it
// is not held.
func (n *names) holder(tx cache.Tx, name string) *cache.Doc {
	for {
		if e := n.index.find(name); e != nil && e.doc != nil && tx.Version(e.doc) != nil {
			return e.doc
		}
		// A Secret that Field returned has the name of the whole before its #.
		cut := strings.LastIndexByte(name, '#')
		if cut < 0 {
			return nil
		}
		name = name[:cut]
	}
}

// rejected starts reading the document until it has another version: the held one was
// just rejected. why is the reason, or nil. news: the log and the observer get an
// event.
func (n *names) rejected(tx cache.Tx, d *cache.Doc, news bool, why error) {
	n.anyRejected.Store(true)
	if news {
		e := n.eventOf(tx, EventRejected, d)
		e.Err = why
		n.events.add(e)
	}
	tx.FindReplacement(d)
}

// errQuotes is logged in place of a rejection that quotes the secret.
var errQuotes = errors.New("its reason is withheld, because it quotes the secret")

// plainKeys are the members of a database's document that an error may quote:
// those of the JSON that Secrets Manager makes, and their usual synonyms.
var plainKeys = []string{"username", "user", "host", "port", "dbname", "database", "engine", "dbInstanceIdentifier", "dbClusterIdentifier"}

// rejectionReason returns the error of a rejection for the log. A driver's error may
// quote the value that it was given; then its text is withheld.
func rejectionReason(s Secret, err error) error {
	text, snap := err.Error(), s.snapshot()
	quotes := func(value string) bool { return value != "" && strings.Contains(text, value) }
	if quotes(snap.value) {
		return errQuotes
	}
	if snap.version == nil || snap.field {
		return errors.New(text)
	}
	fields, _ := fieldsOf(snap.version) // none where it is no object
	for key := range fields {
		if value, err := fields.Member(key); err == nil && quotes(value) && !slices.Contains(plainKeys, key) {
			return errQuotes
		}
	}
	return errors.New(text)
}
