// Package secretsotel reports what a resolver does as OpenTelemetry metrics
// and spans: what it asks of backends and how long that takes, what fails and
// of which class, and how old and how stale what it holds is.
//
//	tel, err := secretsotel.New()
//	r, err := secrets.Open(ctx, uri, secrets.WithObserver(tel.Observe))
//	stop, err := tel.Follow(r)
//
// Values are never reported. Names and places are attributes only with
// [WithNames]: they make a time series each, and leave the process.
//
// A program has one Telemetry, however many resolvers it has. Give each
// resolver a name, and everything that is reported of it has the attribute
// secrets.resolver:
//
//	billing := tel.Named("billing")
//	r, err := secrets.Open(ctx, uri, secrets.WithObserver(billing.Observe))
//	stop, err := billing.Follow(r)
//
// # Metrics
//
//   - secrets.backend.read.duration, histogram, s: calls of a backend, with
//     secrets.provider, secrets.refresh (nobody waited for it) and, if it
//     failed, error.type
//   - secrets.backend.read.documents, counter: documents asked for in them
//   - secrets.events, counter: secrets.event is changed (a rotation), stale,
//     recovered, expired, deleted or rejected; with secrets.provider, and
//     error.type where something failed
//   - secrets.documents, gauge: documents by secrets.state and
//     secrets.provider
//   - secrets.document.age, gauge, s: how long ago what is held was read; the
//     oldest of a provider, or each document with WithNames
//   - secrets.document.staleness, gauge, s: how long what is held has been
//     overdue, its refreshes having failed; 0 if none is
//
// Where several documents fall on one series, it tells the worst of them.
//
// Reads of what is held are not counted: it would cost more than the read.
//
// error.type is the class: not_found, permission_denied, unauthenticated,
// throttled, unavailable, invalid.
//
// # Spans
//
// Each call of a backend is a span, secrets.backend.read, of its own trace: it
// serves whoever waits for it, or nobody.
package secretsotel

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-secrets/secrets"
)

const scope = "github.com/go-secrets/secrets/secretsotel"

// Telemetry reports on resolvers. It is safe for concurrent use.
type Telemetry struct {
	*reporter
	name string // of the resolver; empty: none was given

	mu    sync.Mutex
	stale map[string]time.Time // by document: since when its refreshes fail
}

// A reporter is what a Telemetry and those that are Named by it share.
type reporter struct {
	names  bool
	tracer trace.Tracer
	meter  metric.Meter

	duration  metric.Float64Histogram
	documents metric.Int64Counter
	events    metric.Int64Counter

	following following
}

// An Option sets one thing of a [Telemetry].
type Option func(*config)

type config struct {
	names  bool
	meter  metric.MeterProvider
	tracer trace.TracerProvider
}

// WithNames has names and places of documents be attributes: secrets.names and
// secrets.document.
func WithNames() Option { return func(c *config) { c.names = true } }

// WithMeterProvider sets where metrics go; the default is the global one.
func WithMeterProvider(p metric.MeterProvider) Option { return func(c *config) { c.meter = p } }

// WithTracerProvider sets where spans go; the default is the global one.
func WithTracerProvider(p trace.TracerProvider) Option { return func(c *config) { c.tracer = p } }

// New returns a Telemetry. The error is the meter's.
func New(opts ...Option) (*Telemetry, error) {
	c := config{meter: otel.GetMeterProvider(), tracer: otel.GetTracerProvider()}
	for _, o := range opts {
		o(&c)
	}
	t := newTelemetry(&reporter{names: c.names, tracer: c.tracer.Tracer(scope), meter: c.meter.Meter(scope)}, "")
	var errs [3]error
	t.duration, errs[0] = t.meter.Float64Histogram("secrets.backend.read.duration", metric.WithUnit("s"),
		metric.WithDescription("How long a call of a backend took."),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	t.documents, errs[1] = t.meter.Int64Counter("secrets.backend.read.documents", metric.WithUnit("{document}"),
		metric.WithDescription("How many documents were asked of backends."))
	t.events, errs[2] = t.meter.Int64Counter("secrets.events", metric.WithUnit("{event}"),
		metric.WithDescription("What happened to documents: rotations, failures, recoveries."))
	return t, errors.Join(errs[:]...)
}

func newTelemetry(shared *reporter, name string) *Telemetry {
	return &Telemetry{reporter: shared, name: name, stale: make(map[string]time.Time)}
}

// Named returns a Telemetry for one resolver: what it observes and follows is
// reported where t reports it, with the attribute secrets.resolver.
func (t *Telemetry) Named(resolver string) *Telemetry { return newTelemetry(t.reporter, resolver) }

// Observe is a [secrets.Observer], for [secrets.WithObserver].
func (t *Telemetry) Observe(ctx context.Context, e secrets.Event) {
	attrs := append([]attribute.KeyValue{attribute.String("secrets.provider", e.Provider)}, resolverOf(t.name)...)
	if e.Err != nil {
		attrs = append(attrs, attribute.String("error.type", classOf(e.Err)))
	}
	if t.names {
		attrs = append(attrs, document(e.Document, e.Names)...)
	}
	if e.Kind == secrets.EventRead {
		attrs = append(attrs, attribute.Bool("secrets.refresh", e.Refresh))
		t.read(ctx, e, attrs)
		return
	}
	t.note(e)
	attrs = append(attrs, attribute.String("secrets.event", string(e.Kind)))
	t.events.Add(ctx, 1, metric.WithAttributes(attrs...))
}

// read reports a call of a backend, which has ended.
func (t *Telemetry) read(ctx context.Context, e secrets.Event, attrs []attribute.KeyValue) {
	set := metric.WithAttributes(attrs...)
	t.duration.Record(ctx, e.Duration.Seconds(), set)
	t.documents.Add(ctx, int64(e.Documents), set)
	_, span := t.tracer.Start(ctx, "secrets.backend.read", trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(e.Time.Add(-e.Duration)),
		trace.WithAttributes(append(attrs, attribute.Int("secrets.documents", e.Documents))...))
	if e.Err != nil {
		// The class alone: the text has names and places.
		text := classOf(e.Err)
		if t.names {
			text = e.Err.Error()
		}
		span.SetStatus(codes.Error, text)
	}
	span.End(trace.WithTimestamp(e.Time))
}

// note remembers since when a document is stale.
func (t *Telemetry) note(e secrets.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e.Kind {
	case secrets.EventStale:
		if _, known := t.stale[e.Document]; !known {
			t.stale[e.Document] = e.Time
		}
	case secrets.EventRecovered, secrets.EventChanged, secrets.EventDeleted:
		delete(t.stale, e.Document)
	}
}

// resolverOf is the attribute that tells resolvers apart.
func resolverOf(name string) []attribute.KeyValue {
	if name == "" {
		return nil
	}
	return []attribute.KeyValue{attribute.String("secrets.resolver", name)}
}

func document(place string, names []string) []attribute.KeyValue {
	var attrs []attribute.KeyValue
	if place != "" {
		attrs = append(attrs, attribute.String("secrets.document", place))
	}
	if len(names) > 0 {
		attrs = append(attrs, attribute.StringSlice("secrets.names", names))
	}
	return attrs
}

// classOf is the class of an error, as an attribute.
func classOf(err error) string {
	for _, class := range []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrThrottled, secrets.ErrUnavailable, secrets.ErrInvalid, secrets.ErrClosed} {
		if errors.Is(err, class) {
			return strings.ReplaceAll(class.Error(), " ", "_")
		}
	}
	return "_OTHER"
}
