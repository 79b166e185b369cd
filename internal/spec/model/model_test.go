package model

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
	"go.uber.org/goleak"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/figures"
	"github.com/go-secrets/secrets/secretstest"
)

// A pace says how long the model runs and how fast.
type pace struct {
	least  int64         // Gets, at least
	length time.Duration // and so long, at least
	burst  int           // Gets in a row
	slow   int           // how many times longer every time is than at full speed
	rest   time.Duration // of a reader between two things that it does; 0: none
}

const (
	modelReaders = 64
	modelGets    = 1_000_000
	// modelPatience is how long the Gets may take on a slow machine.
	modelPatience = 5 * time.Minute
)

// TestModel has 64 goroutines read from resolvers that open and close while
// secrets rotate and the provider fails at random, and checks that every value
// was legal when it was returned: one that the document had, never an older
// one than the same goroutine had been given before, never fields of two
// versions, and never one that had been replaced longer ago than the resolver's
// MaxStale, or its TTL of zero, allows. In the end no goroutine is left.
//
// It ends after a million Gets. With SECRETS_MODEL_TIME it runs for that time
// at a rate that leaves the machine to others, and the heap and the number of
// goroutines must be flat:
//
//	SECRETS_MODEL_TIME=30m go test -race -v -timeout=40m -run='^TestModel$' .
func TestModel(t *testing.T) {
	before := goleak.IgnoreCurrent()
	p := pace{least: modelGets, length: 3 * time.Second, burst: 128, slow: 1}
	var watch *gauge
	if text := os.Getenv("SECRETS_MODEL_TIME"); text != "" {
		length, err := time.ParseDuration(text)
		require.NoError(t, err)
		p = pace{length: length, burst: 16, slow: 40, rest: 500 * time.Millisecond}
		watch = startGauge(length)
	}
	m := &model{pace: p, p: secretstest.NewProvider(nil), wrong: make(chan error, 1)}
	m.run(t.Context())
	select {
	case err := <-m.wrong:
		require.NoError(t, err)
	default:
	}
	figures.Tell(t, "%d Gets and %d reads in other ways by %d goroutines, %d of them failed; %d resolvers opened and closed, %d rotations, %d reads of the backend, in %v",
		m.gets.Load(), m.others.Load(), modelReaders, m.failed.Load(), m.opened.Load(), m.rotations(), m.p.Calls().Reads, m.took.Round(time.Millisecond))
	assert.GreaterOrEqual(t, m.gets.Load(), p.least)
	assert.Less(t, m.failed.Load(), m.gets.Load()/2)
	assert.Positive(t, m.failed.Load())
	assert.Greater(t, m.opened.Load(), int64(len(modelKinds)), "resolvers open and close while it runs")
	if watch != nil {
		report, err := watch.stop()
		figures.Tell(t, "%s", report)
		assert.NoError(t, err)
	}
	assert.NoError(t, goleak.Find(before))
}

// A model is a run of it.
type model struct {
	pace
	p    *secretstest.Provider
	last [modelDocs]atomic.Int64 // which number each document has had last

	mu       sync.Mutex
	replaced [modelDocs][modelMemory]time.Time     // when the last numbers were, n at n % modelMemory
	lateThen [modelDocs][modelMemory]time.Duration // what late was then
	upTo     [modelDocs]int64                      // the last number that was replaced

	late atomic.Int64 // for how long in all the process stood still, ns

	gets, others, failed, opened atomic.Int64
	took                         time.Duration

	wrong chan error // the first thing that is wrong
	end   context.CancelFunc
}

const (
	modelDocs   = 40
	modelMemory = 128
)

// A modelKind is a kind of resolver; its times are in units.
type modelKind struct {
	options func(unit time.Duration) []secrets.Option
	// stale is for how long a value may be returned that has been replaced, the
	// timeout of a read included; 0: as long as the model runs.
	stale time.Duration
	// Such a resolver lives as long as the model runs, and is used by Get alone:
	// nobody has it read what it should read by itself.
	old bool
}

// slack is for what a busy machine takes between what the provider says and
// when the resolver holds it.
func (m *model) slack() time.Duration { return time.Second + 50*m.unit() }

var modelKinds = []modelKind{
	{options: func(u time.Duration) []secrets.Option { return []secrets.Option{secrets.WithTTL(10 * u)} }},
	{options: func(u time.Duration) []secrets.Option {
		return []secrets.Option{secrets.WithTTL(5 * u), secrets.WithMaxEntries(20), secrets.WithIdle(10 * u)}
	}},
	{options: func(u time.Duration) []secrets.Option {
		return []secrets.Option{secrets.WithTTL(10 * u), secrets.WithOnDemand()}
	}},
	boundedStale, boundedStaleOnDemand, nothingKept,
	boundedStale.oldOne(), boundedStaleOnDemand.oldOne(), nothingKept.oldOne(),
}

