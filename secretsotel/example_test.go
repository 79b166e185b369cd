package secretsotel_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretsotel"
	"github.com/go-secrets/secrets/secretstest"
)

// With the global providers, New() is enough. Here they are the example's own,
// to show what comes out.
func Example() {
	reader, spans := metric.NewManualReader(), tracetest.NewSpanRecorder()
	telemetry, err := secretsotel.New(
		secretsotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))),
		secretsotel.WithTracerProvider(trace.NewTracerProvider(trace.WithSpanProcessor(spans))),
		secretsotel.WithNames(), // names and places may leave the process; values never do
	)
	if err != nil {
		log.Fatal(err)
	}
	provider := secretstest.NewProvider(map[string]string{"db": `{"user":"app","password":"one"}`})
	r := secrets.New(provider, secrets.WithObserver(telemetry.Observe)) // calls and changes
	defer r.Close()
	stop, err := telemetry.Follow(r) // gauges of what is held
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = stop() }()

	_, _ = r.Get(context.Background(), "db/password")

	for len(spans.Ended()) == 0 { // calls are told in the background
		time.Sleep(time.Millisecond)
	}
	fmt.Println(spans.Ended()[0].Name())
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &collected); err != nil {
		log.Fatal(err)
	}
	for _, m := range collected.ScopeMetrics[0].Metrics {
		fmt.Println(m.Name, m.Unit)
	}
	// Output:
	// secrets.backend.read
	// secrets.backend.read.duration s
	// secrets.backend.read.documents {document}
	// secrets.documents {document}
	// secrets.document.age s
	// secrets.document.staleness s
}

// Two resolvers of one program have names, and their series are told apart.
func ExampleTelemetry_Named() {
	reader := metric.NewManualReader()
	telemetry, err := secretsotel.New(secretsotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"billing", "orders"} {
		named := telemetry.Named(name)
		r := secrets.New(secretstest.NewProvider(map[string]string{"db": "one"}), secrets.WithObserver(named.Observe))
		defer r.Close()
		stop, err := named.Follow(r)
		if err != nil {
			log.Fatal(err)
		}
		defer func() { _ = stop() }()
		_, _ = r.Get(context.Background(), "db")
	}

	var collected metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &collected); err != nil {
		log.Fatal(err)
	}
	for _, m := range collected.ScopeMetrics[0].Metrics {
		if gauge, ok := m.Data.(metricdata.Gauge[int64]); ok {
			for _, point := range gauge.DataPoints {
				name, _ := point.Attributes.Value("secrets.resolver")
				fmt.Println(m.Name, name.AsString(), point.Value)
			}
		}
	}
	// Unordered output:
	// secrets.documents billing 1
	// secrets.documents orders 1
}
