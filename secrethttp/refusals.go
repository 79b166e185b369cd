package secrethttp

import (
	"sync"
	"time"

	"github.com/go-secrets/secrets"
)

const (
	askBase = 5 * time.Second // between two questions whether a refused version was replaced
	askMost = 5 * time.Minute
)

// refusals remember since when the current version is refused. A refusal need
// not be the credential's fault, for some servers say 401 where they mean 403.
// So it blocks nobody: it is asked about rarely, and waited for once.
type refusals struct {
	mu      sync.Mutex
	version string
	since   time.Time
	askAt   time.Time
	asked   int
}

// note has the resolver look for another version, unless it has just done so,
// and returns for how long this one has been refused.
func (f *refusals) note(r *secrets.Resolver, s secrets.Secret) time.Duration {
	f.mu.Lock()
	now := time.Now()
	if f.version != s.Version() {
		f.version, f.since, f.askAt, f.asked = s.Version(), now, now, 0
	}
	ask := !now.Before(f.askAt)
	if ask {
		f.askAt = now.Add(min(askBase<<min(f.asked, 10), askMost))
		f.asked++
	}
	refused := now.Sub(f.since)
	f.mu.Unlock()
	if ask {
		r.Invalidate(s)
	}
	return refused
}
