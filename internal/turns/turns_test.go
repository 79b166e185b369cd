package turns

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errWrong = errors.New("wrong password")

// in runs a test in a bubble: its time is synctest's.
func in(f func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}

// A login tries version v1 as a consumer, which the ledger's document holds.
type login struct {
	ledger *Ledger
	who    *Consumer
}

func (l login) situation(bool) (Situation, error) { return Situation{Ledger: l.ledger}, nil }

// try is one call of Retry whose function is fn.
func (l login) try(ctx context.Context, fn func() error) error {
	call := &Call{Consumer: l.who}
	for {
		pass, err := Enter(ctx, "v1", call, l.situation)
		if err != nil {
			return err
		}
		if err = l.once(pass, fn); err == nil || !errors.Is(err, errWrong) {
			return err
		}
	}
}

func (l login) once(pass *Pass, fn func() error) error {
	defer pass.Release()
	err := fn()
	switch {
	case err == nil:
		if l.who != nil {
			l.who.Accept("v1")
		}
		pass.Accept(l.ledger)
	case errors.Is(err, errWrong):
		pass.Reject(l.ledger, err)
	}
	return err
}

// counted counts how often a login is tried, which fails.
func counted(n *atomic.Int32) func() error {
	return func() error {
		n.Add(1)
		return errWrong
	}
}

func TestAConsumersFirstTry(t *testing.T) {
	t.Run("of a version that others were refused is free", in(func(t *testing.T) {
		ledger := NewLedger()
		var tries atomic.Int32
		require.Error(t, login{ledger, new(Consumer)}.try(t.Context(), counted(&tries)))
		start := time.Now()
		require.NoError(t, login{ledger, new(Consumer)}.try(t.Context(), func() error { return nil }))
		assert.Zero(t, time.Since(start))
		require.NoError(t, login{ledger, nil}.try(t.Context(), func() error { return nil }), "also of one who does not say who it is")
		assert.Zero(t, time.Since(start))
	}))

	t.Run("is one try, however many workers it has", in(func(t *testing.T) {
		ledger, who := NewLedger(), new(Consumer)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		var tries atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				err := login{ledger, who}.try(ctx, counted(&tries))
				var refused *Refused
				assert.ErrorAs(t, err, &refused)
				assert.ErrorIs(t, err, errWrong)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
			})
		}
		wg.Wait()
		assert.Equal(t, int32(1), tries.Load())
	}))

	t.Run("lets all others in as soon as it works", in(func(t *testing.T) {
		ledger, who := NewLedger(), new(Consumer)
		var now, most atomic.Int32
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				assert.NoError(t, login{ledger, who}.try(t.Context(), func() error {
					most.Store(max(most.Load(), now.Add(1)))
					defer now.Add(-1)
					time.Sleep(time.Second)
					return nil
				}))
			})
		}
		start := time.Now()
		wg.Wait()
		assert.Equal(t, 2*time.Second, time.Since(start))
		assert.Equal(t, int32(49), most.Load())
	}))

	t.Run("is not waited for longer than two seconds, for then the database is slow", in(func(t *testing.T) {
		ledger, who := NewLedger(), new(Consumer)
		slow := func() error { time.Sleep(10 * time.Second); return nil }
		start := time.Now()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { assert.NoError(t, login{ledger, who}.try(t.Context(), slow)) })
		}
		wg.Wait()
		assert.Equal(t, 12*time.Second, time.Since(start))
	}))

	t.Run("that says nothing of the version is made by the next one", in(func(t *testing.T) {
		ledger, who := NewLedger(), new(Consumer)
		down := errors.New("no route to host")
		for range 3 {
			require.ErrorIs(t, login{ledger, who}.try(t.Context(), func() error { return down }), down)
		}
		require.NoError(t, login{ledger, who}.try(t.Context(), func() error { return nil }))
	}))

	for what, leave := range map[string]func(){"a panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		t.Run("that ends in "+what+" keeps nobody out", in(func(t *testing.T) {
			ledger, who := NewLedger(), new(Consumer)
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				defer func() { _ = recover() }()
				_ = login{ledger, who}.try(t.Context(), func() error { leave(); return nil })
			}()
			<-gone
			start := time.Now()
			require.NoError(t, login{ledger, who}.try(t.Context(), func() error { return nil }))
			assert.Zero(t, time.Since(start))
		}))

		t.Run("and a turn that ends in "+what+" is given back", in(func(t *testing.T) {
			ledger := NewLedger()
			ledger.Reject("v1")
			time.Sleep(5 * time.Second)
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				defer func() { _ = recover() }()
				_ = login{ledger, nil}.try(t.Context(), func() error { leave(); return nil })
			}()
			<-gone
			start := time.Now()
			require.NoError(t, login{ledger, nil}.try(t.Context(), func() error { return nil }))
			assert.Equal(t, time.Second, time.Since(start))
		}))
	}
}

