package rotation_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/pgserver"
	"github.com/go-secrets/secrets/internal/figures"
)

const rotations = 2

// lag is how much later than the database the manager has the new password.
const lag = 2 * time.Second

func TestAPasswordChangedInOneStepFailsNoQuery(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, pg *pgserver.Server, w *watcher, m manager, r *secrets.Resolver, c *reads, q *querier) {
		role(t, pg, "app", "password-0")
		m.put("app", "password-0")
		l := start(t, workers, 40*time.Millisecond, q.query)
		pause(t, 2*time.Second)
		for n := 1; n <= rotations; n++ {
			before, password := c.count(), fmt.Sprintf("password-%d", n)
			changed := w.now(t)
			role(t, pg, "app", password) // the database first
			pause(t, lag)
			rotated := time.Now()
			m.put("app", password)
			w.gone(t, "app", changed)
			t.Logf("rotation %d: last old connection retired %v after it; %d backend reads from the database's change on", n, time.Since(rotated).Round(time.Millisecond), c.count()-before)
			pause(t, time.Second)
		}
		l.end()
		report(t, l, c, q)
	})
}

func TestAPasswordChangedInTwoStepsFailsNoQuery(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, pg *pgserver.Server, w *watcher, m manager, r *secrets.Resolver, c *reads, q *querier) {
		users := []string{"app_a", "app_b"}
		role(t, pg, users[0], "password-0")
		role(t, pg, users[1], "unused")
		m.put(users[0], "password-0")
		l := start(t, workers, 40*time.Millisecond, q.query)
		pause(t, 2*time.Second)
		for n := 1; n <= rotations; n++ {
			before, old, next, password := c.count(), users[(n-1)%2], users[n%2], fmt.Sprintf("password-%d", n)
			role(t, pg, next, password) // whom nobody uses
			rotated := time.Now()
			m.put(next, password)
			w.gone(t, old, w.now(t).Add(time.Hour))
			t.Logf("rotation %d: last old connection retired %v after it; %d backend reads", n, time.Since(rotated).Round(time.Millisecond), c.count()-before)
			assert.Less(t, time.Since(rotated), ttl+2*time.Second, "a TTL, and what was in use")
			pause(t, time.Second)
		}
		l.end()
		report(t, l, c, q)
	})
}

// everywhere runs a test on every manager, and on the first and the second
// with a pgxpool, too.
func everywhere(t *testing.T, test func(*testing.T, *pgserver.Server, *watcher, manager, *secrets.Resolver, *reads, *querier)) {
	for i, m := range managers {
		for _, p := range pools {
			if p.name != pools[0].name && i > 1 {
				continue
			}
			t.Run(m.name+" "+p.name, func(t *testing.T) {
				pg := pgserver.Start(t)
				made := m.make(t)
				r, c := open(t, made.uri)
				test(t, pg, watch(t, pg), made, r, c, p.open(t, r, pg))
			})
		}
	}
}

// report prints the figures, and fails the test if a query failed.
func report(t *testing.T, l *load, c *reads, q *querier) {
	t.Helper()
	done, failed := l.figures()
	figures.Tell(t, "%v; %d connections tried; %d backend reads in all", l, q.dials.Load(), c.count())
	require.NoError(t, l.firstFailure())
	require.Zero(t, failed)
	require.Greater(t, done, 20*workers, "there was a load")
}
