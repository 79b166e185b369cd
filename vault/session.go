package vault

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// loginTimeout bounds one login, whoever waits for it.
const loginTimeout = 10 * time.Second

// A session holds the token that reads are made with: it logs in when there is
// none, once however many ask, and keeps the token alive (renew.go). A session
// either logs in (method), or uses what a source says (source), or sends no
// token at all, because an agent adds its own (neither).
type session struct {
	caller *caller                // for logins and renewals: never retries
	method api.AuthMethod         // nil: cannot log in
	source func() (string, error) // nil: no token from elsewhere
	renew  bool                   // keep the token alive in the background

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex
	cur     *token
	former  []*token      // replaced by us, not lapsed yet, and with leases under them
	flight  *loginFlight  // nil: no login under way
	failed  failedLogin   // the last login, if it failed
	running bool          // the renewal loop
	wake    chan struct{} // tells the loop that there is something new; capacity 1
	closed  bool
}

// A token is one generation: every login, and every change of a source, makes
// another. Its fields are the session's, under its lock.
type token struct {
	id        string
	ours      bool          // we logged in for it: we may revoke it
	made      time.Time     // when it was obtained
	ttl       time.Duration // as first granted; 0: unknown, or it never ends
	expires   time.Time     // zero: unknown, or never
	renewable bool
	known     bool      // ttl and expires are Vault's word
	next      time.Time // when the loop acts on it; zero: never
	fails     int       // renewals or logins that failed in a row
	denied    bool      // a 403 under it was looked into: the next ones are believed
	second    bool      // made because another was refused
	leased    bool      // leases were made under it
}

func newSession(c *caller, method api.AuthMethod, source func() (string, error), renew bool) *session {
	s := &session{caller: c, method: method, source: source, renew: renew, wake: make(chan struct{}, 1)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// agent reports whether something in front of the server adds the token.
func (s *session) agent() bool { return s.method == nil && s.source == nil }

// noToken is what an agent's clients send.
var noToken = &token{}

// token returns the token to use, logging in if need be.
func (s *session) token(ctx context.Context) (*token, error) {
	if s.agent() {
		return noToken, nil
	}
	if s.method == nil {
		return s.fromSource()
	}
	s.mu.Lock()
	t, closed := s.cur, s.closed
	lapsed := t != nil && !t.expires.IsZero() && !time.Now().Before(t.expires)
	s.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case t != nil && !lapsed:
		return t, nil
	}
	return s.login(ctx, t)
}

var errClosed = fault.New(secrets.ErrClosed, "the Vault provider was closed", nil)

// fromSource asks the source, and starts a generation if it says something new.
func (s *session) fromSource() (*token, error) {
	id, err := s.source()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.cur == nil || s.cur.id != id {
		s.replace(&token{id: id, made: time.Now()})
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

// refused is told of a 403 that t met, and returns the token to try again with;
// nil: there is none, and the 403 stands. Vault says "invalid token" on most
// paths (certain), and a plain "permission denied" on some. A plain one is
// looked into by one login for each generation; what is refused under the new
// token as well is a matter of policy.
func (s *session) refused(ctx context.Context, t *token, certain bool) (*token, error) {
	if s.agent() {
		return nil, nil
	}
	if s.method == nil {
		next, err := s.fromSource()
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
	// A login that is under way is worth waiting for. Otherwise a token that took
	// the place of a refused one and is refused within a second is no reason for
	// yet another.
	stop := s.flight == nil && (certain && t.second && time.Since(t.made) < time.Second || !certain && t.denied)
	s.mu.Unlock()
	if stop {
		return nil, nil
	}
	next, err := s.login(ctx, t)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.denied = true // not before: who is refused at the same time waits for the same login
	switch {
	case err == nil:
		next.second = true
		next.denied = next.denied || !certain
		return next, nil
	case certain:
		return nil, err
	}
	return nil, nil
}

// worked is told that t was accepted. A token from a source is looked up once
// then, never before: it may be good for a single use.
func (s *session) worked(t *token) {
	if s.source == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
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
	s.wg.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	var ours []string
	now := time.Now()
	for _, t := range append(s.former, s.cur) {
		if t != nil && t.ours && (t.expires.IsZero() || t.expires.After(now)) {
			ours = append(ours, t.id)
		}
	}
	s.cur, s.former = nil, nil
	return ours
}