func TestAVersionThatWorkedForAConsumer(t *testing.T) {
	t.Run("is free for it, whatever others are refused", in(func(t *testing.T) {
		ledger, good, bad := NewLedger(), new(Consumer), new(Consumer)
		require.NoError(t, login{ledger, good}.try(t.Context(), func() error { return nil }))
		var tries atomic.Int32
		require.Error(t, login{ledger, bad}.try(t.Context(), counted(&tries)))
		start := time.Now()
		for range 57 {
			require.NoError(t, login{ledger, good}.try(t.Context(), func() error { return nil }))
		}
		assert.Zero(t, time.Since(start))
		assert.Equal(t, int32(2), tries.Load(), "at 0 and 5 s")
	}))

	t.Run("does not make it free for those who were refused it", in(func(t *testing.T) {
		ledger, good, bad := NewLedger(), new(Consumer), new(Consumer)
		var tries atomic.Int32
		for range 60 {
			require.Error(t, login{ledger, bad}.try(t.Context(), counted(&tries)))
			require.NoError(t, login{ledger, good}.try(t.Context(), func() error { return nil }))
		}
		assert.Equal(t, int32(5), tries.Load(), "in ten minutes")
	}))

	t.Run("is held back once it is refused itself", in(func(t *testing.T) {
		ledger, who := NewLedger(), new(Consumer)
		require.NoError(t, login{ledger, who}.try(t.Context(), func() error { return nil }))
		var tries atomic.Int32
		require.Error(t, login{ledger, who}.try(t.Context(), counted(&tries)))
		assert.Equal(t, int32(2), tries.Load())
		assert.False(t, who.Accepts("v1"))
	}))

	t.Run("is not made by a worker that looked before another one was refused", in(func(t *testing.T) {
		ledger, who := NewLedger(), new(Consumer)
		start, looks := time.Now(), 0
		look := func(bool) (Situation, error) {
			if looks++; looks > 1 {
				return Situation{Ledger: ledger}, nil
			}
			pass, err := Enter(t.Context(), "v1", &Call{Consumer: who}, login{ledger, who}.situation)
			require.NoError(t, err)
			pass.Reject(ledger, errWrong)
			return Situation{}, nil // there was no ledger yet
		}
		pass, err := Enter(t.Context(), "v1", &Call{Consumer: who}, look)
		require.NoError(t, err)
		assert.Equal(t, 5*time.Second, time.Since(start), "it is the first turn of the schedule, and no first try")
		pass.Release()
	}))

	t.Run("later begins a new schedule when it is refused anew", in(func(t *testing.T) {
		ledger, who := NewLedger(), new(Consumer)
		var tries atomic.Int32
		require.Error(t, login{ledger, who}.try(t.Context(), counted(&tries)))
		who.Accept("v1") // the database was mended; said by a connection that was made elsewhere
		assert.Zero(t, ledger.RejectedAt("v1"))
		time.Sleep(time.Hour)
		start := time.Now()
		err := login{ledger, who}.try(t.Context(), counted(&tries))
		require.Error(t, err)
		assert.Contains(t, err.Error(), "was rejected 10s ago")
		assert.Equal(t, 10*time.Second, time.Since(start))
	}))
}

