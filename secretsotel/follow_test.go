package secretsotel_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretsotel"
	"github.com/go-secrets/secrets/secretstest"
)

// holding is a resolver that tel follows and that holds db; it is stale after
// a refresh that failed, if failing.
func holding(t *testing.T, tel *secretsotel.Telemetry, failing bool) (r *secrets.Resolver, p *secretstest.Provider, stop func() error) {
	t.Helper()
	r, p = secretstest.New(t, map[string]string{"db": "one"}, secrets.WithObserver(tel.Observe), secrets.WithLogger(nil), secrets.WithTTL(time.Hour))
	stop, err := tel.Follow(r)
	require.NoError(t, err)
	_, err = r.Get(t.Context(), "db")
	require.NoError(t, err)
	if failing {
		p.Fail("db", secrets.ErrPermission)
		_, err = r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
	}
	return r, p, stop
}

func about(lines []string, metric string) []string {
	var some []string
	for _, line := range lines {
		if strings.HasPrefix(line, metric+"{") {
			some = append(some, strings.TrimPrefix(line, metric))
		}
	}
	return some
}

func TestSeveralResolvers(t *testing.T) {
	t.Parallel()

	t.Run("are told apart by their names, and none hides that another is stale", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t)
			stale, fresh := b.tel.Named("billing"), b.tel.Named("orders")
			_, p, _ := holding(t, stale, true)
			time.Sleep(10 * time.Second)
			holding(t, fresh, false)
			synctest.Wait()
			now := b.metrics(t)
			assert.Equal(t, []string{"{provider= resolver=billing}: 10.00 s", "{provider= resolver=orders}: 0.00 s"}, about(now, "secrets.document.staleness"))
			assert.Equal(t, []string{"{provider= resolver=billing}: 10.00 s", "{provider= resolver=orders}: 0.00 s"}, about(now, "secrets.document.age"))
			assert.Equal(t, []string{"{provider= resolver=billing state=stale}: 1", "{provider= resolver=orders state=fresh}: 1"}, about(now, "secrets.documents"))
			assert.Contains(t, strings.Join(about(now, "secrets.events"), "\n"), "{error.type=permission_denied event=stale provider= resolver=billing}")
			assert.Contains(t, strings.Join(about(now, "secrets.backend.read.documents"), "\n"), "resolver=orders")
			p.Heal()
		})
	})

	t.Run("without names are numbered, from the second on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t)
			_, _, stop := holding(t, b.tel, true)
			time.Sleep(10 * time.Second)
			holding(t, b.tel, false)
			holding(t, b.tel.Named("x"), false)
			holding(t, b.tel.Named("x"), false)
			assert.Equal(t, []string{"{provider= resolver=2}: 0.00 s", "{provider= resolver=x-2}: 0.00 s", "{provider= resolver=x}: 0.00 s", "{provider=}: 10.00 s"},
				about(b.metrics(t), "secrets.document.staleness"))
			require.NoError(t, stop())
			require.NoError(t, stop(), "once more does no harm")
			holding(t, b.tel, false)
			assert.Contains(t, about(b.metrics(t), "secrets.document.staleness"), "{provider=}: 0.00 s", "what is free again is used again")
		})
	})

	t.Run("of one document are stale and fresh on their own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t)
			holding(t, b.tel, true)
			r, p, _ := holding(t, b.tel, true)
			time.Sleep(5 * time.Second)
			b.metrics(t)
			p.Heal()
			_, err := r.Refresh(t.Context(), "db")
			require.NoError(t, err)
			time.Sleep(5 * time.Second)
			assert.Equal(t, []string{"{provider= resolver=2}: 0.00 s", "{provider=}: 10.00 s"}, about(b.metrics(t), "secrets.document.staleness"))
		})
	})

	t.Run("are each reported once, however often they are followed, until the last stop", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t)
			r, _, first := holding(t, b.tel, false)
			second, err := b.tel.Follow(r)
			require.NoError(t, err)
			assert.Equal(t, []string{"{provider= state=fresh}: 1"}, about(b.metrics(t), "secrets.documents"))
			require.NoError(t, first())
			assert.Len(t, about(b.metrics(t), "secrets.documents"), 1)
			require.NoError(t, second())
			assert.Empty(t, about(b.metrics(t), "secrets.documents"))
		})
	})
}

func TestDocumentsThatFallOnOneSeriesAreToldByTheWorst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		r, p := secretstest.New(t, map[string]string{"a": "1", "b": "2", "c": "3"}, secrets.WithObserver(b.tel.Observe), secrets.WithLogger(nil), secrets.WithTTL(time.Hour))
		_, err := b.tel.Follow(r)
		require.NoError(t, err)
		require.NoError(t, r.Preload(t.Context(), "a", "b", "c"))
		p.Fail("b", secrets.ErrPermission)
		_, err = r.Refresh(t.Context(), "b")
		require.Error(t, err)
		time.Sleep(time.Second)
		assert.Equal(t, []string{"{provider=}: 1.00 s"}, about(b.metrics(t), "secrets.document.staleness"))
		assert.ElementsMatch(t, []string{"{provider= state=fresh}: 2", "{provider= state=stale}: 1"}, about(b.metrics(t), "secrets.documents"))
	})
}

func TestFollowWhileMetricsAreCollected(t *testing.T) {
	t.Parallel()
	b := start(t)
	r, _ := secretstest.New(t, map[string]string{"db": "one"}, secrets.WithObserver(b.tel.Observe), secrets.WithLogger(nil))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			stop, err := b.tel.Follow(r)
			assert.NoError(t, err)
			assert.NoError(t, stop())
		}
	}()
	for range 200 {
		b.metrics(t)
	}
	<-done
}
