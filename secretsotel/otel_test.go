package secretsotel_test

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secretsotel"
	"github.com/go-secrets/secrets/secretstest"
)

// A backend is where telemetry goes in a test.
type backend struct {
	reader *metric.ManualReader
	spans  *tracetest.SpanRecorder
	tel    *secretsotel.Telemetry
}

func start(t *testing.T, opts ...secretsotel.Option) *backend {
	t.Helper()
	b := &backend{reader: metric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	var err error
	b.tel, err = secretsotel.New(append(opts,
		secretsotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(b.reader))),
		secretsotel.WithTracerProvider(trace.NewTracerProvider(trace.WithSpanProcessor(b.spans))))...)
	require.NoError(t, err)
	return b
}

// metrics prints what is collected: a line for each point.
func (b *backend) metrics(t *testing.T) []string {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, b.reader.Collect(context.Background(), &all))
	var lines []string
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprintf("%s%s: %d, %.2f %s", m.Name, print(p.Attributes), p.Count, p.Sum, m.Unit))
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprintf("%s%s: %d", m.Name, print(p.Attributes), p.Value))
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprintf("%s%s: %d", m.Name, print(p.Attributes), p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprintf("%s%s: %.2f %s", m.Name, print(p.Attributes), p.Value, m.Unit))
				}
			}
		}
	}
	sort.Strings(lines)
	return lines
}

func print(set attribute.Set) string {
	var parts []string
	for _, kv := range set.ToSlice() {
		parts = append(parts, strings.TrimPrefix(string(kv.Key), "secrets.")+"="+kv.Value.String())
	}
	return "{" + strings.Join(parts, " ") + "}"
}

// live is a story of a secret: read, rotated, down, back, rejected.
func live(t *testing.T, b *backend, secret string, during func()) {
	t.Helper()
	r, p := secretstest.New(t, map[string]string{"db": secret}, secrets.WithObserver(b.tel.Observe), secrets.WithLogger(nil), secrets.WithTTL(10*time.Second))
	stop, err := b.tel.Follow(r)
	require.NoError(t, err)
	_, err = r.Get(t.Context(), "db")
	require.NoError(t, err)
	p.Delay("db", 100*time.Millisecond)
	p.Set("db", secret+"-two")
	time.Sleep(time.Second)
	p.Fail("db", secrets.ErrPermission)
	_, err = r.Refresh(t.Context(), "db")
	require.ErrorIs(t, err, secrets.ErrPermission)
	_, _ = r.Get(t.Context(), "other")
	time.Sleep(100 * time.Millisecond)
	during()
	p.Heal()
	_, err = r.Refresh(t.Context(), "db")
	require.NoError(t, err)
	s, err := r.Get(t.Context(), "db")
	require.NoError(t, err)
	r.Invalidate(s)
	require.NoError(t, r.Close())
	require.NoError(t, stop())
}

func TestTelemetry(t *testing.T) {
	t.Parallel()
	secret := canary.New()

	t.Run("tells calls, failures, rotations, age and staleness, and no names", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t)
			live(t, b, secret, func() {
				now := b.metrics(t)
				assert.Contains(t, now, "secrets.documents{provider= state=stale}: 1")
				assert.Regexp(t, `secrets.document.age{provider=}: 1.[01]0 s`, strings.Join(now, "\n"), "it was read soon after the rotation")
				assert.Contains(t, now, "secrets.document.staleness{provider=}: 0.10 s")
			})
			got := b.metrics(t)
			for _, want := range []string{
				"secrets.events{event=changed provider=}: 1",
				"secrets.events{error.type=permission_denied event=stale provider=}: 1",
				"secrets.events{event=recovered provider=}: 1",
				"secrets.events{event=rejected provider=}: 1",
			} {
				assert.Contains(t, got, want)
			}
			all := strings.Join(got, "\n")
			assert.Contains(t, all, "secrets.backend.read.duration{error.type=permission_denied provider= refresh=false}: 1, 0.10 s")
			assert.Contains(t, all, "secrets.backend.read.documents{provider= refresh=")
			assert.NotContains(t, all, "db")
			assert.NotContains(t, all, "secrets.document.age", "it is followed no more")
			_, found := canary.For(secret).Text(all)
			assert.False(t, found)

			failed := 0
			for _, span := range b.spans.Ended() {
				assert.Equal(t, "secrets.backend.read", span.Name())
				assert.False(t, span.Parent().IsValid())
				assert.NotContains(t, fmt.Sprint(span.Attributes(), span.Status(), span.Events()), "db")
				if span.Status().Code == codes.Error && strings.Contains(span.Status().Description, "permission") {
					failed++
					assert.Equal(t, 100*time.Millisecond, span.EndTime().Sub(span.StartTime()))
				}
			}
			assert.Equal(t, 1, failed)
		})
	})

	t.Run("tells names when asked, and never values", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, secretsotel.WithNames())
			live(t, b, secret, func() {
				assert.Contains(t, strings.Join(b.metrics(t), "\n"), "secrets.document.staleness{document=")
			})
			all := strings.Join(b.metrics(t), "\n")
			assert.Contains(t, all, `names=["db"]`)
			for _, span := range b.spans.Ended() {
				all += fmt.Sprint(span.Attributes(), span.Status(), span.Events())
			}
			_, found := canary.For(secret).Text(all)
			assert.False(t, found)
		})
	})

	t.Run("works without an SDK", func(t *testing.T) {
		tel, err := secretsotel.New()
		require.NoError(t, err)
		r, _ := secretstest.New(t, map[string]string{"db": secret}, secrets.WithObserver(tel.Observe))
		_, err = r.Get(t.Context(), "db")
		require.NoError(t, err)
	})
}