func TestTheScheduleOfAProcess(t *testing.T) {
	t.Run("is shared by the consumers who were refused, and none of them has two turns running", in(func(t *testing.T) {
		ledger := NewLedger()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		start := time.Now()
		var mu sync.Mutex
		var at []time.Duration
		var by []int
		var wg sync.WaitGroup
		for i := range 2 {
			who := new(Consumer)
			for range 5 { // workers
				wg.Go(func() {
					for ctx.Err() == nil {
						_ = login{ledger, who}.try(ctx, func() error {
							mu.Lock()
							defer mu.Unlock()
							at, by = append(at, time.Since(start)), append(by, i)
							return errWrong
						})
						time.Sleep(10 * time.Millisecond)
					}
				})
			}
		}
		wg.Wait()
		require.Len(t, at, 6, "each one's first try, and four turns")
		for i, want := range []float64{0, 0, 5, 30, 120, 480} {
			assert.InDelta(t, want, at[i].Seconds(), 0.1)
		}
		assert.NotEqual(t, by[2], by[3])
		assert.NotEqual(t, by[3], by[4])
		assert.NotEqual(t, by[4], by[5])
	}))

	t.Run("ends a call ten seconds after its first rejection", in(func(t *testing.T) {
		var tries atomic.Int32
		start := time.Now()
		err := login{NewLedger(), new(Consumer)}.try(t.Context(), counted(&tries))
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.EqualError(t, err, "version v1 was rejected 10s ago and the backend has no other; it is tried again in 20s: wrong password")
	}))

	t.Run("waits for nothing once nobody looks for another version", in(func(t *testing.T) {
		ledger := NewLedger()
		ledger.Reject("v1")
		start := time.Now()
		_, err := Enter(t.Context(), "v1", new(Call), func(bool) (Situation, error) { return Situation{Ledger: ledger, Settled: true}, nil })
		var refused *Refused
		require.ErrorAs(t, err, &refused)
		assert.Zero(t, time.Since(start))
	}))

	t.Run("tells of a superseded version when it is notified", in(func(t *testing.T) {
		ledger := NewLedger()
		ledger.Reject("v1")
		var replaced atomic.Bool
		time.AfterFunc(time.Second, func() {
			replaced.Store(true)
			ledger.Notify()
		})
		start := time.Now()
		pass, err := Enter(t.Context(), "v1", new(Call), func(bool) (Situation, error) {
			return Situation{Ledger: ledger, Superseded: replaced.Load()}, nil
		})
		require.NoError(t, err)
		assert.Nil(t, pass)
		assert.Equal(t, time.Second, time.Since(start))
	}))
}

func TestALedgerRemembersFourVersions(t *testing.T) {
	t.Parallel()
	ledger := NewLedger()
	for _, version := range []string{"1", "2", "3", "4", "5"} {
		assert.True(t, ledger.Reject(version))
		assert.False(t, ledger.Reject(version), "it is no news twice")
	}
	assert.Zero(t, ledger.RejectedAt("1"))
	for _, version := range []string{"2", "3", "4", "5"} {
		assert.NotZero(t, ledger.RejectedAt(version))
	}
}

func TestRefusedOfAnOutageTellsItAndHasNoClassOfIt(t *testing.T) {
	t.Parallel()
	down := errors.New("connection refused")
	err := &Refused{Version: "v1", Ago: time.Minute, Outage: down, Why: errWrong}
	require.EqualError(t, err, "version v1 was rejected 1m0s ago and the backend cannot be asked for another (connection refused): wrong password")
	require.ErrorIs(t, err, errWrong)
	assert.NotErrorIs(t, err, down)
}
