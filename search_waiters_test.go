package secrets_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// An answer is what a call in the background returned, once done is closed.
type answer struct {
	text string
	err  error
	done chan struct{}
}

// ask calls get, of a context that ends after patience, in the background, and
// returns when it waits.
func ask(patience time.Duration, get func(ctx context.Context) (secrets.Secret, error)) *answer {
	a := &answer{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var s secrets.Secret
		if s, a.err = get(ctx); a.err == nil {
			a.text = s.Reveal()
		}
	}()
	synctest.Wait()
	return a
}

// getting is Get of a name, for ask.
func getting(r *secrets.Resolver, name string) func(ctx context.Context) (secrets.Secret, error) {
	return func(ctx context.Context) (secrets.Secret, error) { return r.Get(ctx, name) }
}

// refreshing is Refresh of a name, for ask.
func refreshing(r *secrets.Resolver, name string) func(ctx context.Context) (secrets.Secret, error) {
	return func(ctx context.Context) (secrets.Secret, error) { return r.Refresh(ctx, name) }
}

func TestThoseWhoWaitForASearch(t *testing.T) {
	const long = time.Minute

	t.Run("have it go on for them when others leave, though it waits for its turn to read", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"late": "one"}, secrets.WithTimeout(time.Hour))
		leave := full(t, r, p)
		var patient []*answer
		for range 3 {
			patient = append(patient, ask(long, getting(r, "late")))
			<-ask(time.Second, getting(r, "late")).done
		}
		leave()
		for _, a := range patient {
			<-a.done
			require.NoError(t, a.err)
			assert.Equal(t, "one", a.text)
		}
		assert.Equal(t, 1, p.Reads("late"))
	}))

	t.Run("read by themselves what another had asked for and did not wait for", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": `{"user":"u","password":"p"}`}, secrets.WithTimeout(time.Hour))
		leave := full(t, r, p)
		first := ask(time.Second, getting(r, "db#user"))
		second := ask(long, getting(r, "db#password"))
		<-first.done
		require.ErrorIs(t, first.err, context.DeadlineExceeded)
		synctest.Wait()
		leave()
		<-second.done
		require.NoError(t, second.err)
		assert.Equal(t, "p", second.text)
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("may leave: what is being read is followed by what has to be read after it", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": `{"password":"one"}`})
		p.Delay("db/password", 2*time.Second)
		p.Delay("db", 2*time.Second)
		a := ask(time.Second, getting(r, "db/password"))
		<-a.done
		require.ErrorIs(t, a.err, context.DeadlineExceeded)
		time.Sleep(4 * time.Second)
		start := time.Now()
		assert.Equal(t, "one", value(t, r, "db/password"))
		assert.Zero(t, time.Since(start))
		assert.Equal(t, 1, p.Reads("db/password"))
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("after everybody has left start one of their own, for which there is a turn to read", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": `{"password":"one"}`}, secrets.WithTimeout(time.Hour))
		p.Delay("db/password", 4*time.Second)
		<-ask(time.Second, getting(r, "db/password")).done
		patient := ask(long, getting(r, "db/password"))
		var others []*answer
		release := p.Block(secretstest.All)
		for i := range 32 { // the last takes the turn that the exact document gives back
			others = append(others, ask(long, getting(r, fmt.Sprint("other", i))))
		}
		require.Equal(t, 32, p.Calls().InFlight)
		time.Sleep(5 * time.Second)
		require.Equal(t, 32, p.Calls().InFlight)
		release()
		for _, a := range others {
			<-a.done
		}
		<-patient.done
		require.NoError(t, patient.err)
		assert.Equal(t, "one", patient.text)
	}))

	t.Run("by a Refresh share it with others that refresh, the exact document being read once", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": `{"password":"one"}`})
		p.Delay("db", time.Second)
		first := ask(long, refreshing(r, "db/password")) // reads the parent by now
		require.Equal(t, 1, p.Reads("db/password"))
		second := ask(long, refreshing(r, "db/password"))
		<-first.done
		<-second.done
		assert.Equal(t, "one", first.text)
		assert.Equal(t, "one", second.text)
		assert.Equal(t, 1, p.Reads("db/password"))
		assert.Equal(t, 1, p.Reads("db"))
	}))

	t.Run("by a Refresh do not share that of a Get, which takes for missing what was missing before", in(func(t *testing.T) {
		r, p := polled(t, map[string]string{"db": `{"password":"in parent"}`})
		p.Delay("db", time.Second)
		get := ask(long, getting(r, "db/password")) // has asked for the exact document, and reads the parent
		p.Set("db/password", "exact")
		refresh := ask(long, refreshing(r, "db/password"))
		<-get.done
		<-refresh.done
		require.NoError(t, refresh.err)
		assert.Equal(t, "exact", refresh.text)
	}))
}

func TestSearchOfSeveralNames(t *testing.T) {
	t.Run("asks for their exact documents and their parents in one batch, two being several", in(func(t *testing.T) {
		for _, names := range [][]string{{"db/user", "db/password"}, {"db/user", "db/password", "api/key"}} {
			r, p := polled(t, map[string]string{"db": `{"user":"u","password":"p"}`, "api": `{"key":"k"}`})
			p.Delay(secretstest.All, time.Second)
			start := time.Now()
			require.NoError(t, r.Preload(t.Context(), names...))
			assert.Equal(t, time.Second, time.Since(start))
			assert.Equal(t, 1, p.Calls().Batches)
			assert.Equal(t, 1, p.Reads("db"))
		}
	}))

	t.Run("on several providers reads from all of them at the same time", in(func(t *testing.T) {
		one, two := quiet(map[string]string{"a": "1"}), quiet(map[string]string{"b": "2"})
		one.Delay("a", time.Second)
		two.Delay("b", time.Second)
		r := open(t, scheme(t, one)+"://", secrets.WithReferences(map[string]string{"b": scheme(t, two) + "://b"}))
		start := time.Now()
		require.NoError(t, r.Preload(t.Context(), "a", "b"))
		assert.Equal(t, time.Second, time.Since(start))
		assert.Equal(t, "1", value(t, r, "a"))
		assert.Equal(t, "2", value(t, r, "b"))
	}))
}

