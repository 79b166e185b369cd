package vault

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/login"
)

// leastLogin is how long a login may take, however soon those who wait for it
// give up. It is never cut, for its credential may be good for one use.
const leastLogin = 30 * time.Second

// A session holds the token that reads are made with: it logs in when there is
// none, once however many ask, and keeps the token alive (renew.go). A session
// either logs in (method), or uses what a source says (source), or sends no
// token at all, because an agent adds its own (neither).
type session struct {
	caller  *caller                // for logins and renewals: never retries
	method  api.AuthMethod         // nil: cannot log in
	source  func() (string, error) // nil: no token from elsewhere
	instant bool                   // source cannot block: it is called without a goroutine of its own
	renew   bool                   // keep the token alive in the background

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup

	logins login.Flight[*token]
	inner  tokenText // what a source that yields more than a token stands for

	mu       sync.Mutex
	cur      *token
	unwanted *token              // what the next login is to replace
	former   []*token            // replaced by us, not lapsed yet, and with leases under them
	read     map[string]struct{} // paths that were answered lately: a refusal there is news
	running  bool                // the renewal loop
	wake     chan struct{}       // tells the loop that there is something new; capacity 1
	closed   bool
}

// mostRead bounds the memory of paths. It starts over when it is full.
const mostRead = 10_000

// A token is one generation: every login, and every change of a source, makes
// another. Its fields are the session's, under its lock.
type token struct {
	id        func() string // a func, into which no printer looks
	ours      bool          // we logged in for it: we may revoke it
	made      time.Time     // when it was obtained
	ttl       time.Duration // as first granted; 0: unknown, or it never ends
	expires   time.Time     // zero: unknown, or never
	renewable bool
	known     bool      // ttl and expires are Vault's word
	next      time.Time // when the loop acts on it; zero: never
	fails     int       // renewals or logins that failed in a row
	denied    time.Time // when a 403 under it last turned out to be a matter of policy; zero: never
	second    bool      // made because another was refused
	good      bool      // something was answered under it
	leased    bool      // leases were made under it
	limited   bool      // it is good for so many requests
	granted   int       // how many
	uses      int       // that are left of them
}

func newSession(c *caller, method api.AuthMethod, source func() (string, error), renew bool) *session {
	s := &session{caller: c, method: method, source: source, renew: renew, wake: make(chan struct{}, 1)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.logins.Attempt, s.logins.Remember, s.logins.Least = s.attempt, s.remember, leastLogin
	s.logins.Print = func() uint64 { return fingerprint(s.ctx, method) }
	s.inner.caller = c
	return s
}

func (s *session) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// agent reports whether something in front of the server adds the token.
func (s *session) agent() bool { return s.method == nil && s.source == nil }

// noToken is what an agent's clients send.
var noToken = &token{id: hidden("")}

func hidden(text string) func() string { return func() string { return text } }

// token returns the token to use, logging in if need be, and counts one use of
// it. Of a token with a number of uses as many must be left as the request
// needs: the last one ends it, with all leases under it.
func (s *session) token(ctx context.Context, needs int) (*token, error) {
	if s.agent() {
		return noToken, nil
	}
	if s.method == nil {
		return s.fromSource(ctx)
	}
	s.mu.Lock()
	t, closed := s.cur, s.closed
	ready := t != nil && (t.expires.IsZero() || time.Now().Before(t.expires)) && t.take(needs)
	s.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case ready:
		return t, nil
	}
	for {
		var err error
		if t, err = s.login(ctx, t); err != nil {
			return nil, err
		}
		s.mu.Lock()
		taken := t.take(needs)
		if !taken && t.granted < needs { // a role that gives too few: the server says so
			t.uses, taken = max(t.uses-1, 0), true
		}
		s.mu.Unlock()
		if taken { // or else those who waited for the same login have used it up
			return t, nil
		}
	}
}

// take counts one use, if as many as needed are left. What has leases under it
// is left to them. The lock is held.
func (t *token) take(needs int) bool {
	if !t.limited {
		return true
	}
	if t.uses < needs || t.leased {
		return false
	}
	t.uses--
	return true
}

var errClosed = fault.New(secrets.ErrClosed, "the Vault provider was closed", nil)

