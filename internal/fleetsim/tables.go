package main

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/go-secrets/secrets/internal/fleetsim/fleet"
)

// tables are those of docs/scale.md by the name in their marks.
var tables = map[string]func() string{
	"limits": limits,
	"starts": startsTable,
}

// A coldStart is a row of the table of starts.
type coldStart struct {
	name string
	plot string // its name there; empty: it is not shown
	fleet.Params
}

// starts are the ways in which ten thousand processes start.
func starts() []coldStart {
	cold := func(name, plot string, b fleet.Backend, documents int, set func(*fleet.Params)) coldStart {
		p := fleet.Params{Backend: b, Processes: 10_000, Documents: documents, Duration: 2 * time.Hour, UntilStarted: true}
		if set != nil {
			set(&p)
		}
		return coldStart{name, plot, p}
	}
	ssm := fleet.ParameterStore
	return []coldStart{
		cold("Parameter Store, 1 document (a JSON object with all values)", "Parameter Store 40/s, 1 document", ssm, 1, nil),
		cold("Parameter Store, 10 documents", "Parameter Store 40/s, 10 documents", ssm, 10, nil),
		cold("the same, if each document drew for itself how long its failure is remembered", "", ssm, 10, func(p *fleet.Params) { p.Apart = true }),
		cold("10 documents, TTL 1 h", "", ssm, 10, func(p *fleet.Params) { p.TTL = time.Hour }),
		cold("the same, each process exits when it fails", "", ssm, 10, func(p *fleet.Params) { p.TTL, p.Crash = time.Hour, true }),
		cold("10 documents, TTL 1 h, rolled out over 5 min", "Parameter Store 40/s, 10 documents, over 5 min", ssm, 10, func(p *fleet.Params) { p.TTL, p.Rollout = time.Hour, 5*time.Minute }),
		cold("Parameter Store with higher throughput, 10 documents", "Parameter Store higher throughput, 10 documents", fleet.ParameterStoreHigher, 10, nil),
		cold("Secrets Manager, 20 documents", "Secrets Manager, 20 documents", fleet.SecretsManager, 20, nil),
		cold("the same, `?batch=false`", "Secrets Manager, 20 documents, batch=false", fleet.SecretsManager, 20, func(p *fleet.Params) { p.NoBatch = true }),
		cold("GCP Secret Manager, 20 documents", "GCP Secret Manager, 20 documents", fleet.SecretManager, 20, nil),
		cold("Vault at 1,000/s, 5 documents and a login", "", fleet.Vault(1000), 5, nil),
		cold("the same, rolled out over 80 s", "", fleet.Vault(1000), 5, func(p *fleet.Params) { p.Rollout = 80 * time.Second }),
	}
}

// coldStarts runs them, once for the plot and the table.
var coldStarts = sync.OnceValue(func() []*fleet.Result {
	var all []fleet.Params
	for _, s := range starts() {
		all = append(all, small(s.Params, part))
	}
	return runAll(all)
})

func startsTable() string {
	table := [][]string{{"10,000 processes", "at best", "half have started", "99 %", "all", "throttled calls", "`Preload`s that failed, a process"}}
	all := starts()
	for i, r := range coldStarts() {
		row := []string{all[i].name, seconds(ideal(r.Params))}
		for _, part := range []float64{0.5, 0.99, 1} {
			if at, ok := r.StartedBy(part); ok {
				row = append(row, seconds(at))
			} else {
				row = append(row, "not in 2 h")
			}
		}
		table = append(table, append(row,
			fmt.Sprintf("%.1f %%", 100*r.ThrottledShare(0, 0)), fmt.Sprintf("%.1f", float64(r.Failed)/float64(r.Params.Processes))))
	}
	return rows(table...)
}

// demand is the calls that a process makes to read all of its documents, and
// the quota that they count for.
func demand(p fleet.Params) (calls float64, quota fleet.Quota) {
	size, quota := 1, p.Backend.Single
	if b := p.Backend.Batch; b.Size > 1 && !p.NoBatch && p.Documents >= b.Min {
		size = b.Size
		if p.Backend.Batched.Rate > 0 {
			quota = p.Backend.Batched
		}
	}
	return math.Ceil(float64(p.Documents) / float64(size)), quota
}

// ideal is how long a start takes if no call is wasted.
func ideal(p fleet.Params) time.Duration {
	calls, quota := demand(p)
	n := float64(p.Processes) * (calls + float64(p.Backend.Setup))
	needs := max(0, n-quota.Burst) / quota.Rate
	return max(p.Rollout, time.Duration(needs*float64(time.Second)))
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	if d < 10*time.Minute {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

// limits tells up to which fleet the refreshes take half of the quota, and what
// runs at that size, at twice and at three times that size show.
func limits() string {
	table := [][]string{{"Backend", "Documents", "TTL", "Half of the quota", "there: throttled", "at the whole quota: throttled", "at 1.5 quotas: throttled"}}
	var all []fleet.Params
	var half []int
	var names []string
	add := func(name string, b fleet.Backend, documents int, ttl time.Duration, noBatch bool) {
		p := fleet.Params{Backend: b, Documents: documents, TTL: ttl, NoBatch: noBatch, Warm: true, Duration: ttl * 5 / 2}
		calls, quota := demand(p)
		n := int(quota.Rate / 2 * 0.9 * ttl.Seconds() / calls)
		names, half = append(names, name), append(half, n)
		// A large fleet is a tenth or a hundredth of it beside as small a part
		// of the quota: what each process meets is the same.
		for quota := quota; n*documents > 150_000 && quota.Rate >= 400; quota.Rate /= 10 {
			n /= 10
			p = small(p, 10)
		}
		for _, times := range []float64{1, 2, 3} {
			p.Processes = int(float64(n) * times)
			all = append(all, p)
		}
	}
	ttl := fleet.DefaultTTL
	add("Parameter Store", fleet.ParameterStore, 1, ttl, false)
	add("Parameter Store", fleet.ParameterStore, 10, ttl, false)
	add("Parameter Store", fleet.ParameterStore, 50, ttl, false)
	add("Parameter Store, higher throughput", fleet.ParameterStoreHigher, 10, ttl, false)
	add("Secrets Manager", fleet.SecretsManager, 2, ttl, false)
	add("Secrets Manager", fleet.SecretsManager, 20, ttl, false)
	add("Secrets Manager, `?batch=false`", fleet.SecretsManager, 20, ttl, true)
	add("GCP Secret Manager", fleet.SecretManager, 10, ttl, false)
	add("Vault at 1,000/s", fleet.Vault(1000), 10, ttl, false)
	add("Parameter Store", fleet.ParameterStore, 10, 3*ttl, false)
	results := runAll(all)
	for i, name := range names {
		at := results[3*i : 3*i+3]
		p := at[0].Params
		from := p.TTL
		share := func(r *fleet.Result) string { return fmt.Sprintf("%.1f %%", 100*r.ThrottledShare(from, 0)) }
		table = append(table, []string{
			name, fmt.Sprint(p.Documents), short(p.TTL), number(float64(half[i])) + " processes",
			share(at[0]), share(at[1]), share(at[2]),
		})
	}
	return rows(table...)
}

func short(d time.Duration) string {
	if d >= time.Hour && d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}
