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

// Invalidate says that this version of a secret was rejected by the database
// or API that it was shown to. If it is still the one that is held, it is
// read again, within the next 10 seconds until the backend has another one;
// Get waits for the first of these reads for at most a second. If a newer
// version is held, or s came from elsewhere, nothing happens.
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

// Retry calls fn with the secret, and again with another version if fn's error
// is one that rejected reports true for: the credentials were not accepted. A
// version that was rejected, by this caller or another, is replaced within the
// rotation window (10 seconds) if the backend has another one, and everybody
// waits for the same read. Failing that, it is tried again by one caller at a
// time, 5 s, 30 s, 2 min and 8 min after the first rejection and then every
// 10 min, so that a password that is simply wrong locks no account. The other
// callers get an error that says so and wraps the last rejection.
//
// Retry returns nil once fn does, and any error of fn that is no rejection.
// Otherwise it returns within 10 seconds of its first rejection, unless a
// different version came: with [ErrUnauthenticated] around the last rejection,
// also when ctx ends first. If there is no secret, the error is that of Get. fn
// must be fit to be called more than once.
func (r *Resolver) Retry(ctx context.Context, name string, rejected func(error) bool, fn func(context.Context, Secret) error) error {
	if rejected == nil || fn == nil {
		return &Error{Op: "retry", Name: brief(name), Err: invalid("both functions must be given")}
	}
	call := &turns.Call{Consumer: turns.FromContext(ctx)}
	if call.Consumer != nil { // what fn asks for is another matter
		inner := fn
		fn = func(ctx context.Context, s Secret) error { return inner(turns.NewContext(ctx, nil), s) }
	}
	var lost string // the version that was rejected and is not held, so that nothing remembers it
	for {
		s, err := r.Get(ctx, name)
		if err != nil {
			return r.interrupted(ctx, name, call, err)
		}
		if call.Last() != nil && lost != "" && s.Version() == lost { // else the same would be tried again and again
			return retryFailed(name, "", &turns.Refused{Version: lost, Why: call.Last(), Alone: true})
		}
		pass, err := r.enter(ctx, s, call)
		if err != nil {
			return err
		}
		if pass == nil {
			continue
		}
		lost = ""
		again, err := r.try(ctx, s, pass, rejected, fn)
		if !again {
			return err
		}
		if !r.holds(s) {
			lost = s.Version()
		}
	}
}

// interrupted returns the error of a Get. If the context ended while Retry
// looked for another version, what its caller has to know is the rejection.
func (r *Resolver) interrupted(ctx context.Context, name string, call *turns.Call, err error) error {
	if call.Last() == nil || ctx.Err() == nil {
		return err
	}
	return &Error{Op: "retry", Name: name, Err: fmt.Errorf("%w: %w (%w while waiting for another version)", ErrUnauthenticated, call.Last(), context.Cause(ctx))}
}

// try calls fn and notes what came of it. A panic or Goexit of fn or rejected
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

// accepted notes that the version of s worked.
func (r *Resolver) accepted(s Secret, pass *turns.Pass) {
	if !r.anyRejected.Load() {
		pass.Accept(nil) // the usual case, without the lock
		return
	}
	snap := s.snapshot()
	tx := r.cache.Lock()
	var ledger *turns.Ledger
	if d := r.holder(tx, snap.name); d != nil && snap.from != nil {
		ledger = tx.Ledger(d)
	}
	tx.Unlock()
	pass.Accept(ledger)
}

// enter waits until the call may try s. The pass is nil if another version is
// held by now, or s has become too old.
func (r *Resolver) enter(ctx context.Context, s Secret, call *turns.Call) (*turns.Pass, error) {
	snap := s.snapshot()
	if snap.from == nil {
		return turns.Free(call, ""), nil
	}
	if call.Consumer == nil && !r.anyRejected.Load() {
		return turns.Free(call, snap.from.ID()), nil
	}
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(r.cache.Context(), func() { cancel(ErrClosed) })()
	place := ""
	pass, err := turns.Enter(own, snap.from.ID(), call, func(waited bool) (turns.Situation, error) {
		tx := r.cache.Lock()
		defer tx.Unlock()
		st, at, err := r.situation(tx, snap, call, waited)
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

// situation tells how the document of a secret stands that is to be tried, and
// has it read for another version while its backend fails.
func (r *Resolver) situation(tx cache.Tx, snap snapshot, call *turns.Call, waited bool) (st turns.Situation, place string, err error) {
	if tx.Closed() {
		return st, "", &Error{Op: "retry", Name: snap.name, Err: ErrClosed}
	}
	d := r.holder(tx, snap.name)
	if d == nil { // once rejected it may be gone: Get knows whether there is another
		return turns.Situation{Superseded: waited}, "", nil
	}
	place = placeOf(d)
	held := tx.Version(d).ID()
	if held != snap.from.ID() {
		e := r.names.find(snap.name)
		behind := e != nil && e.doc == d && e.last.Version() == snap.from.ID()
		switch { // behind: its field is gone from the newer version, and Get has no other
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

// rejectable returns the document that s was cut from, if that is the version
// that it holds.
func (r *Resolver) rejectable(tx cache.Tx, s Secret) *cache.Doc {
	snap := s.snapshot()
	if tx.Closed() || snap.from == nil {
		return nil
	}
	d := r.holder(tx, snap.name)
	if d == nil || !tx.Version(d).Same(snap.from) {
		return nil
	}
	return d
}

// holds reports whether the version of s is the one that is held.
func (r *Resolver) holds(s Secret) bool {
	tx := r.cache.Lock()
	defer tx.Unlock()
	return r.rejectable(tx, s) != nil
}

// holder returns the document that a Secret of that name was cut from, if it
// is held.
func (r *Resolver) holder(tx cache.Tx, name string) *cache.Doc {
	for {
		if e := r.names.find(name); e != nil && e.doc != nil && tx.Version(e.doc) != nil {
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

// rejected has the document read until it has another version than the one
// that was just rejected, for the given reason, if any. news says that the log
// and the observer hear of it.
func (r *Resolver) rejected(tx cache.Tx, d *cache.Doc, news bool, why error) {
	r.anyRejected.Store(true)
	if news {
		e := r.eventOf(tx, EventRejected, d)
		e.Err = why
		r.told.add(e)
	}
	tx.FindReplacement(d)
}

// errQuotes stands in the log for a rejection that quotes the secret.
var errQuotes = errors.New("its reason is withheld, because it quotes the secret")

// plainKeys are the members of a database's document that an error may quote:
// those of the JSON that Secrets Manager makes, and their usual synonyms.
var plainKeys = []string{"username", "user", "host", "port", "dbname", "database", "engine", "dbInstanceIdentifier", "dbClusterIdentifier"}

// rejectionReason returns the error of a rejection for the log. What a driver says may
// hold the value that it was given, so that its text is withheld then.
func rejectionReason(s Secret, err error) error {
	text, snap := err.Error(), s.snapshot()
	quotes := func(value string) bool { return value != "" && strings.Contains(text, value) }
	if quotes(snap.value) {
		return errQuotes
	}
	if snap.from == nil || snap.field {
		return errors.New(text)
	}
	fields, _ := fieldsOf(snap.from) // none where it is no object
	for key := range fields {
		if value, err := fields.Member(key); err == nil && quotes(value) && !slices.Contains(plainKeys, key) {
			return errQuotes
		}
	}
	return errors.New(text)
}
