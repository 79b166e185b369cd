// Package databases_test rotates the credentials of pools through what stands
// between a program and its database, and in front of other databases than
// those of package rotation: PgBouncer, MariaDB, users that may have one
// connection, the hooks of drivers. Their secrets are in memory.
package databases_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/pgserver"
	"github.com/go-secrets/secrets/secretstest"
)

// lag is how much later than the database the manager has a new password.
const lag = 1500 * time.Millisecond

func document(user, password string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q}`, user, password)
}

// held is a resolver of one document, db, that is not told of changes.
func held(t *testing.T, user, password string) (*secrets.Resolver, *secretstest.Provider) {
	t.Helper()
	r, p := secretstest.New(t, map[string]string{"db": document(user, password)}, secrets.WithLogger(nil), secrets.WithTTL(2*time.Second))
	p.Disable(secretstest.Watch)
	return r, p
}

// role makes a user of PostgreSQL, or changes its password.
func role(t *testing.T, pg *pgserver.Server, user, password string, options ...string) {
	t.Helper()
	pg.Exec(t, fmt.Sprintf(`DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '%[1]s') THEN ALTER ROLE %[1]s PASSWORD '%[2]s' %[3]s; ELSE CREATE ROLE %[1]s LOGIN PASSWORD '%[2]s' %[3]s; END IF; END $$`,
		user, password, strings.Join(options, " ")))
}

// A load is workers that query without end.
type load struct {
	done, failed atomic.Int64
	first        atomic.Pointer[error]
	stop         context.CancelFunc
	wg           sync.WaitGroup
}

// start has workers call query, the n-th time with n, until the load is ended.
func start(t *testing.T, workers int, query func(ctx context.Context, n int64) error) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop}
	var turn atomic.Int64
	for range workers {
		l.wg.Go(func() {
			for ctx.Err() == nil {
				queryCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
				if err := query(queryCtx, turn.Add(1)); err != nil {
					l.failed.Add(1)
					l.first.CompareAndSwap(nil, &err)
				}
				cancel()
				l.done.Add(1)
				select {
				case <-ctx.Done():
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	}
	t.Cleanup(func() { l.stop(); l.wg.Wait() })
	return l
}

// end ends the load, of which no query may have failed.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.stop()
	l.wg.Wait()
	t.Logf("%d queries, %d failed", l.done.Load(), l.failed.Load())
	if first := l.first.Load(); first != nil {
		t.Logf("the first failure: %v", *first)
	}
	require.Zero(t, l.failed.Load())
	require.Greater(t, l.done.Load(), int64(50))
}

func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