var (
	boundedStale = modelKind{stale: 25, options: func(u time.Duration) []secrets.Option {
		return []secrets.Option{secrets.WithTTL(5 * u), secrets.WithMaxStale(20 * u), secrets.WithTimeout(5 * u)}
	}}
	boundedStaleOnDemand = modelKind{stale: 25, options: func(u time.Duration) []secrets.Option {
		return append(boundedStale.options(u), secrets.WithOnDemand())
	}}
	nothingKept = modelKind{stale: 5, options: func(u time.Duration) []secrets.Option {
		return []secrets.Option{secrets.WithTTL(0), secrets.WithTimeout(5 * u)}
	}}
)

func (k modelKind) oldOne() modelKind {
	k.old = true
	return k
}

func (m *model) path(i int) string { return modelNames[i][0] }

// modelNames are those that a document is asked for by, its own first.
var modelNames = func() (names [modelDocs][3]string) {
	for i := range names {
		path := fmt.Sprintf("m/%d", i)
		names[i] = [...]string{path, path + "/a", path + "#b"}
	}
	return names
}()

// unit is a millisecond of the model's time.
func (m *model) unit() time.Duration { return time.Duration(m.slow) * time.Millisecond }

// about is a random time of up to n units.
func (m *model) about(n int) time.Duration { return time.Duration(rand.IntN(n)) * m.unit() }

// report ends the run: something is wrong.
func (m *model) report(err error) {
	select {
	case m.wrong <- err:
		m.end()
	default:
	}
}

// run runs the model until it has done enough.
func (m *model) run(ctx context.Context) {
	start := time.Now()
	for i := range modelDocs {
		m.rotate(i)
	}
	ctx, m.end = context.WithTimeout(ctx, max(m.length, modelPatience))
	defer m.end()
	var wg sync.WaitGroup
	wg.Go(func() { // enough is enough
		for ctx.Err() == nil && (m.gets.Load() < m.least || time.Since(start) < m.length) {
			time.Sleep(time.Millisecond)
		}
		m.end()
	})
	wg.Go(func() { // the machine may stop, and nobody can see to anything meanwhile
		const nap, still = 10 * time.Millisecond, 50 * time.Millisecond
		for ctx.Err() == nil {
			before := time.Now()
			time.Sleep(nap)
			if late := time.Since(before) - nap; late > still {
				m.late.Add(int64(late))
			}
		}
	})
	wg.Go(func() { // the secrets rotate
		for ctx.Err() == nil {
			m.rotate(rand.IntN(modelDocs))
			time.Sleep(m.unit())
		}
	})
	wg.Go(func() { m.fail(ctx) })
	for n, kind := range modelKinds {
		wg.Go(func() { // resolvers open and close
			for ctx.Err() == nil {
				m.live(ctx, kind, (n+1)*modelReaders/len(modelKinds)-n*modelReaders/len(modelKinds))
			}
		})
	}
	wg.Wait()
	m.took = time.Since(start)
}

// live is the life of a resolver.
func (m *model) live(ctx context.Context, kind modelKind, n int) {
	r := secrets.New(m.p, append(kind.options(m.unit()), secrets.WithLogger(nil))...)
	m.opened.Add(1)
	life, end := context.WithTimeout(ctx, 100*m.unit()+m.about(400))
	if kind.old {
		life, end = context.WithCancel(ctx)
	}
	defer end()
	var readers sync.WaitGroup
	for range n {
		readers.Go(func() { m.read(life, r, kind) })
	}
	readers.Wait()
	if err := r.Close(); err != nil {
		m.report(err)
	}
}

// fail has the provider fail at random.
func (m *model) fail(ctx context.Context) {
	classes := []error{secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrInvalid, errors.New("of no class")}
	for ctx.Err() == nil {
		path := secretstest.All
		if rand.IntN(2) == 0 {
			path = m.path(rand.IntN(modelDocs))
		}
		switch rand.IntN(6) {
		case 0, 1:
			m.p.FailTimes(path, 1+rand.IntN(20), classes[rand.IntN(len(classes))])
		case 2:
			m.p.Delay(path, m.about(5))
		case 3:
			m.p.Panic(path, "a panic's value")
		case 4:
			release := m.p.Block(path)
			time.AfterFunc(m.about(10), release)
		case 5:
			if rand.IntN(2) == 0 {
				m.p.Disable(secretstest.Batch | secretstest.Watch)
			} else {
				m.p.Enable(secretstest.Batch | secretstest.Watch)
			}
		}
		time.Sleep(5 * m.unit())
		m.p.Heal()
		time.Sleep(5 * m.unit())
	}
}

