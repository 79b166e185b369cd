package rotation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/pgserver"
)

func TestAPermanentlyWrongPasswordIsTriedRarelyAndLocksNoAccount(t *testing.T) {
	t.Parallel()
	for _, p := range pools {
		t.Run(p.name, func(t *testing.T) {
			pg := pgserver.Start(t)
			role(t, pg, "app", "right")
			g := newGateway(t, vault.Addr)
			m := kvBehind(t, g.URL)
			m.put("app", "wrong-1")
			r, c := open(t, m.uri)
			q := p.open(t, r, pg)
			attempts := func(phase string, d time.Duration) {
				var at []string
				begun, asked, seen := time.Now(), c.count(), q.dials.Load()
				for time.Since(begun) < d {
					for ; seen < q.dials.Load(); seen++ {
						at = append(at, time.Since(begun).Round(100*time.Millisecond).String())
					}
					pause(t, 20*time.Millisecond)
				}
				t.Logf("%s, %v: %d attempts at the database (at %v), %d backend reads", phase, d, len(at), at, c.count()-asked)
				// One round, which is one attempt, and one a step: after 5 and 15 s.
				assert.LessOrEqual(t, len(at), 3)
				assert.LessOrEqual(t, c.count()-asked, 45, "a TTL each, and the windows after a rejection")
			}

			l := start(t, workers, 40*time.Millisecond, q.query)
			attempts("the first wrong version", 30*time.Second)
			err := l.firstFailure()
			require.ErrorIs(t, err, secrets.ErrUnauthenticated)
			assert.ErrorContains(t, err, "was rejected")
			assert.ErrorContains(t, err, "28P01")
			assert.NotContains(t, err.Error(), "wrong-1")
			t.Logf("the error: %v", err)

			m.put("app", "wrong-2")
			attempts("another wrong version", 20*time.Second)

			mended := time.Now()
			m.put("app", "right")
			require.Eventually(t, func() bool { return l.quietSince(mended) }, 15*time.Second, 10*time.Millisecond)
			t.Logf("all workers succeed %v after the right password is there", time.Since(mended).Round(time.Millisecond))
		})
	}
}

func TestABackendThatIsDownForAMinuteFailsNoQuery(t *testing.T) {
	t.Parallel()
	pg := pgserver.Start(t)
	role(t, pg, "app", "password")
	g := newGateway(t, vault.Addr)
	m := kvBehind(t, g.URL)
	m.put("app", "password")
	r, c := open(t, m.uri)
	q := openSQL(t, r, pg)
	l := start(t, workers, 40*time.Millisecond, q.query)
	pause(t, 2*time.Second)
	g.be(cut)
	pause(t, 30*time.Second)
	g.be(stopped)
	pause(t, 30*time.Second)
	require.Equal(t, secrets.StateStale, r.Status()[0].State)
	require.NoError(t, r.Healthy())
	g.be(up)
	begun := time.Now()
	require.Eventually(t, func() bool { return r.Status()[0].State == secrets.StateFresh }, 45*time.Second, 20*time.Millisecond)
	t.Logf("fresh again %v after the backend's return; %d of the reads failed", time.Since(begun).Round(time.Millisecond), c.failures)
	l.end()
	report(t, l, c, q)
}

func TestARotationDuringAnOutageIsSeenWithinFiveSecondsOfItsEnd(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]way{"connections break": cut, "it stops, and goes on": stopped} {
		t.Run(name, func(t *testing.T) {
			pg := pgserver.Start(t)
			role(t, pg, "app", "password-0")
			g := newGateway(t, vault.Addr)
			m := kvBehind(t, g.URL)
			m.put("app", "password-0")
			r, c := open(t, m.uri)
			q := openSQL(t, r, pg)
			l := start(t, workers, 40*time.Millisecond, q.query)
			pause(t, 2*time.Second)
			g.be(way)
			pause(t, 3*time.Second)
			role(t, pg, "app", "password-1")
			m.put("app", "password-1") // the backend has it, and cannot be reached
			pause(t, 20*time.Second)
			done, failed := l.figures()
			begun, reads := time.Now(), c.count()
			g.be(up)
			require.Eventually(t, func() bool { return l.quietSince(begun) }, 30*time.Second, 5*time.Millisecond)
			took := time.Since(begun)
			t.Logf("all %d workers succeed %v after the backend's return (%d queries before, %d of them failed in the outage; %d backend reads in it)",
				workers, took.Round(time.Millisecond), done, failed, reads)
			assert.Less(t, took, 5*time.Second)
			_, before := l.figures()
			pause(t, 3*time.Second)
			_, after := l.figures()
			assert.Equal(t, before, after, "nothing fails from then on")
		})
	}
}