// deaf is a provider that does not look at its context: it answers what p has
// after a delay, whatever happens.
func deaf(p *secretstest.Provider, delay time.Duration) secrets.Provider {
	return fetching(func(_ context.Context, ref secrets.Ref) (secrets.Value, error) {
		time.Sleep(delay)
		return p.Fetch(context.Background(), ref)
	})
}

func TestSearchOfADeafProvider(t *testing.T) {
	t.Run("for several names ends once, when the first of their reads is given up", in(func(t *testing.T) {
		r := on(t, deaf(quiet(nil), time.Minute), secrets.WithTimeout(3*time.Second))
		start := time.Now()
		err := r.Preload(t.Context(), "a", "b", "c", "d")
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "no answer in time")
		assert.Less(t, time.Since(start), 4*time.Second)
		time.Sleep(2 * time.Minute) // they return at last
		require.NoError(t, r.Preload(t.Context()))
	}))

	t.Run("is over with the resolver, whenever the provider returns", in(func(t *testing.T) {
		r := secrets.New(deaf(quiet(nil), time.Minute), secrets.WithLogger(nil), secrets.WithTimeout(20*time.Second))
		a := ask(time.Hour, getting(r, "db"))
		start := time.Now()
		assert.Error(t, r.Close(), "it says that a provider did not return")
		assert.Less(t, time.Since(start), 6*time.Second)
		<-a.done
		require.ErrorIs(t, a.err, secrets.ErrClosed)
		time.Sleep(30 * time.Second) // the read is given up
		time.Sleep(time.Minute)      // the provider returns
		_, err := r.Get(t.Context(), "db")
		assert.ErrorIs(t, err, secrets.ErrClosed)
	}))
}

// A slow context says only after a while that it can be waited for.
type slowContext struct {
	context.Context
	meanwhile func()
	once      sync.Once
}

func (c *slowContext) Done() <-chan struct{} {
	c.once.Do(c.meanwhile)
	return c.Context.Done()
}

func TestSearchThatAClosedResolverGaveUp(t *testing.T) {
	t.Run("says closed to who looks at it later", in(func(t *testing.T) {
		for i := range 20 { // the order in which those who wait are served is the runtime's
			r, p := polled(t, nil)
			release := p.Block("db")
			ctx := &slowContext{Context: t.Context(), meanwhile: func() {
				require.NoError(t, r.Close())
				synctest.Wait()
			}}
			_, err := r.Get(ctx, "db")
			require.ErrorIs(t, err, secrets.ErrClosed, fmt.Sprint(i))
			assert.NotErrorIs(t, err, secrets.ErrUnavailable)
			release()
		}
	}))
}

func TestASearchThatIsOverdueLosesNothing(t *testing.T) {
	t.Run("that another has found since", in(func(t *testing.T) {
		var deleted atomic.Int32
		r, p := polled(t, nil, secrets.WithObserver(func(_ context.Context, e secrets.Event) {
			if e.Kind == secrets.EventDeleted {
				deleted.Add(1)
			}
		}))
		release := p.Block("db")
		late := ask(time.Minute, getting(r, "db/password"))
		p.Set("db/password", "one")
		_, err := r.Refresh(t.Context(), "db/password")
		require.NoError(t, err)
		release()
		<-late.done
		require.ErrorIs(t, late.err, secrets.ErrNotFound)
		p.Fail(secretstest.All, secrets.ErrUnavailable)
		assert.Equal(t, "one", value(t, r, "db/password"))
		assert.Zero(t, deleted.Load())
	}))

	t.Run("but what has been deleted since", in(func(t *testing.T) {
		r, p := polled(t, nil, secrets.WithTTL(time.Minute))
		release := p.Block("db")
		late := ask(time.Minute, getting(r, "db/password"))
		p.Set("db/password", "one")
		_, err := r.Refresh(t.Context(), "db/password")
		require.NoError(t, err)
		p.Delete("db/password")
		deleted := ask(time.Minute, refreshing(r, "db/password"))
		release()
		<-late.done
		<-deleted.done
		_, err = r.Get(t.Context(), "db/password")
		require.ErrorIs(t, err, secrets.ErrNotFound)
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

	t.Run("looks at what the first said, though that would be forgotten by then", in(func(t *testing.T) {
		r, p := single(t, map[string]string{"slow": "one", "held": "one"}, secrets.WithNegativeTTL(time.Second))
		value(t, r, "held") // so that there is a refresher
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

	t.Run("looks at what the first said, though there is no room for it", in(func(t *testing.T) {
		r, p := single(t, map[string]string{"a": `{"x":"one"}`, "slow": "one", "held": "one"}, secrets.WithMaxEntries(1))
		value(t, r, "held")
		release := p.Block("slow")
		said := make(chan error)
		go func() { said <- r.Preload(t.Context(), "a", "slow") }()
		synctest.Wait()
		require.Equal(t, 1, p.Reads("a"))
		value(t, r, "a#x") // for which there is none either
		release()
		require.NoError(t, <-said)
		assert.Equal(t, 1, p.Reads("a"))
	}))
}
