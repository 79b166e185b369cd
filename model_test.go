package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// world is what the model knows: which number each document has had last.
// Numbers only grow, and a document is a number, or an object of two fields
// that are the same number.
type world struct {
	p    *secretstest.Provider
	last [modelDocs]atomic.Int64
}

const modelDocs = 40

func (w *world) path(i int) string { return fmt.Sprintf("m/%d", i) }

// rotate gives document i its next number.
func (w *world) rotate(i int) {
	n := w.last[i].Add(1)
	w.p.Set(w.path(i), fmt.Sprintf(`{"a":"%d","b":"%d"}`, n, n))
}

// legal checks a value that was read of document i after its number was at
// least floor.
func (w *world) legal(i int, text string, floor int64) error {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return errors.New("the value is none that the document ever had")
	case n > w.last[i].Load():
		return fmt.Errorf("number %d of document %d has not been yet", n, i)
	case n < floor:
		return fmt.Errorf("number %d of document %d after %d had been seen", n, i, floor)
	}
	return nil
}

// TestModel has many goroutines read from resolvers that open and close while
// secrets rotate and the provider fails at random, and checks that every value
// was legal when it was returned: one that the document had, never an older
// one than the same resolver had given before, never fields of two versions.
// SECRETS_MODEL_TIME makes it run longer.
func TestModel(t *testing.T) {
	length := 3 * time.Second
	if text := os.Getenv("SECRETS_MODEL_TIME"); text != "" {
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	w := &world{p: secretstest.NewProvider(nil)}
	for i := range modelDocs {
		w.rotate(i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var wg sync.WaitGroup
	var gets, failed atomic.Int64
	wrong := make(chan error, 1)
	report := func(err error) {
		select {
		case wrong <- err:
			cancel()
		default:
		}
	}

	wg.Go(func() { // the secrets rotate
		for ctx.Err() == nil {
			w.rotate(rand.IntN(modelDocs))
			time.Sleep(time.Millisecond)
		}
	})
	wg.Go(func() { // the provider fails
		classes := []error{secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrInvalid, errors.New("of no class")}
		for ctx.Err() == nil {
			path := secretstest.All
			if rand.IntN(2) == 0 {
				path = w.path(rand.IntN(modelDocs))
			}
			switch rand.IntN(6) {
			case 0, 1:
				w.p.FailTimes(path, 1+rand.IntN(20), classes[rand.IntN(len(classes))])
			case 2:
				w.p.Delay(path, time.Duration(rand.IntN(5))*time.Millisecond)
			case 3:
				w.p.Panic(path, "a panic's value")
			case 4:
				release := w.p.Block(path)
				time.AfterFunc(time.Duration(rand.IntN(10))*time.Millisecond, release)
			case 5:
				if rand.IntN(2) == 0 {
					w.p.Disable(secretstest.Batch | secretstest.Watch)
				} else {
					w.p.Enable(secretstest.Batch | secretstest.Watch)
				}
			}
			time.Sleep(5 * time.Millisecond)
			w.p.Heal()
			time.Sleep(5 * time.Millisecond)
		}
	})

	options := [][]secrets.Option{
		{secrets.WithTTL(10 * time.Millisecond)},
		{secrets.WithTTL(5 * time.Millisecond), secrets.WithMaxEntries(20), secrets.WithIdle(10 * time.Millisecond)},
		{secrets.WithTTL(5 * time.Millisecond), secrets.WithMaxStale(20 * time.Millisecond), secrets.WithTimeout(5 * time.Millisecond)},
		{secrets.WithTTL(10 * time.Millisecond), secrets.WithOnDemand()},
		{secrets.WithTTL(0)},
	}
	for n := range options {
		wg.Go(func() { // resolvers open and close
			for ctx.Err() == nil {
				r := secrets.New(w.p, append(options[n], secrets.WithLogger(nil))...)
				life, end := context.WithTimeout(ctx, time.Duration(100+rand.IntN(400))*time.Millisecond)
				var readers sync.WaitGroup
				for range 13 {
					readers.Go(func() { w.read(life, r, &gets, &failed, report) })
				}
				readers.Wait()
				end()
				if err := r.Close(); err != nil {
					report(err)
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-wrong:
		require.NoError(t, err)
	default:
	}
	t.Logf("%d reads of a name, %d of them failed, %d reads of the backend", gets.Load(), failed.Load(), w.p.Calls().Reads)
	assert.Positive(t, gets.Load()-failed.Load())
	assert.Positive(t, failed.Load())
}

// read uses a resolver in every way until its life ends.
func (w *world) read(ctx context.Context, r *secrets.Resolver, gets, failed *atomic.Int64, report func(error)) {
	var floor [modelDocs]int64
	check := func(i int, s secrets.Secret, err error) {
		gets.Add(1)
		if err != nil {
			failed.Add(1)
			if errors.Is(err, secrets.ErrNotFound) {
				report(fmt.Errorf("document %d is there, and is reported missing: %w", i, err))
			}
			if strings.Contains(err.Error(), "a panic's value") {
				report(errors.New("an error tells a panic's value"))
			}
			return
		}
		text := s.Reveal()
		if strings.HasPrefix(text, "{") {
			a, errA := s.Field("a")
			b, errB := s.Field("b")
			if errA != nil || errB != nil || !a.Equal(b) {
				report(fmt.Errorf("document %d has fields of two versions", i))
				return
			}
			text = a.Reveal()
		}
		if err := w.legal(i, text, floor[i]); err != nil {
			report(fmt.Errorf("%w (%s)", err, s.Name()))
			return
		}
		floor[i], _ = strconv.ParseInt(text, 10, 64)
	}
	for ctx.Err() == nil {
		i := rand.IntN(modelDocs)
		name := w.path(i) + []string{"", "/a", "#b"}[rand.IntN(3)]
		patience, cancel := context.WithTimeout(ctx, time.Duration(1+rand.IntN(50))*time.Millisecond)
		switch rand.IntN(40) {
		case 0:
			s, err := r.Refresh(patience, name)
			check(i, s, err)
		case 1:
			if s, err := r.Get(patience, name); err == nil {
				r.Invalidate(s)
			}
		case 2:
			_ = r.Preload(patience, name, w.path(rand.IntN(modelDocs)))
		case 3:
			for s, err := range r.Watch(patience, name) {
				if ctx.Err() == nil && patience.Err() == nil {
					check(i, s, err)
				}
			}
		case 4:
			rejected := errors.New("rejected")
			_ = r.Retry(patience, name, func(err error) bool { return errors.Is(err, rejected) },
				func(_ context.Context, s secrets.Secret) error {
					check(i, s, nil)
					if rand.IntN(2) == 0 {
						return rejected
					}
					return nil
				})
		case 5:
			_, _ = r.Status(), r.Healthy()
		case 6:
			if l, err := secrets.Bind[string](patience, r, name, nil); err == nil {
				_ = l.Get()
				l.Stop()
			}
		default:
			s, err := r.Get(patience, name)
			check(i, s, err)
		}
		cancel()
	}
}
