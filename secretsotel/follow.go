package secretsotel

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/go-secrets/secrets"
)

// Follow reports how the documents of r stand whenever metrics are collected,
// until stop is called. It reads nothing from backends.
func (t *Telemetry) Follow(r *secrets.Resolver) (stop func() error, err error) {
	documents, err1 := t.meter.Int64ObservableGauge("secrets.documents", metric.WithUnit("{document}"),
		metric.WithDescription("Documents that are held or were looked for, by state."))
	age, err2 := t.meter.Float64ObservableGauge("secrets.document.age", metric.WithUnit("s"),
		metric.WithDescription("How long ago what is held was read."))
	staleness, err3 := t.meter.Float64ObservableGauge("secrets.document.staleness", metric.WithUnit("s"),
		metric.WithDescription("How long what is held has been served without a refresh that succeeds."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	registration, err := t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		t.observe(o, r.Status(), documents, age, staleness)
		return nil
	}, documents, age, staleness)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}

// observe reports statuses: each, if names are attributes, and otherwise the
// worst of each provider.
func (t *Telemetry) observe(o metric.Observer, all []secrets.Status, documents metric.Int64Observable, age, staleness metric.Float64Observable) {
	type group struct {
		provider string
		state    secrets.State
	}
	type worst struct{ age, staleness time.Duration }
	count, byProvider := map[group]int64{}, map[string]worst{}
	now := time.Now()
	for _, s := range all {
		count[group{s.Provider, s.State}]++
		if s.FetchedAt.IsZero() {
			continue
		}
		w := worst{now.Sub(s.FetchedAt), t.staleFor(s, now)}
		if t.names {
			attrs := metric.WithAttributes(append(document(s.Document, s.Names), attribute.String("secrets.provider", s.Provider))...)
			o.ObserveFloat64(age, w.age.Seconds(), attrs)
			o.ObserveFloat64(staleness, w.staleness.Seconds(), attrs)
			continue
		}
		before := byProvider[s.Provider]
		byProvider[s.Provider] = worst{max(before.age, w.age), max(before.staleness, w.staleness)}
	}
	for provider, w := range byProvider {
		attrs := metric.WithAttributes(attribute.String("secrets.provider", provider))
		o.ObserveFloat64(age, w.age.Seconds(), attrs)
		o.ObserveFloat64(staleness, w.staleness.Seconds(), attrs)
	}
	for g, n := range count {
		o.ObserveInt64(documents, n, metric.WithAttributes(attribute.String("secrets.provider", g.provider), attribute.String("secrets.state", string(g.state))))
	}
}

// staleFor returns for how long the refreshes of a document have been failing.
func (t *Telemetry) staleFor(s secrets.Status, now time.Time) time.Duration {
	if s.State != secrets.StateStale && s.State != secrets.StateExpired {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	since, known := t.stale[s.Document]
	if !known {
		since = s.FetchedAt
	}
	return now.Sub(since)
}