// rotate gives document i its next number. Numbers only grow, and a document is
// an object of two fields that are the same number.
func (m *model) rotate(i int) {
	n := m.last[i].Add(1)
	defer func() { // it may be read until then
		m.mu.Lock()
		defer m.mu.Unlock()
		m.upTo[i] = n - 1
		m.replaced[i][(n-1)%modelMemory] = time.Now()
		m.lateThen[i][(n-1)%modelMemory] = time.Duration(m.late.Load())
	}()
	m.p.Set(m.path(i), fmt.Sprintf(`{"a":"%d","b":"%d"}`, n, n))
}

func (m *model) rotations() (n int64) {
	for i := range m.last {
		n += m.last[i].Load() - 1
	}
	return n
}

// overdue returns for how long number n of document i had been replaced at
// start, beyond what is allowed and for how long the process stood still since.
func (m *model) overdue(i int, n int64, start time.Time, stale time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > m.upTo[i] {
		return 0
	}
	at := max(n, m.upTo[i]-modelMemory+1) % modelMemory // that one was later, if n was long ago
	still := time.Duration(m.late.Load()) - m.lateThen[i][at]
	return start.Sub(m.replaced[i][at]) - stale - m.slack() - still
}

// legal checks a value that was asked for at start of document i, whose number
// was at least floor then, and may have been replaced for as long as stale.
func (m *model) legal(i int, text string, floor int64, start time.Time, stale time.Duration) error {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return errors.New("the value is none that the document ever had")
	case n > m.last[i].Load():
		return fmt.Errorf("number %d of document %d has not been yet", n, i)
	case n < floor:
		return fmt.Errorf("number %d of document %d after %d had been seen", n, i, floor)
	case stale > 0 && m.overdue(i, n, start, stale) > 0:
		time.Sleep(200 * time.Millisecond) // so that it is known whether the process stood still
		if late := m.overdue(i, n, start, stale); late > 0 {
			return fmt.Errorf("number %d of document %d, which should have been gone for %v", n, i, late)
		}
	}
	return nil
}

// read uses a resolver until its life ends, and checks what that returns.
func (m *model) read(ctx context.Context, r *secrets.Resolver, kind modelKind) {
	var floor [modelDocs]int64
	check := func(i int, s secrets.Secret, err error, start time.Time) {
		if err != nil {
			m.failed.Add(1)
			if errors.Is(err, secrets.ErrNotFound) {
				m.report(fmt.Errorf("document %d is there, and is reported missing: %w", i, err))
			}
			if strings.Contains(err.Error(), "a panic's value") {
				m.report(errors.New("an error tells a panic's value"))
			}
			return
		}
		text := s.Reveal()
		if strings.HasPrefix(text, "{") {
			a, errA := s.Field("a")
			b, errB := s.Field("b")
			if errA != nil || errB != nil || !a.Equal(b) {
				m.report(fmt.Errorf("document %d has fields of two versions", i))
				return
			}
			text = a.Reveal()
		}
		if err := m.legal(i, text, floor[i], start, kind.stale*m.unit()); err != nil {
			m.report(fmt.Errorf("%w (%s)", err, s.Name()))
			return
		}
		floor[i], _ = strconv.ParseInt(text, 10, 64)
	}
	pick := func() (i int, name string) {
		i = rand.IntN(modelDocs)
		return i, modelNames[i][rand.IntN(len(modelNames[i]))]
	}
	for ctx.Err() == nil {
		if m.rest > 0 {
			time.Sleep(rand.N(m.rest))
		}
		i, name := pick()
		patience, cancel := context.WithTimeout(ctx, m.unit()+m.about(50))
		way := rand.IntN(40)
		if kind.old {
			way = 39
		}
		switch way {
		case 0:
			start := time.Now()
			s, err := r.Refresh(patience, name)
			m.others.Add(1)
			check(i, s, err, start)
		case 1:
			start := time.Now()
			s, err := r.Get(patience, name)
			m.gets.Add(1)
			check(i, s, err, start)
			if err == nil {
				r.Invalidate(s)
			}
		case 2:
			_ = r.Preload(patience, name, m.path(rand.IntN(modelDocs)))
		case 3:
			for s, err := range r.Watch(patience, name) {
				if ctx.Err() == nil && patience.Err() == nil {
					m.others.Add(1)
					check(i, s, err, time.Now())
				}
			}
		case 4:
			rejected := errors.New("rejected")
			_ = r.Retry(patience, name, func(err error) bool { return errors.Is(err, rejected) },
				func(_ context.Context, s secrets.Secret) error {
					m.others.Add(1)
					check(i, s, nil, time.Now())
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
			for range m.burst {
				start := time.Now()
				s, err := r.Get(patience, name)
				m.gets.Add(1)
				check(i, s, err, start)
				if patience.Err() != nil {
					break
				}
				i, name = pick()
			}
		}
		cancel()
	}
}
