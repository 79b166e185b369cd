package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// limited is a backend of the model in front of documents in memory: real
// resolvers meet what simulated processes meet.
type limited struct {
	documents *secretstest.Provider
	start     time.Time
	noBatch   bool

	mu      sync.Mutex
	service *service
	result  *Result
}

func newLimited(p Params, docs map[string]string) *limited {
	p = p.withDefaults()
	return &limited{
		documents: secretstest.NewProvider(docs), start: time.Now(), noBatch: p.NoBatch,
		service: newService(&p), result: newResult(p),
	}
}

// call is one call for so many documents.
func (l *limited) call(documents int) error {
	l.mu.Lock()
	now := time.Since(l.start)
	got := l.service.answer(now, documents > 1)
	l.result.count(now, documents, got)
	half := int64(l.service.Latency / 2)
	l.mu.Unlock()
	time.Sleep(time.Duration(half + rand.Int64N(2*half+1)))
	switch got {
	case throttled:
		return secretstest.Throttled(l.service.RetryAfter)
	case refused:
		return secrets.ErrUnavailable
	}
	return nil
}

func (l *limited) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	if err := l.call(1); err != nil {
		return secrets.Value{}, err
	}
	return l.documents.Fetch(ctx, ref)
}

// batching is a limited that reads batches, as the backends do: in calls of so
// many documents, so many at once.
type batching struct{ *limited }

func (b batching) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	results := make([]secrets.Result, len(refs))
	if b.noBatch {
		for i := range results {
			results[i].Err = fmt.Errorf("switched off: %w", errors.ErrUnsupported)
		}
		return results
	}
	slots := make(chan struct{}, b.service.Parallel)
	var wg sync.WaitGroup
	at := 0
	for _, size := range b.service.Batch.cut(len(refs)) {
		mine, part := refs[at:at+size], results[at:at+size]
		at += size
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			err := b.call(len(mine))
			for i, ref := range mine {
				if part[i].Err = err; err == nil {
					part[i].Value, part[i].Err = b.documents.Fetch(ctx, ref)
				}
			}
		})
	}
	wg.Wait()
	return results
}

// runReal does with real resolvers what Run does with simulated ones. It is
// called in a bubble of synctest.
func runReal(t *testing.T, p Params) *Result {
	p = p.withDefaults()
	docs, names := map[string]string{}, make([]string, p.Documents)
	for i := range p.Documents {
		names[i] = fmt.Sprint("s", i)
		docs[names[i]] = "v"
	}
	l := newLimited(p, docs)
	var provider secrets.Provider = l
	if p.Backend.Grouped {
		provider = batching{l}
	}
	ctx, cancel := context.WithTimeout(t.Context(), p.Duration)
	defer cancel()
	var processes sync.WaitGroup
	for i := range p.Processes {
		processes.Go(func() {
			r := secrets.New(provider, secrets.WithTTL(p.TTL), secrets.WithTimeout(p.Timeout), secrets.WithLogger(nil))
			defer func() { assert.NoError(t, r.Close()) }()
			time.Sleep(p.Rollout * time.Duration(i) / time.Duration(p.Processes))
			for r.Preload(ctx, names...) != nil {
				l.mu.Lock()
				l.result.Failed++
				l.mu.Unlock()
				time.Sleep(p.Wait)
				if ctx.Err() != nil {
					return
				}
			}
			l.mu.Lock()
			l.result.Started = append(l.result.Started, time.Since(l.start))
			l.mu.Unlock()
			for ctx.Err() == nil { // in use
				for _, name := range names {
					_, _ = r.Get(ctx, name)
				}
				select {
				case <-time.After(p.TTL / 2):
				case <-ctx.Done():
				}
			}
		})
	}
	processes.Wait()
	return l.result
}

