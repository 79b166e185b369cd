package binding

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
	"github.com/go-secrets/secrets/secretstest"
)

func TestLoadReads(t *testing.T) {
	t.Parallel()
	type config struct {
		User     string `secret:"db/user"`
		Password string `secret:"db/password"`
		Host     string `secret:"db/host,default=localhost"`
		Key      string `secret:"stripe/key"`
		Token    string `secret:"token"`
		Again    string `secret:"token"`
	}
	docs := map[string]string{"db": `{"user":"u","password":"p"}`, "stripe/key": "k", "token": "t"}
	t.Run("everything in one batch, each document once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs)
		require.NoError(t, r.Load(t.Context(), new(config)))
		synctest.Wait()
		assert.Equal(t, 1, p.Calls().Batches)
		assert.Zero(t, p.Calls().Fetches)
		for _, path := range []string{"db", "db/user", "db/password", "db/host", "stripe", "stripe/key", "token"} {
			assert.Equal(t, 1, p.Reads(path), path)
		}
	}))
	t.Run("nothing that is held", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs)
		require.NoError(t, r.Load(t.Context(), new(config)))
		p.ResetCalls()
		var dst struct {
			User string `secret:"db/user"`
			Key  string `secret:"stripe/key"`
		}
		require.NoError(t, r.Load(t.Context(), &dst))
		assert.Equal(t, "u", dst.User)
		assert.Zero(t, p.Calls().Reads)
	}))
	t.Run("at the same time from many goroutines, each document once", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, docs)
		p.Delay(secretstest.All, 10*time.Millisecond)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				var dst config
				assert.NoError(t, r.Load(t.Context(), &dst))
				assert.Equal(t, "p", dst.Password)
			})
		}
		wg.Wait()
		assert.Equal(t, 1, p.Reads("db"))
		assert.Equal(t, 1, p.Reads("token"))
	}))
	t.Run("in a struct with no tags, nothing", func(t *testing.T) {
		t.Parallel()
		p := spectest.NewPolled(nil)
		require.NoError(t, spectest.On(t, p).Load(t.Context(), &struct{ A string }{}))
		assert.Zero(t, p.Calls())
	})
	t.Run("from the resolver of the context, as a package function", func(t *testing.T) {
		t.Parallel()
		var dst config
		require.NoError(t, secrets.Load(secrets.NewContext(t.Context(), spectest.On(t, spectest.NewPolled(docs))), &dst))
		assert.Equal(t, "u", dst.User)
	})
}

func TestPastTheTTL(t *testing.T) {
	const one, two = `{"password":"p1","user":"u1"}`, `{"password":"p2","user":"u2"}`
	type config struct {
		Password string `secret:"db#password"`
	}
	load := func(t *testing.T, r *secrets.Resolver) string {
		var c config
		require.NoError(t, r.Load(t.Context(), &c))
		return c.Password
	}
	for what, opts := range map[string][]secrets.Option{
		"idle":      {secrets.WithTTL(time.Minute)},
		"on demand": {secrets.WithTTL(time.Minute), secrets.WithOnDemand()},
	} {
		t.Run(what+", Load reads again, once", spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": one}, opts...)
			require.Equal(t, "p1", load(t, r))
			for range 3 {
				p.Set("db", one)
				time.Sleep(time.Hour)
				require.Equal(t, "p1", load(t, r))
				p.Set("db", two)
				time.Sleep(time.Hour)
				p.ResetCalls()
				assert.Equal(t, "p2", load(t, r))
				assert.Equal(t, "p2", load(t, r))
				assert.Equal(t, 1, p.Reads("db"))
			}
		}))
		t.Run(what+", Load waits a second at most for a backend that hangs", spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": one}, opts...)
			require.Equal(t, "p1", load(t, r))
			time.Sleep(time.Hour)
			defer p.Block("db")()
			start := time.Now()
			assert.Equal(t, "p1", load(t, r))
			assert.Equal(t, time.Second, time.Since(start))
		}))
		t.Run(what+", a new name of a held document is read again, and waits a second at most", spectest.Bubble(func(t *testing.T) {
			r, p := spectest.Polled(t, map[string]string{"db": one}, opts...)
			require.Equal(t, "p1", spectest.Get(t, r, "db#password"))
			time.Sleep(time.Hour)
			p.Set("db", two)
			assert.Equal(t, "u2", spectest.Get(t, r, "db#user"))
			time.Sleep(time.Hour)
			defer p.Block("db")()
			start := time.Now()
			assert.Equal(t, two, spectest.Get(t, r, "db"))
			assert.Equal(t, time.Second, time.Since(start))
		}))
	}
}

func TestLoadOfHeldAndColdNames(t *testing.T) {
	t.Run("gives those of one document as of one version, though it changes meanwhile", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u1","password":"p1"}`, "slow": "s"})
		spectest.Get(t, r, "db#user")
		release := p.Block("slow")
		var c struct {
			User     string `secret:"db#user"`
			Password string `secret:"db#password"`
			Slow     string `secret:"slow"`
		}
		loaded := make(chan error)
		go func() { loaded <- r.Load(t.Context(), &c) }()
		synctest.Wait()
		p.Set("db", `{"user":"u2","password":"p2"}`)
		_, err := r.Refresh(t.Context(), "db#user")
		require.NoError(t, err)
		release()
		require.NoError(t, <-loaded)
		assert.Equal(t, "u2 p2 s", c.User+" "+c.Password+" "+c.Slow)
	}))

	t.Run("leaves an optional one that may not be served as it is", spectest.Bubble(func(t *testing.T) {
		r, p := spectest.Polled(t, map[string]string{"db": `{"user":"u","password":"p"}`}, secrets.WithTTL(time.Minute), secrets.WithMaxStale(time.Hour))
		spectest.KeepUsing(t, r, "db#user", "db#password")
		spectest.Get(t, r, "db#password")
		p.Set("db", `{"user":"u"}`)
		time.Sleep(2 * time.Hour)
		var c struct {
			User     string `secret:"db#user"`
			Password string `secret:"db#password,optional"`
		}
		require.NoError(t, r.Load(t.Context(), &c))
		assert.Equal(t, "u", c.User)
		assert.Empty(t, c.Password, "Get says that it is not found")
	}))
}
