package secretstest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/go-secrets/secrets"
)

// A Harness is what [Run] needs to know of a backend: how to make the provider
// under test, how to change what is in the backend, and what it can't do. New
// and Put are required.
//
// Paths are unique to each case and run, so the backend may be shared and need
// not be empty. Every func is called by one goroutine at a time, that of the
// test.
type Harness struct {
	// New returns the provider under test, for one case. It releases what it
	// makes with t.Cleanup.
	New func(t testing.TB) secrets.Provider

	// Put makes data the document at path, as an administrator would: a
	// reader sees the old version or the new, never half of one. A backend of
	// keys and values puts it under the key that its Values name as Default.
	Put func(t testing.TB, path string, data []byte)

	// Delete removes the document at path. Nil: the backend can't.
	Delete func(t testing.TB, path string)

	// Base is [secrets.Ref.Base] of every read. Put and Delete are given the
	// path without it.
	Base string

	// Options is [secrets.Ref.Options] of every read.
	Options map[string]string

	// Path turns a name of the suite's (lower-case letters, digits and
	// slashes, the first a letter) into a path as the backend spells it. Nil:
	// as it is.
	Path func(name string) string

	// ListPath turns the start of a path, Base included, into what List takes
	// and yields for it, where that differs (names that the backend folds).
	// Nil: as it is.
	ListPath func(path string) string

	// MaxSize is the size of the largest document in bytes; 0: 1 MiB or more.
	MaxSize int

	// Settle is how long a read may still give what was there before a Put or
	// Delete; 0: the backend is consistent at once.
	Settle time.Duration

	// WatchWithin is how long a watch may take to notice; 0: 5 s.
	WatchWithin time.Duration

	// Stall has the backend take requests and answer none until resume is
	// called. Nil: reads are cancelled at random moments only.
	Stall func(t testing.TB) (resume func())

	// Provoke brings about failures that only this backend knows (a truncated
	// body, a refused decryption) while the document at path holds a canary,
	// and returns the errors, in which the suite looks for it.
	Provoke func(t testing.TB, p secrets.Provider, path string) []error

	NoBinary   bool // it holds text only
	NoEmpty    bool // it holds no empty document
	NoRecreate bool // a deleted path can't be put again soon
	NoBatch    bool // FetchBatch is unsupported here, although it is there
	NoList     bool // List is unsupported here, although it is there
	NoWatch    bool // Watch is unsupported here, although it is there
}

// Run is the conformance suite: it tells whether a provider keeps the contract
// of [secrets.Provider] and of the capabilities that it has. Each rule is a
// subtest, which explains the rule when it fails. What the harness declares
// impossible, and capabilities that the provider does not have, are skipped,
// with the reason as the message of the skip.
//
// The suite captures the default loggers of log and log/slog while it looks
// for leaks: t must not be parallel. Run it under the race detector.
func Run(t *testing.T, h Harness) {
	if h.New == nil || h.Put == nil {
		t.Fatal("secretstest: a Harness needs New and Put")
	}
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) { rule.check(t, h) })
	}
}

// A rule is one thing that a provider must do.
type rule struct {
	name    string // a sentence
	explain string // printed on failure: what is asked, and why
	cannot  func(h Harness) string
	run     func(s *suite)
}

var rules = concat(readRules, versionRules, concurrencyRules, capabilityRules, leakRules, resolverRules)