// TestModelAgainstTheResolver holds the model beside the real resolver, with the
// same parameters. Both draw by chance, so they agree within a part that each
// case states, and not by the call.
func TestModelAgainstTheResolver(t *testing.T) {
	small := func(b Backend, rate float64) Backend {
		b.Single = PerSecond(rate)
		b.Batched = Quota{}
		return b
	}
	starved := small(ParameterStore, 1)
	starved.Single.Burst = 100
	minutes := func(n int) time.Duration { return time.Duration(n) * time.Minute }
	for _, c := range []struct {
		name      string
		params    Params
		tolerance float64 // of the calls
		startup   float64 // of the time until nine in ten have started, beside a second
	}{
		{"a quiet backend that reads twenty in a call",
			Params{Backend: SecretsManager, Processes: 20, Documents: 50, Duration: minutes(60)}, 0.03, 0.1},
		{"batches switched off",
			Params{Backend: SecretsManager, NoBatch: true, Processes: 10, Documents: 20, Duration: minutes(60)}, 0.03, 0.1},
		{"a backend that reads one at a time",
			Params{Backend: small(Vault(0), 10_000), Processes: 20, Documents: 10, Duration: minutes(60)}, 0.2, 0.1},
		{"a cold start against five calls a second",
			Params{Backend: small(ParameterStore, 5), Processes: 60, Documents: 10, Duration: minutes(4)}, 0.15, 0.2},
		{"a cold start against five calls a second, in several calls each",
			Params{Backend: small(ParameterStore, 5), Processes: 30, Documents: 25, Duration: minutes(4)}, 0.3, 0.25},
		{"a cold start against a backend that says when to come again",
			Params{Backend: small(Vault(0), 5), Processes: 40, Documents: 5, Duration: minutes(4)}, 0.2, 0.25},
		{"a quota below what the refreshes need, after a burst for the start",
			Params{Backend: starved, Processes: 70, Documents: 10, TTL: minutes(1), Duration: minutes(20)}, 0.15, 0.25},
		{"an outage of ten minutes",
			Params{Backend: SecretsManager, Processes: 40, Documents: 20, Duration: minutes(40), Outages: []Outage{{minutes(10), minutes(20)}}}, 0.1, 0.1},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.params.Backend.Setup = 0 // a login is the provider's own, and the one of the test has none
			model := meanOf(t, c.params, 10)
			synctest.Test(t, func(t *testing.T) {
				real := outline(t, runReal(t, c.params))
				t.Logf("model    %+v", model)
				t.Logf("resolver %+v", real)
				within(t, c.tolerance, model.calls, real.calls, "calls")
				within(t, c.tolerance, model.ok, real.ok, "calls that were answered")
				within(t, 2*c.tolerance, model.throttled, real.throttled, "calls that were throttled")
				assert.InDelta(t, model.started, real.started, 1+c.startup*real.started, "seconds until nine in ten have started")
			})
		})
	}
}

// sums are what is compared of a run.
type sums struct{ calls, ok, throttled, started float64 }

// outline returns the sums of a run in which every process has started.
func outline(t *testing.T, r *Result) sums {
	t.Helper()
	require.Len(t, r.Started, r.Params.Processes, "processes that have started")
	at, _ := r.StartedBy(0.9)
	total := r.Total(0, 0)
	return sums{float64(total.Calls), float64(total.OK), float64(total.Throttled), at.Seconds()}
}

// meanOf runs the model with n seeds.
func meanOf(t *testing.T, p Params, n int) (mean sums) {
	t.Helper()
	for range n {
		p.Seed++
		one := outline(t, Run(p))
		mean.calls += one.calls / float64(n)
		mean.ok += one.ok / float64(n)
		mean.throttled += one.throttled / float64(n)
		mean.started += one.started / float64(n)
	}
	return mean
}

// within asserts that two counts differ by at most a part of the greater one,
// or by ten.
func within(t *testing.T, part, model, real float64, what string) {
	t.Helper()
	assert.InDelta(t, model, real, max(10, part*max(model, real)), what)
}
