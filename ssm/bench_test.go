package ssm

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// BenchmarkHundredParameters starts a program with 100 parameters at 5 ms from
// the backend: through Preload, as batches of the SDK side by side (the ideal),
// and as single calls of the SDK, one after the other.
func BenchmarkHundredParameters(b *testing.B) {
	store := make(awstest.ParameterStore)
	names := awstest.Names("parameter", 100)
	paths := awstest.Names("/prod/parameter", 100)
	for _, path := range paths {
		store[path] = "a value"
	}
	for _, way := range []struct {
		name string
		read func(context.Context, *ssm.Client) error
	}{
		{"preload", func(ctx context.Context, client *ssm.Client) error {
			r := secrets.New(New(client, WithPrefix("/prod/")))
			defer func() { _ = r.Close() }()
			return r.Preload(ctx, names...)
		}},
		{"ideal", func(ctx context.Context, client *ssm.Client) error {
			var wg sync.WaitGroup
			errs := make([]error, len(paths)/perCall)
			for i := range errs {
				wg.Go(func() {
					_, errs[i] = client.GetParameters(ctx, &ssm.GetParametersInput{Names: paths[i*perCall : (i+1)*perCall], WithDecryption: aws.Bool(true)})
				})
			}
			wg.Wait()
			return errs[0]
		}},
		{"singly", func(ctx context.Context, client *ssm.Client) error {
			for _, path := range paths {
				if _, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(path), WithDecryption: aws.Bool(true)}); err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			server := awstest.NewServer(b, store.Handle)
			server.Latency = 5 * time.Millisecond
			client := clientOf(server)
			if err := way.read(b.Context(), client); err != nil { // connections are there
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				server.Reset()
				if err := way.read(b.Context(), client); err != nil {
					b.Fatal(err)
				}
				n = len(server.Calls())
			}
			b.ReportMetric(float64(n), "calls")
		})
	}
}