func concat(lists ...[]rule) (all []rule) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// check runs the rule against the harness's provider.
func (r rule) check(t testing.TB, h Harness) {
	if r.cannot != nil {
		if why := r.cannot(h); why != "" {
			t.Skip("declared: " + why)
		}
	}
	done := false
	defer func() {
		if t.Failed() || !done && !t.Skipped() {
			t.Log("the rule: " + r.explain)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	var id [5]byte
	_, _ = rand.Read(id[:]) // never fails
	s := &suite{TB: t, h: h, ctx: ctx, id: "t" + hex.EncodeToString(id[:])}
	s.p = h.New(t)
	r.run(s)
	done = true
}

const (
	patience = time.Minute     // for one rule, on a slow backend
	prompt   = 5 * time.Second // for what must not wait for the backend
	poll     = 10 * time.Millisecond
)

// A suite is one rule that is being checked.
type suite struct {
	testing.TB
	h   Harness
	ctx context.Context
	id  string
	p   secrets.Provider
}

// path returns the path of a name of this case's own.
func (s *suite) path(name string) string {
	name = s.id + "/" + name
	if s.h.Path != nil {
		return s.h.Path(name)
	}
	return name
}

// ref returns the reference of a name of this case's own.
func (s *suite) ref(name string) secrets.Ref { return s.refTo(s.path(name)) }

func (s *suite) refTo(path string) secrets.Ref {
	return secrets.Ref{Scheme: "conformance", Base: s.h.Base, Path: path, Options: maps.Clone(s.h.Options)}
}

// put makes data the document of a name, and returns once a read finds it.
func (s *suite) put(name, data string) secrets.Value {
	s.Helper()
	s.h.Put(s.TB, s.path(name), []byte(data))
	var v secrets.Value
	s.settled(func() error {
		var err error
		if v, err = s.fetch(s.ctx, s.ref(name)); err != nil {
			return fmt.Errorf("reading %q after a Put: %v", name, err)
		}
		got, err := text(v)
		if err != nil {
			return fmt.Errorf("reading %q after a Put: %v", name, err)
		}
		return same(data, got)
	})
	return v
}

// remove deletes a name, and returns once a read misses it.
func (s *suite) remove(name string) {
	s.Helper()
	s.h.Delete(s.TB, s.path(name))
	s.settled(func() error {
		_, err := s.fetch(s.ctx, s.ref(name))
		return isClass(err, secrets.ErrNotFound)
	})
}

// settled tries until try returns nil, for as long as the backend may take to
// become consistent, and fails with the last error.
func (s *suite) settled(try func() error) {
	s.Helper()
	deadline := time.Now().Add(s.h.Settle)
	for {
		err := try()
		if err == nil {
			return
		}
		if s.Failed() || !time.Now().Before(deadline) {
			s.Fatal(err)
		}
		<-time.After(poll)
	}
}

// fetch is one read, which may neither panic nor hang.
func (s *suite) fetch(ctx context.Context, ref secrets.Ref) (v secrets.Value, err error) {
	s.Helper()
	s.within(patience+prompt, "Fetch", func() { v, err = s.p.Fetch(ctx, ref) })
	return v, err
}

// batch is one FetchBatch, which returns as many results as it is given refs.
func (s *suite) batch(ctx context.Context, refs []secrets.Ref) (results []secrets.Result) {
	s.Helper()
	s.within(patience+prompt, "FetchBatch", func() { results = s.p.(secrets.BatchProvider).FetchBatch(ctx, refs) })
	if len(results) != len(refs) {
		s.Fatalf("FetchBatch of %d references returned %d results", len(refs), len(results))
	}
	return results
}

// within fails if do panics, or has not returned after d.
func (s *suite) within(d time.Duration, what string, do func()) {
	s.Helper()
	panicked := make(chan any, 1)
	go func() {
		var p any = "runtime.Goexit"
		defer func() {
			if r := recover(); r != nil {
				p = fmt.Sprintf("a panic with a %T", r)
			}
			panicked <- p
		}()
		do()
		p = nil
	}()
	select {
	case p := <-panicked:
		if p != nil {
			s.Fatalf("%s ended in %v", what, p)
		}
	case <-time.After(d):
		s.Fatalf("%s has not returned after %v", what, d)
	}
}

// text returns what a read of the document gives when no field is asked for.
func text(v secrets.Value) (string, error) {
	if v.Default == "" {
		return string(v.Data), nil
	}
	var object map[string]any
	if json.Unmarshal(v.Data, &object) != nil {
		return "", fmt.Errorf("the Value has a Default, and its Data is no JSON object")
	}
	member, ok := object[v.Default].(string)
	if !ok {
		return "", fmt.Errorf("the Value has a Default, and its Data no text of that key")
	}
	return member, nil
}

// same tells how two documents differ, and quotes neither.
func same(want, got string) error {
	if want == got {
		return nil
	}
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	return fmt.Errorf("the document read is not the one that was put: %d bytes instead of %d, different from byte %d on", len(got), len(want), at)
}

// classes are those that a provider may return.
var classes = []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrInvalid}
