package observing

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestStatus(t *testing.T) {
	t.Run("tells a document each, with its names, sorted by where they live", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": `{"user":"u","password":"p"}`, "api/key": "k"})
		spectest.Get(t, r, "db#user")
		spectest.Get(t, r, "db/password")
		spectest.Get(t, r, "api/key")
		all := r.Status()
		require.Len(t, all, 2)
		assert.Equal(t, "api/key", all[0].Document)
		assert.Equal(t, "db", all[1].Document)
		assert.Equal(t, []string{"db#user", "db/password"}, all[1].Names)
	}))

	t.Run("of what is fresh has version, time of the read and the next one", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(map[string]string{"prod/db": "one"})
		r := spectest.Open(t, f.Scheme+"://prod")
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		read := time.Now()
		time.Sleep(time.Minute)
		require.Len(t, r.Status(), 1)
		st := r.Status()[0]
		assert.Equal(t, f.Scheme, st.Provider)
		assert.Equal(t, f.Scheme+"://prod/db", st.Document)
		assert.Equal(t, []string{"db"}, st.Names)
		assert.Equal(t, secrets.StateFresh, st.State)
		assert.Equal(t, s.Version(), st.Version)
		assert.True(t, st.FetchedAt.Equal(read))
		assert.True(t, s.FetchedAt().Equal(read))
		assert.WithinRange(t, st.NextRead, read.Add(4*time.Minute), read.Add(5*time.Minute))
		assert.Zero(t, st.Failures)
		assert.Empty(t, st.Class+st.LastError)
		assert.Zero(t, st.Expires)
		assert.Zero(t, st.RejectedAt)
	}))

	t.Run("says stale from the first failed refresh, why, and how often", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Fail("db", secrets.ErrPermission)
		time.Sleep(5*time.Minute + time.Millisecond)
		synctest.Wait()
		st := spectest.StatusOf(t, r, "db")
		assert.Equal(t, secrets.StateStale, st.State)
		assert.GreaterOrEqual(t, st.Failures, 1)
		assert.Equal(t, "permission denied", st.Class)
		assert.Contains(t, st.LastError, "permission denied")
		assert.NotEmpty(t, st.Version, "it is still served")
		before := st.Failures
		time.Sleep(5 * time.Minute)
		assert.Greater(t, spectest.StatusOf(t, r, "db").Failures, before)
		p.Fail("db", nil)
		time.Sleep(time.Minute)
		assert.Equal(t, secrets.StateFresh, spectest.StatusOf(t, r, "db").State)
		assert.Zero(t, spectest.StatusOf(t, r, "db").Failures)
	}))

	t.Run("says expired past MaxStale, and fresh when it was read again", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"}, secrets.WithMaxStale(time.Hour))
		spectest.Get(t, r, "db")
		p.Fail("db", secrets.ErrUnavailable)
		spectest.KeepUsing(t, r, "db")
		time.Sleep(61 * time.Minute)
		assert.Equal(t, secrets.StateExpired, spectest.StatusOf(t, r, "db").State)
		p.Heal()
		time.Sleep(time.Minute)
		assert.Equal(t, secrets.StateFresh, spectest.StatusOf(t, r, "db").State)
	}))

	t.Run("says missing of what was asked for and is not there, and not of its parent", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"gone": "x"})
		_, err := r.Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
		p.Fail("down", secrets.ErrUnavailable)
		_, err = r.Get(t.Context(), "down")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		all := r.Status()
		require.Len(t, all, 2)
		assert.Equal(t, []string{"db/password"}, all[0].Names)
		assert.Equal(t, secrets.StateMissing, all[0].State)
		assert.Equal(t, "not found", all[0].Class)
		assert.Equal(t, []string{"down"}, all[1].Names)
		assert.Equal(t, secrets.StateMissing, all[1].State)
		assert.Equal(t, "unavailable", all[1].Class)
	}))

	t.Run("says missing of what was deleted", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		spectest.KeepUsing(t, r, "db")
		p.Delete("db")
		time.Sleep(6 * time.Minute)
		st := spectest.StatusOf(t, r, "db")
		assert.Equal(t, secrets.StateMissing, st.State)
		assert.Empty(t, st.Version)
	}))

	t.Run("says missing of a reference by the app's name, not by its path", spectest.Bubble(func(t *testing.T) {
		f := spectest.NewFake(nil)
		r := spectest.Open(t, f.Scheme+"://", secrets.WithReferences(map[string]string{"legacy/": f.Scheme + "://old", "stripe/key": f.Scheme + "://prod/stripe"}))
		for _, name := range []string{"legacy/key", "stripe/key"} {
			_, err := r.Get(t.Context(), name)
			require.ErrorIs(t, err, secrets.ErrNotFound)
		}
		all := r.Status()
		require.Len(t, all, 2)
		assert.Equal(t, f.Scheme+"://old/key", all[0].Document)
		assert.Equal(t, []string{"legacy/key"}, all[0].Names)
		assert.Equal(t, f.Scheme+"://prod/stripe", all[1].Document)
		assert.Equal(t, []string{"stripe/key"}, all[1].Names)
	}))

	t.Run("of a lease tells its end", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Lent(t)
		spectest.Get(t, r, "creds")
		st := spectest.StatusOf(t, r, "creds")
		assert.WithinDuration(t, time.Now().Add(10*time.Minute), st.Expires, time.Millisecond)
		assert.WithinDuration(t, time.Now().Add(5*time.Minute), st.NextRead, time.Millisecond)
	}))

	t.Run("of an idle document has no next read", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		time.Sleep(time.Hour)
		assert.Zero(t, spectest.StatusOf(t, r, "db").NextRead)
		assert.Equal(t, secrets.StateFresh, spectest.StatusOf(t, r, "db").State)
	}))

	t.Run("tells when the held version was rejected", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"})
		s, err := r.Get(t.Context(), "db")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		r.Invalidate(s)
		assert.True(t, spectest.StatusOf(t, r, "db").RejectedAt.Equal(time.Now()))
	}))

	t.Run("does no I/O and waits for none", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		p.Block("other")
		go func() { _, _ = r.Get(t.Context(), "other") }()
		synctest.Wait()
		p.ResetCalls()
		start := time.Now()
		r.Status()
		assert.NoError(t, r.Healthy())
		assert.Equal(t, start, time.Now())
		assert.Zero(t, p.Calls().Reads)
		p.Heal()
	}))

	t.Run("marshals to readable JSON, with no value in it", spectest.Bubble(func(t *testing.T) {
		c := canary.New()
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"` + c + `"}`})
		spectest.Get(t, r, "db/password")
		spectest.KeepUsing(t, r, "db/password")
		p.Fail("db", errors.New("connection refused"))
		time.Sleep(6 * time.Minute)
		data, err := json.Marshal(r.Status())
		require.NoError(t, err)
		form, found := canary.For(c).Text(string(data))
		assert.False(t, found, form)
		assert.Empty(t, canary.For(c).Printed(r.Status()))
		var all []map[string]any
		require.NoError(t, json.Unmarshal(data, &all))
		require.Len(t, all, 1)
		assert.Equal(t, "stale", all[0]["state"])
		assert.Equal(t, "unavailable", all[0]["class"])
		assert.Contains(t, all[0]["last_error"], "connection refused")
		assert.Equal(t, []any{"db/password"}, all[0]["names"])
		assert.NotContains(t, all[0], "expires", "what does not apply is left out")
		var back []secrets.Status
		require.NoError(t, json.Unmarshal(data, &back))
		assert.Equal(t, secrets.StateStale, back[0].State)
	}))
}

func TestCreated(t *testing.T) {
	t.Run("is told by Status as the backend says it", spectest.Bubble(func(t *testing.T) {
		created := time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.FixedZone("", 7200))
		r, p := spectest.Polled(t, nil)
		p.SetValue("db", secrets.Value{Data: []byte("one"), Version: "1", Created: created})
		spectest.Get(t, r, "db")
		got := spectest.StatusOf(t, r, "db").Created
		assert.True(t, created.Equal(got), "%v", got)
		assert.Equal(t, time.UTC, got.Location(), "whatever zone a backend's client is in")
	}))

	t.Run("is zero where the backend does not say it", spectest.Bubble(func(t *testing.T) {
		r, _ := spectest.Polled(t, map[string]string{"db": "one"})
		spectest.Get(t, r, "db")
		s := spectest.StatusOf(t, r, "db")
		assert.True(t, s.Created.IsZero(), "%v", s.Created)
	}))
}
