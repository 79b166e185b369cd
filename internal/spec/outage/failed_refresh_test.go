package outage

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestFailedRefresh(t *testing.T) {
	fail := func(class error) func(*testing.T) {
		return spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour))
			spectest.Get(t, r, "db")
			spectest.KeepUsing(t, r, "db")
			p.Fail("db", class)
			time.Sleep(30 * time.Minute)
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
			s := spectest.StatusOf(t, r, "db")
			assert.Equal(t, secrets.StateStale, s.State)
			assert.NotEmpty(t, s.LastError)
			assert.Positive(t, s.Failures)
			require.NoError(t, r.Healthy())
			assert.LessOrEqual(t, p.Reads("db"), 200, "refreshes back off")

			time.Sleep(31 * time.Minute)
			_, err := r.Get(t.Context(), "db")
			require.ErrorIs(t, err, class)
			assert.Equal(t, secrets.StateExpired, spectest.StatusOf(t, r, "db").State)
			require.Error(t, r.Healthy())

			p.Heal()
			time.Sleep(31 * time.Second)
			assert.Equal(t, "one", spectest.Get(t, r, "db"))
			assert.Equal(t, secrets.StateFresh, spectest.StatusOf(t, r, "db").State)
			require.NoError(t, r.Healthy())
		})
	}
	for _, class := range []error{secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrUnauthenticated, secrets.ErrPermission, secrets.ErrInvalid} {
		t.Run("serves the held value until MaxStale, then the error, and recovers: "+class.Error(), fail(class))
	}

	t.Run("that panics keeps the held value", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Panic("db", "boom")
		time.Sleep(5 * time.Minute)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		assert.Contains(t, spectest.StatusOf(t, r, "db").LastError, "panicked")
	}))

	t.Run("that brings an empty value, or no object where a field is in use, keeps the held one", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one"}`, "key": "k1"}, secrets.WithTTL(time.Minute))
		spectest.Get(t, r, "db#password")
		spectest.Get(t, r, "key")
		spectest.KeepUsing(t, r, "db#password", "key")
		p.Set("key", "")
		for _, garbage := range []string{"", "not json", `{"password":""}`, `{"password":`, `["x"]`} {
			p.Set("db", garbage)
			time.Sleep(2 * time.Minute)
			assert.Equal(t, "one", spectest.Get(t, r, "db#password"), "%s", garbage)
			assert.Equal(t, "k1", spectest.Get(t, r, "key"))
			assert.Equal(t, secrets.StateStale, spectest.StatusOf(t, r, "db").State)
		}
		p.Set("db", `{"password":"two"}`)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "two", spectest.Get(t, r, "db#password"))
	}))

	t.Run("of one document does not hold up the others of its provider", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"bad": "1", "good": "1"}, secrets.WithTTL(time.Minute))
		p.Disable(secretstest.Batch)
		spectest.Get(t, r, "bad")
		spectest.Get(t, r, "good")
		spectest.KeepUsing(t, r, "bad", "good")
		p.Fail("bad", secrets.ErrUnavailable)
		p.Set("good", "2")
		time.Sleep(3 * time.Minute)
		assert.Equal(t, "2", spectest.Get(t, r, "good"))
	}))

	t.Run("of an outage sends one probe a backoff step, however many documents there are", spectest.Bubble(func(t *testing.T) {
		docs := map[string]string{}
		var names []string
		for i := range 500 {
			name := fmt.Sprint("s", i)
			docs[name], names = "v", append(names, name)
		}
		r, p := spectest.Polled(t, docs, secrets.WithTTL(time.Minute))
		require.NoError(t, r.Preload(t.Context(), names...))
		spectest.KeepUsing(t, r, names...)
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		time.Sleep(2 * time.Minute)
		p.ResetCalls()
		time.Sleep(10 * time.Minute)
		assert.LessOrEqual(t, p.Calls().Batches, 80)
		for _, name := range names {
			p.Set(name, "w")
		}
		p.Heal()
		time.Sleep(31 * time.Second)
		for _, name := range names {
			assert.Equal(t, "w", spectest.Get(t, r, name))
		}
	}))
}

