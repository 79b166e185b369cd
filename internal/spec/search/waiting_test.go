package search

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestThoseWhoWaitForASearch(t *testing.T) {
	const long = time.Minute

	t.Run("have it go on for them when others leave, though it waits for its turn to read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"late": "one"}, secrets.WithTimeout(time.Hour))
		leave := spectest.FillSlots(t, r, p)
		var patient []*spectest.Answer
		for range 3 {
			patient = append(patient, spectest.Ask(long, spectest.Getting(r, "late")))
			<-spectest.Ask(time.Second, spectest.Getting(r, "late")).Done
		}
		leave()
		for _, a := range patient {
			<-a.Done
			require.NoError(t, a.Err)
			assert.Equal(t, "one", a.Text)
		}
		assert.Equal(t, 1, p.Reads("late"))
	}))

	t.Run("read by themselves what another had asked for and did not wait for", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u","password":"p"}`}, secrets.WithTimeout(time.Hour))
		leave := spectest.FillSlots(t, r, p)
		first := spectest.Ask(time.Second, spectest.Getting(r, "db#user"))
		second := spectest.Ask(long, spectest.Getting(r, "db#password"))
		<-first.Done
		require.ErrorIs(t, first.Err, context.DeadlineExceeded)
		synctest.Wait()
		leave()
		<-second.Done
		require.NoError(t, second.Err)
		assert.Equal(t, "p", second.Text)
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("may leave: what is being read is followed by what has to be read after it", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one"}`})
		p.Delay("db/password", 2*time.Second)
		p.Delay("db", 2*time.Second)
		a := spectest.Ask(time.Second, spectest.Getting(r, "db/password"))
		<-a.Done
		require.ErrorIs(t, a.Err, context.DeadlineExceeded)
		time.Sleep(4 * time.Second)
		start := time.Now()
		assert.Equal(t, "one", spectest.Get(t, r, "db/password"))
		assert.Zero(t, time.Since(start))
		assert.Equal(t, 1, p.Reads("db/password"))
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("after everybody has left start one of their own, for which there is a turn to read", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one"}`}, secrets.WithTimeout(time.Hour))
		p.Delay("db/password", 4*time.Second)
		<-spectest.Ask(time.Second, spectest.Getting(r, "db/password")).Done
		patient := spectest.Ask(long, spectest.Getting(r, "db/password"))
		var others []*spectest.Answer
		release := p.Block(secretstest.All)
		for i := range 32 { // the last takes the turn that the exact document gives back
			others = append(others, spectest.Ask(long, spectest.Getting(r, fmt.Sprint("other", i))))
		}
		require.Equal(t, 32, p.Calls().InFlight)
		time.Sleep(5 * time.Second)
		require.Equal(t, 32, p.Calls().InFlight)
		release()
		for _, a := range others {
			<-a.Done
		}
		<-patient.Done
		require.NoError(t, patient.Err)
		assert.Equal(t, "one", patient.Text)
	}))

	t.Run("by a Refresh share it with others that refresh, the exact document being read once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"one"}`})
		p.Delay("db", time.Second)
		first := spectest.Ask(long, spectest.Refreshing(r, "db/password")) // reads the parent by now
		require.Equal(t, 1, p.Reads("db/password"))
		second := spectest.Ask(long, spectest.Refreshing(r, "db/password"))
		<-first.Done
		<-second.Done
		assert.Equal(t, "one", first.Text)
		assert.Equal(t, "one", second.Text)
		assert.Equal(t, 1, p.Reads("db/password"))
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("by a Refresh do not share that of a Get, which takes for missing what was missing before", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"password":"in parent"}`})
		p.Delay("db", time.Second)
		get := spectest.Ask(long, spectest.Getting(r, "db/password")) // has asked for the exact document, and reads the parent
		p.Set("db/password", "exact")
		refresh := spectest.Ask(long, spectest.Refreshing(r, "db/password"))
		<-get.Done
		<-refresh.Done
		require.NoError(t, refresh.Err)
		assert.Equal(t, "exact", refresh.Text)
	}))
}

func TestSearchOfSeveralNames(t *testing.T) {
	t.Run("asks for their exact documents and their parents in one batch, two being several", spectest.Bubble(func(t *testing.T) {
		for _, names := range [][]string{{"db/user", "db/password"}, {"db/user", "db/password", "api/key"}} {
			r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u","password":"p"}`, "api": `{"key":"k"}`})
			p.Delay(secretstest.All, time.Second)
			start := time.Now()
			require.NoError(t, r.Preload(t.Context(), names...))
			assert.Equal(t, time.Second, time.Since(start))
			assert.Equal(t, 1, p.Calls().Batches)
			assert.Equal(t, 1, p.Reads("db"))
		}
	}))

	t.Run("on several providers reads from all of them at the same time", spectest.Bubble(func(t *testing.T) {
		one, two := spectest.NewPolled(map[string]string{"a": "1"}), spectest.NewPolled(map[string]string{"b": "2"})
		one.Delay("a", time.Second)
		two.Delay("b", time.Second)
		r := spectest.Open(t, spectest.Scheme(t, one)+"://", secrets.WithReferences(map[string]string{"b": spectest.Scheme(t, two) + "://b"}))
		start := time.Now()
		require.NoError(t, r.Preload(t.Context(), "a", "b"))
		assert.Equal(t, time.Second, time.Since(start))
		assert.Equal(t, "1", spectest.Get(t, r, "a"))
		assert.Equal(t, "2", spectest.Get(t, r, "b"))
	}))
}

