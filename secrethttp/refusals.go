package secrethttp

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/policy"
)

const (
	maxHosts  = 64  // of which refusals are remembered
	maxRoutes = 256 // of a host that are remembered to have taken the version

	// windowEvery is the least time between the beginnings of two windows in
	// which a host's requests wait for another version.
	windowEvery = 30 * time.Second
)

// refusals remember, for each host, since when the current version is refused.
// A refusal need not be the credential's fault, for some servers say 401 where
// they mean 403, and one endpoint may refuse what all others take. So it
// blocks nobody and rejects no version: it only has the secret read, on the
// schedules that rejected versions share.
type refusals struct {
	mu    sync.Mutex // guards what follows
	hosts map[string]*refusal
}

// A refusal is of one version by one host.
type refusal struct {
	version string
	since   time.Time           // when the window began; zero: nothing was refused
	nextAt  time.Time           // of the next read
	reads   int                 // within the window
	turns   int                 // after it
	took    map[string]struct{} // routes that took the version
}

// of returns what is known of a host and a version. It needs the lock.
func (f *refusals) of(host, version string) *refusal {
	h := f.hosts[host]
	if h != nil && h.version == version {
		return h
	}
	if f.hosts == nil || h == nil && len(f.hosts) >= maxHosts {
		f.hosts = map[string]*refusal{} // they are learned again
	}
	h = &refusal{version: version, took: map[string]struct{}{}}
	f.hosts[host] = h
	return h
}

func route(req *http.Request) string { return req.Method + " " + req.URL.Path }

// took notes that a host took the version of s.
func (f *refusals) took(req *http.Request, s secrets.Secret) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.of(hostPort(req.URL), s.Version())
	if len(h.took) < maxRoutes {
		h.took[route(req)] = struct{}{}
	}
}

// note has the secret read if that is due after a refusal of s, and waits for
// nothing. It returns for how long s has been refused, and when the next read
// is due.
//
// What took the version before and refuses it now begins a new window, for the
// credential may have been rotated. What always refused it does not.
func (f *refusals) note(r *secrets.Resolver, name string, req *http.Request, s secrets.Secret) (refused time.Duration, next time.Time) {
	f.mu.Lock()
	now := time.Now()
	h := f.of(hostPort(req.URL), s.Version())
	_, news := h.took[route(req)]
	delete(h.took, route(req))
	if h.since.IsZero() || news && now.Sub(h.since) >= windowEvery {
		h.since, h.nextAt, h.reads, h.turns = now, now, 0, 0
	}
	refused = now.Sub(h.since)
	due := !now.Before(h.nextAt)
	if due {
		h.nextAt = now.Add(h.wait(refused))
	}
	next = h.nextAt
	f.mu.Unlock()
	if due {
		_, _ = r.Refresh(done, name) // what comes of it, Watch and Status tell
	}
	return refused, next
}

// wait returns the time until the next read.
func (h *refusal) wait(refused time.Duration) time.Duration {
	if refused < policy.RotationWindow {
		h.reads++
		return policy.Window(h.reads - 1)
	}
	h.turns++
	return policy.Turn(h.turns)
}

// done is a context for which nothing is waited.
var done = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