// fromSource asks the source, and starts a generation if it says something new.
func (s *session) fromSource(ctx context.Context) (*token, error) {
	ask := ask
	if s.instant {
		ask = func(context.Context, Source) (string, error) { return s.source() }
	}
	text, err := ask(ctx, s.source)
	if err != nil {
		return nil, err
	}
	id, err := s.inner.token(ctx, text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.cur == nil || s.cur.id() != id {
		s.replace(&token{id: hidden(id), made: time.Now()})
	}
	return s.cur, nil
}

// replace makes t the current token. The lock is held.
func (s *session) replace(t *token) {
	now := time.Now()
	old := s.cur
	s.cur = t
	kept := s.former[:0]
	for _, f := range s.former {
		if f.expires.After(now) {
			kept = append(kept, f)
		}
	}
	s.former = kept
	if old != nil && old.ours && old.leased && old.expires.After(now) {
		s.former = append(s.former, old)
	}
	s.poke()
}

// poke has the loop look again, and starts it the first time. The lock is held.
func (s *session) poke() {
	if !s.renew || s.closed {
		return
	}
	if !s.running {
		s.running = true
		s.wg.Add(1)
		go s.run()
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// grant notes what Vault granted, and plans the next step: a renewal after
// about two thirds, a login after about four fifths where none is possible.
func (t *token) grant(now time.Time, ttl time.Duration) {
	t.fails = 0
	if t.ttl == 0 {
		t.ttl = ttl
	}
	if ttl <= 0 { // root, or periodless for ever
		t.expires, t.next = time.Time{}, time.Time{}
		return
	}
	t.expires = now.Add(ttl)
	switch {
	case t.renewable:
		t.next = now.Add(spread(ttl, 0.62, 0.70))
	case t.ours:
		t.next = now.Add(spread(ttl, 0.76, 0.82))
	default:
		t.next = time.Time{}
	}
}

// spread draws a point between two fractions of d.
func spread(d time.Duration, from, to float64) time.Duration {
	return time.Duration(float64(d) * (from + rand.Float64()*(to-from)))
}

// lookAgain is how long after a 403 that was a matter of policy another one, on
// a path that was never answered, is looked into.
const lookAgain = 5 * time.Minute

// refused is told of a 403 that t met on a path, and returns the token to try
// again with; nil: there is none, and the 403 stands. Vault says "invalid
// token" on most paths (certain). OpenBao, and Vault before 1.17, say a plain
// "permission denied" of a token that was revoked as of one whose policies
// grant too little. A plain one is looked into by a login where the path was
// answered before, and elsewhere once for each token.
func (s *session) refused(ctx context.Context, t *token, path string, certain bool) (*token, error) {
	if s.agent() {
		return nil, nil
	}
	if s.method == nil {
		next, err := s.fromSource(ctx)
		if err != nil || next == t {
			return nil, nil // the 403 says more than a file that cannot be read
		}
		return next, nil
	}
	s.mu.Lock()
	if s.cur != t { // replaced meanwhile
		next := s.cur
		s.mu.Unlock()
		return next, nil
	}
	_, answered := s.read[path]
	look := answered || t.denied.IsZero() || time.Since(t.denied) >= lookAgain
	if certain {
		// One that took the place of a refused one, and is refused at once, is no
		// reason for yet another.
		look = !t.second || t.good || time.Since(t.made) >= time.Second
	}
	s.mu.Unlock()
	if !look {
		return nil, nil
	}
	next, err := s.login(ctx, t)
	if err != nil {
		if certain || !errors.Is(err, secrets.ErrUnauthenticated) {
			return nil, err
		}
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next.second = true
	next.take(1)
	return next, nil
}

// stands is told of a 403 that another token met as well: it is a matter of
// policy.
func (s *session) stands(t *token, path string) {
	if t == noToken {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.denied = time.Now()
	delete(s.read, path)
}

// worked is told that t was accepted. A token from a source is looked up once
// then, never before: it may be good for a single use.
func (s *session) worked(t *token, path string) {
	if s.agent() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.good = true
	if s.source == nil {
		if s.read == nil || len(s.read) >= mostRead {
			s.read = make(map[string]struct{})
		}
		s.read[path] = struct{}{}
		return
	}
	if t == s.cur && !t.known && t.next.IsZero() && t.fails == 0 {
		t.next = time.Now()
		s.poke()
	}
}

// end returns when t lapses, as far as known; zero: never.
func (s *session) end(t *token) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.expires
}

// current reports whether t is the token in use.
func (s *session) current(t *token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cur == t || s.agent()
}

// lives reports whether t is the token in use and has not lapsed.
func (s *session) lives(t *token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.agent() || s.cur == t && (t.expires.IsZero() || time.Now().Before(t.expires))
}

// spare counts a use for a lease under t, and reports whether one may be spent:
// the last one would end the lease.
func (s *session) spare(t *token) bool {
	if !t.limited {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.uses < 2 {
		return false
	}
	t.uses--
	return true
}

// leases notes that a lease was made under t.
func (s *session) leases(t *token) {
	if s.agent() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.leased = true
}

// close ends the goroutines. It returns the tokens that were logged in for and
// may still live.
func (s *session) close() []string {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.logins.Close()
	s.inner.unwraps.Close()
	s.wg.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	var ours []string
	now := time.Now()
	for _, t := range append(s.former, s.cur) {
		if t != nil && t.ours && (!t.limited || t.uses > 0) && (t.expires.IsZero() || t.expires.After(now)) {
			ours = append(ours, t.id())
		}
	}
	s.cur, s.former = nil, nil
	return ours
}
