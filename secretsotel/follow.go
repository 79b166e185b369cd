package secretsotel

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/go-secrets/secrets"
)

// following is all that is followed: one callback reports it, since what
// several callbacks say of one series overwrites each other.
type following struct {
	mu           sync.Mutex // held while the callback is registered, which it must not need
	registration metric.Registration
	all          atomic.Pointer[[]*follower] // never changed, but replaced
}

// A follower is a resolver that is followed.
type follower struct {
	of       *Telemetry
	resolver *secrets.Resolver
	label    string // secrets.resolver; empty: the first one that has no name
	times    int    // how often Follow was called with it, less the stops

	mu    sync.Mutex
	since map[string]time.Time // by document: since when it has been overdue
}

// gauges are what is reported of followers.
type gauges struct {
	documents      metric.Int64ObservableGauge
	age, staleness metric.Float64ObservableGauge
}

// Follow reports how the documents of r stand whenever metrics are collected,
// until stop is called. It reads nothing from backends.
//
// Of several resolvers that have no name ([Telemetry.Named]) the second gets
// the attribute secrets.resolver=2, and so on. Two of one name are told apart
// likewise: billing and billing-2.
func (t *Telemetry) Follow(r *secrets.Resolver) (stop func() error, err error) {
	f := &t.following
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.registration == nil {
		if f.registration, err = t.register(); err != nil {
			return nil, err
		}
	}
	followed := f.find(t, r)
	if followed == nil {
		followed = &follower{of: t, resolver: r, label: f.free(t.name), since: make(map[string]time.Time)}
		all := append(slices.Clone(f.list()), followed)
		f.all.Store(&all)
	}
	followed.times++
	return sync.OnceValue(func() error { return f.stop(followed) }), nil
}

func (f *following) list() []*follower {
	if all := f.all.Load(); all != nil {
		return *all
	}
	return nil
}

func (f *following) find(t *Telemetry, r *secrets.Resolver) *follower {
	for _, known := range f.list() {
		if known.resolver == r && known.of.name == t.name {
			return known
		}
	}
	return nil
}

// free returns the first label of a name that no follower has.
func (f *following) free(name string) string {
	label := name
	for n := 2; slices.ContainsFunc(f.list(), func(other *follower) bool { return other.label == label }); n++ {
		label = strconv.Itoa(n)
		if name != "" {
			label = name + "-" + label
		}
	}
	return label
}

func (f *following) stop(followed *follower) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if followed.times--; followed.times > 0 {
		return nil
	}
	left := slices.DeleteFunc(slices.Clone(f.list()), func(other *follower) bool { return other == followed })
	f.all.Store(&left)
	if len(left) > 0 {
		return nil
	}
	registration := f.registration
	f.registration = nil
	return registration.Unregister()
}

// register has the meter call back for all that is followed.
func (t *Telemetry) register() (metric.Registration, error) {
	var g gauges
	var errs [3]error
	g.documents, errs[0] = t.meter.Int64ObservableGauge("secrets.documents", metric.WithUnit("{document}"),
		metric.WithDescription("Documents that are held or were looked for, by state."))
	g.age, errs[1] = t.meter.Float64ObservableGauge("secrets.document.age", metric.WithUnit("s"),
		metric.WithDescription("How long ago what is held was read."))
	g.staleness, errs[2] = t.meter.Float64ObservableGauge("secrets.document.staleness", metric.WithUnit("s"),
		metric.WithDescription("How long what is held has been served without a refresh that succeeds."))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, f := range t.following.list() {
			f.observe(o, g)
		}
		return nil
	}, g.documents, g.age, g.staleness)
}

// A series is what is observed under one set of attributes.
type series struct {
	set            attribute.Set
	count          int64
	age, staleness time.Duration
}

// observe reports the resolver's statuses: each document, if names are
// attributes, and otherwise the worst of each provider.
func (f *follower) observe(o metric.Observer, g gauges) {
	states, worst := make(map[attribute.Distinct]series), make(map[attribute.Distinct]series)
	now := time.Now()
	statuses := f.resolver.Status()
	overdue := f.overdue(statuses, now)
	for i, s := range statuses {
		attrs := append([]attribute.KeyValue{attribute.String("secrets.provider", s.Provider)}, resolverOf(f.label)...)
		state := attribute.NewSet(append(slices.Clone(attrs), attribute.String("secrets.state", string(s.State)))...)
		states[state.Equivalent()] = series{set: state, count: states[state.Equivalent()].count + 1}
		if s.FetchedAt.IsZero() {
			continue
		}
		if f.of.names {
			attrs = append(attrs, document(s.Document, s.Names)...)
		}
		set := attribute.NewSet(attrs...)
		before := worst[set.Equivalent()]
		worst[set.Equivalent()] = series{set: set, age: max(before.age, now.Sub(s.FetchedAt)), staleness: max(before.staleness, overdue[i])}
	}
	for _, s := range states {
		o.ObserveInt64(g.documents, s.count, metric.WithAttributeSet(s.set))
	}
	for _, s := range worst {
		o.ObserveFloat64(g.age, s.age.Seconds(), metric.WithAttributeSet(s.set))
		o.ObserveFloat64(g.staleness, s.staleness.Seconds(), metric.WithAttributeSet(s.set))
	}
}

// overdue returns for how long the refreshes of each document have been
// failing. Since when is known of the resolver's events; a resolver that the
// Telemetry does not observe, or that shares one with another resolver, may
// have told none, and then the last read that succeeded is what is known.
func (f *follower) overdue(statuses []secrets.Status, now time.Time) []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.since
	f.since = make(map[string]time.Time)
	all := make([]time.Duration, len(statuses))
	for i, s := range statuses {
		if s.State != secrets.StateStale && s.State != secrets.StateExpired {
			continue
		}
		since, known := before[s.Document]
		if !known {
			since, known = f.of.staleSince(s.Document)
		}
		if !known || since.Before(s.FetchedAt) {
			since = s.FetchedAt
		}
		f.since[s.Document] = since
		all[i] = now.Sub(since)
	}
	return all
}

func (t *Telemetry) staleSince(document string) (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	since, known := t.stale[document]
	return since, known
}
