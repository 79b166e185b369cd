package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// slice is the width of a bar of the plot.
const slice = 250 * time.Millisecond

// A load is workers that ask a URL over and over, and what came of it.
type load struct {
	begun time.Time
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu     sync.Mutex
	slices []*outcome
	marks  []mark
}

// An outcome is that of the requests that ended within a slice of time.
type outcome struct {
	ok, failed int
	took       []time.Duration
}

// A mark is a moment of a rotation.
type mark struct {
	at   time.Duration
	what string
}

func startLoad(ctx context.Context, url string, workers int) *load {
	ctx, stop := context.WithCancel(ctx)
	l := &load{begun: time.Now(), stop: stop}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}, Timeout: 30 * time.Second}
	for range workers {
		l.wg.Go(func() {
			for ctx.Err() == nil {
				begun := time.Now()
				err := ask(client, url)
				l.note(time.Since(begun), err)
				sleep(ctx, 25*time.Millisecond+time.Duration(rand.Int64N(int64(30*time.Millisecond))))
			}
		})
	}
	return l
}

func ask(client *http.Client, url string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

func (l *load) note(took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := int(time.Since(l.begun) / slice)
	for len(l.slices) <= at {
		l.slices = append(l.slices, new(outcome))
	}
	o := l.slices[at]
	o.took = append(o.took, took)
	if err != nil {
		o.failed++
	} else {
		o.ok++
	}
}

func (l *load) mark(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks = append(l.marks, mark{time.Since(l.begun), what})
}

func (l *load) end() {
	l.stop()
	l.wg.Wait()
}

func (l *load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all outcome
	for _, o := range l.slices {
		all.ok += o.ok
		all.failed += o.failed
		all.took = append(all.took, o.took...)
	}
	return fmt.Sprintf("%d requests, %d failed, 99 %% within %v, the slowest %v", all.ok+all.failed, all.failed, all.quantile(.99).Round(time.Millisecond), all.quantile(1).Round(time.Millisecond))
}

// quantile is the time that a part of the requests took at most.
func (o *outcome) quantile(part float64) time.Duration {
	if len(o.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(o.took))
	return sorted[int(part*float64(len(sorted)-1))]
}