func TestRefreshingAfterAFailure(t *testing.T) {
	t.Run("is one probe at a time from the first failure on", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, nil, secrets.WithTTL(time.Minute))
		p.Disable(secretstest.Batch)
		names := spectest.Numbered("s", 50)
		for _, name := range names {
			p.Set(name, "v")
		}
		require.NoError(t, r.Preload(t.Context(), names...))
		p.Delay(secretstest.All, 100*time.Millisecond)
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		_, first := spectest.NextReads(t, r)
		spectest.SleepUntil(first.Add(50 * time.Millisecond))
		require.Equal(t, 8, p.Calls().InFlight, "nobody knows of the outage yet")
		spectest.SleepUntil(first.Add(100 * time.Millisecond))
		p.ResetCalls()
		time.Sleep(10 * time.Second)
		assert.GreaterOrEqual(t, p.Calls().Reads, 2)
		assert.Equal(t, 1, p.Calls().MaxInFlight)
	}))

	for _, class := range []error{secrets.ErrUnavailable, secrets.ErrPermission} {
		t.Run("happens when Status says: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
			spectest.Get(t, r, "db")
			p.Fail("db", class)
			for reads := 2; reads < 10; reads++ {
				next := spectest.StatusOf(t, r, "db").NextRead
				if reads == 3 {
					assert.Less(t, time.Until(next), time.Second, "the first step of the backoff is drawn from a second")
				}
				spectest.SleepUntil(next.Add(-1))
				require.Equal(t, reads-1, p.Reads("db"))
				spectest.SleepUntil(next)
				require.Equal(t, reads, p.Reads("db"))
			}
		}))
	}
}

func TestFailureOfAHeldSecret(t *testing.T) {
	failed := func(t *testing.T, class error) []secrets.EventKind {
		var l spectest.Listener
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute), l.Option())
		spectest.Get(t, r, "db")
		p.Fail("db", &spectest.RetryAfterError{Err: class, After: time.Hour})
		_, err := r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, class)
		time.Sleep(time.Millisecond)
		return spectest.KindsOf(l.Take())
	}
	for _, class := range []error{secrets.ErrPermission, secrets.ErrInvalid, secrets.ErrUnauthenticated} {
		t.Run("is told as that: "+class.Error(), spectest.Bubble(func(t *testing.T) {
			assert.Contains(t, failed(t, class), secrets.EventStale)
		}))
	}
	t.Run("is a deletion if the backend has it no more, and nothing else", spectest.Bubble(func(t *testing.T) {
		assert.Equal(t, []secrets.EventKind{secrets.EventDeleted}, failed(t, secrets.ErrNotFound))
	}))
}

func TestIdleSecretThatCannotBeRefreshed(t *testing.T) {
	// idle returns a resolver whose document db was idle, and refreshed in vain.
	idle := func(t *testing.T) (*secrets.Resolver, *secretstest.Provider) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithTTL(time.Minute))
		for range 3 {
			spectest.Get(t, r, "db")
		}
		time.Sleep(time.Hour)
		p.Fail("db", &spectest.RetryAfterError{Err: secrets.ErrPermission, After: 10 * time.Minute})
		_, err := r.Refresh(t.Context(), "db")
		require.ErrorIs(t, err, secrets.ErrPermission)
		p.Heal()
		p.Set("db", "two")
		p.ResetCalls()
		return r, p
	}

	t.Run("is idle on: nothing reads it before somebody asks", spectest.Bubble(func(t *testing.T) {
		r, p := idle(t)
		assert.Zero(t, spectest.StatusOf(t, r, "db").NextRead)
		time.Sleep(time.Hour)
		assert.Zero(t, p.Reads("db"))
		assert.Equal(t, "two", spectest.Get(t, r, "db"), "who asks then waits for a read")
	}))

	t.Run("is refreshed on for who asks while it is to be left alone", spectest.Bubble(func(t *testing.T) {
		r, p := idle(t)
		assert.Equal(t, "one", spectest.Get(t, r, "db"))
		spectest.KeepUsing(t, r, "db")
		time.Sleep(9 * time.Minute)
		assert.Zero(t, p.Reads("db"))
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "two", spectest.Get(t, r, "db"))
	}))
}
