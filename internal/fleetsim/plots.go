package main

import (
	"sync"
	"time"

	"github.com/go-secrets/secrets/internal/fleetsim/fleet"
)

// plots are the figures of docs/scale.md by their file's name.
var plots = map[string]func() *plot{
	"calls":     calls,
	"throttled": func() *plot { return bySize(throttledShare) },
	"staleness": func() *plot { return bySize(stalest) },
	"cost":      cost,
	"start":     start,
	"outage":    outage,
}

// calls shows the refreshes after a start of all at once.
func calls() *plot {
	// A quota that nobody meets, so that it is the demand that shows.
	b := fleet.SecretsManager
	b.Single, b.Batched = fleet.PerSecond(1e6), fleet.Quota{}
	base := fleet.Params{Backend: b, Processes: 1000, Documents: 20, Duration: time.Hour}
	noBatch, noJitter, neither := base, base, base
	noBatch.NoBatch, noJitter.NoJitter, neither.NoBatch, neither.NoJitter = true, true, true, true
	names := []string{"batches and jitter (the default)", "no batches", "no jitter", "neither"}
	p := &plot{
		title: "1,000 processes × 20 documents start at once, TTL 5 min",
		x:     "minutes since the start", y: "calls in the busiest second of each 15 s", logY: true,
	}
	for i, r := range runAll([]fleet.Params{base, noBatch, noJitter, neither}) {
		p.lines = append(p.lines, line{name: names[i], points: busiest(r, 15*time.Second, time.Minute)})
	}
	return p
}

// busiest returns the peak of each span of a run, at least 0.5, so that a
// logarithmic axis shows that there was nothing.
func busiest(r *fleet.Result, span, unit time.Duration) (points [][2]float64) {
	for at := time.Duration(0); at+span <= r.Params.Duration; at += span {
		points = append(points, [2]float64{float64(at) / float64(unit), max(0.5, float64(r.Peak(at, at+span)))})
	}
	return points
}

// sizes are the fleets that bySize shows.
var sizes = []int{1000, 2000, 4000, 6000, 8000, 9000, 10_000, 11_000, 12_000, 14_000, 17_000, 20_000}

// A measure is what bySize shows of a run.
type measure struct {
	title, y string
	of       func(*fleet.Result) float64
}

var (
	throttledShare = measure{"Parameter Store at 40/s, 10 documents: calls that are throttled", "throttled share of the calls, %",
		func(r *fleet.Result) float64 { return 100 * r.ThrottledShare(settling, 0) }}
	stalest = measure{"Parameter Store at 40/s, 10 documents: how old values get", "age that 99 % of the values stay below, minutes",
		func(r *fleet.Result) float64 { _, p99 := r.Oldest(settling); return p99.Minutes() }}
)

// settling is the part of a run that is not counted.
const settling = 30 * time.Minute

// settings are the lines of bySize.
var settings = []struct {
	name string
	set  func(*fleet.Params)
}{
	{"defaults: TTL 5 min", func(*fleet.Params) {}},
	{"WithTTL(10 min)", func(p *fleet.Params) { p.TTL = 10 * time.Minute }},
	{"no jitter", func(p *fleet.Params) { p.NoJitter = true }},
	{"no batches", func(p *fleet.Params) { p.NoBatch = true }},
}

// grown runs fleets of all sizes with all settings, once for both plots.
var grown = sync.OnceValue(func() []*fleet.Result {
	var all []fleet.Params
	for _, l := range settings {
		for _, n := range sizes {
			one := fleet.Params{Backend: fleet.ParameterStore, Processes: n, Documents: 10, Warm: true, Duration: 90 * time.Minute}
			l.set(&one)
			all = append(all, small(one, part))
		}
	}
	return runAll(all)
})

// bySize shows fleets that have run for long on Parameter Store.
func bySize(m measure) *plot {
	p := &plot{title: m.title, x: "processes", y: m.y}
	for i, l := range settings {
		points := make([][2]float64, 0, len(sizes))
		for n, size := range sizes {
			points = append(points, [2]float64{float64(size), m.of(grown()[i*len(sizes)+n])})
		}
		p.lines = append(p.lines, line{name: l.name, points: points})
	}
	return p
}

// cost shows what a month of calls costs.
func cost() *plot {
	p := &plot{title: "Calls for 20 documents a process, TTL 5 min, no throttling", x: "processes", y: "US dollars a month", logX: true, logY: true}
	for _, l := range []struct {
		name string
		p    fleet.Params
	}{
		{"Secrets Manager, batches", fleet.Params{Backend: fleet.SecretsManager}},
		{"the same, no batches; SSM, higher throughput", fleet.Params{Backend: fleet.SecretsManager, NoBatch: true}},
		{"Secrets Manager, batches, TTL 1 h", fleet.Params{Backend: fleet.SecretsManager, TTL: time.Hour}},
		{"GCP Secret Manager", fleet.Params{Backend: fleet.SecretManager}},
	} {
		var all []fleet.Params
		for _, n := range []int{10, 100, 1000, 10_000} {
			one := l.p
			one.Backend.Single, one.Backend.Batched = fleet.PerSecond(1e6), fleet.Quota{}
			one.Processes, one.Documents, one.Warm, one.Duration = min(n, 1000), 20, true, 3*time.Hour
			all = append(all, one)
		}
		var points [][2]float64
		for i, r := range runAll(all) {
			calls, _ := r.Monthly(time.Hour)
			n := []float64{10, 100, 1000, 10_000}[i]
			// Without throttling a fleet ten times as large makes ten times the calls.
			points = append(points, [2]float64{n, calls * n / float64(r.Params.Processes)})
		}
		p.lines = append(p.lines, line{name: l.name, points: points})
	}
	return p
}

// start shows ten thousand processes that start.
func start() *plot {
	p := &plot{title: "10,000 processes start", x: "seconds since the start of the first", y: "processes that have their secrets, %", logX: true}
	all := starts()
	for i, r := range coldStarts() {
		if all[i].plot == "" {
			continue
		}
		l := line{name: all[i].plot}
		for at := 0.1; at <= 10_000; at *= 1.05 {
			n := 0
			for n < len(r.Started) && r.Started[n].Seconds() <= at {
				n++
			}
			l.points = append(l.points, [2]float64{at, 100 * float64(n) / float64(r.Params.Processes)})
		}
		p.lines = append(p.lines, l)
	}
	return p
}

// outage shows what happens around an outage.
func outage() *plot {
	p := &plot{
		title: "1,000 processes × 20 documents, Secrets Manager refuses calls from minute 10 to 20",
		x:     "minutes", y: "calls in the busiest second of each 10 s",
	}
	base := fleet.Params{
		Backend: fleet.SecretsManager, Processes: 1000, Documents: 20, Warm: true, Duration: 40 * time.Minute,
		Outages: []fleet.Outage{{From: 10 * time.Minute, To: 20 * time.Minute}},
	}
	longer := base
	longer.TTL = 15 * time.Minute
	for i, r := range runAll([]fleet.Params{base, longer}) {
		p.lines = append(p.lines, line{name: []string{"TTL 5 min", "TTL 15 min"}[i], points: busiest(r, 10*time.Second, time.Minute)})
	}
	return p
}
