package secretsql

import (
	"context"
	"sync"
	"time"
)

const (
	trialWait   = 2 * time.Second // for somebody else's first attempt
	trialMemory = time.Second     // of a refusal, until the resolver knows of it
)

// A gate lets one caller try a version that nobody has got in with yet, and
// the others wait for what comes of it: fifty workers with a wrong password
// are one attempt, not fifty.
type gate struct {
	mu       sync.Mutex
	accepted string // the version that somebody got in with last
	trial    *trial // the last one; nil: none
}

// A trial is the first attempt of a version.
type trial struct {
	version   string
	done      chan struct{}
	ended     bool
	rejection *loginError // why it failed; nil: otherwise, or not at all
	at        time.Time   // of the rejection
}

// enter waits until the caller may try the version, and returns what it calls
// when it has. The error is a rejection that somebody else got, or ctx's.
func (g *gate) enter(ctx context.Context, version string) (leave func(*loginError), err error) {
	var late <-chan time.Time
	for {
		g.mu.Lock()
		if g.accepted == version {
			g.mu.Unlock()
			return func(rejection *loginError) { g.leave(version, nil, rejection) }, nil
		}
		t := g.trial
		switch {
		case t == nil || t.version != version || t.ended && (t.rejection == nil || time.Since(t.at) > trialMemory):
			t = &trial{version: version, done: make(chan struct{})}
			g.trial = t
			g.mu.Unlock()
			return func(rejection *loginError) { g.leave(version, t, rejection) }, nil
		case t.ended:
			g.mu.Unlock()
			return nil, t.rejection
		}
		g.mu.Unlock()
		if late == nil {
			timer := time.NewTimer(trialWait)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-t.done:
		case <-late:
			// The database is slow rather than the password wrong.
			return func(rejection *loginError) { g.leave(version, nil, rejection) }, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// leave notes what came of an attempt; t is nil unless it was a trial.
func (g *gate) leave(version string, t *trial, rejection *loginError) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if rejection != nil {
		if g.accepted == version {
			g.accepted = "" // it was good once; the database has moved on
		}
		if t == nil && (g.trial == nil || g.trial.ended) {
			t = &trial{version: version, done: make(chan struct{})}
			g.trial = t
		}
	}
	if t != nil && !t.ended {
		t.ended, t.rejection, t.at = true, rejection, time.Now()
		close(t.done)
	}
}

// accept notes that the database took the version.
func (g *gate) accept(version string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.accepted = version
	if t := g.trial; t != nil && t.version == version && !t.ended {
		t.ended = true
		close(t.done)
	}
}

// refuse notes that the database no longer takes the version.
func (g *gate) refuse(version string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.accepted == version {
		g.accepted = ""
	}
}

func (g *gate) isAccepted(version string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return version != "" && g.accepted == version
}