func TestSearchThatWaitsForSeveralReads(t *testing.T) {
	// One that reads no batches, so that each read is settled by itself.
	single := func(t *testing.T, docs map[string]string, opts ...secrets.Option) (*secrets.Resolver, *secretstest.Provider) {
		p := secretstest.NewProvider(docs)
		r := secrets.New(struct{ secrets.Provider }{p}, append(opts, secrets.WithLogger(nil))...)
		t.Cleanup(func() { require.NoError(t, r.Close()) })
		return r, p
	}

	t.Run("looks at what the first said, though that would be forgotten by then", spectest.Bubble(func(t *testing.T) {
		r, p := single(t, map[string]string{"slow": "one", "held": "one"}, secrets.WithNegativeTTL(time.Second))
		spectest.Get(t, r, "held") // so that there is a refresher
		release := p.Block("slow")
		said := make(chan error)
		go func() { said <- r.Preload(t.Context(), "gone", "slow") }()
		time.Sleep(5 * time.Second) // the refresher looks every second by itself
		require.Equal(t, 1, p.Reads("gone"))
		release()
		err := <-said
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.NotContains(t, err.Error(), "slow")
		assert.Equal(t, 1, p.Reads("gone"))
		time.Sleep(2 * time.Second)
		assert.Len(t, r.Status(), 2, "what is missing is forgotten then")
	}))

	t.Run("looks at what the first said, though there is no room for it", spectest.Bubble(func(t *testing.T) {
		r, p := single(t, map[string]string{"a": `{"x":"one"}`, "slow": "one", "held": "one"}, secrets.WithMaxEntries(1))
		spectest.Get(t, r, "held")
		release := p.Block("slow")
		said := make(chan error)
		go func() { said <- r.Preload(t.Context(), "a", "slow") }()
		synctest.Wait()
		require.Equal(t, 1, p.Reads("a"))
		spectest.Get(t, r, "a#x") // for which there is none either
		release()
		require.NoError(t, <-said)
		assert.Equal(t, 1, p.Reads("a"))
	}))
}

func TestTwoNamesAreSearchedForInOneRound(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"a": `{"x":"1"}`, "b": `{"y":"2"}`})
		for _, path := range []string{"a", "a/x", "b", "b/y"} {
			p.Delay(path, 100*time.Millisecond)
		}
		start := time.Now()
		require.NoError(t, r.Preload(t.Context(), "a/x", "b/y"))
		assert.Equal(t, 100*time.Millisecond, time.Since(start))
		assert.Equal(t, 1, p.Calls().Batches)
	})(t)
}
