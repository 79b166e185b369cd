package spectest

import (
	"context"
	"sync"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// A RetryAfterError is an error with the backend's word on when to ask again.
type RetryAfterError struct {
	Err   error
	After time.Duration
}

// Error is the text of Err.
func (e *RetryAfterError) Error() string { return e.Err.Error() }

// Unwrap returns Err, whose class counts.
func (e *RetryAfterError) Unwrap() error { return e.Err }

// RetryAfter returns After.
func (e *RetryAfterError) RetryAfter() time.Duration { return e.After }

// Visits notes the failed reads of a document.
type Visits struct {
	mu sync.Mutex
	at []time.Time
}

// Fail has every read of path fail from now on, and notes when it did.
func (v *Visits) Fail(p *secretstest.Provider, path string, err error) {
	p.SetFunc(path, func(context.Context) (secrets.Value, error) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.at = append(v.at, time.Now())
		return secrets.Value{}, err
	})
}

// Gaps returns the times between one read and the next.
func (v *Visits) Gaps() (gaps []time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := 1; i < len(v.at); i++ {
		gaps = append(gaps, v.at[i].Sub(v.at[i-1]))
	}
	return gaps
}
