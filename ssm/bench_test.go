package ssm

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// BenchmarkHundredParameters starts a program with 100 parameters at 5 ms from
// the backend: through Preload, and as batches of the SDK side by side, the
// ideal.
func BenchmarkHundredParameters(b *testing.B) {
	store, names, paths := hundred()
	server := awstest.NewServer(b, store.Handle)
	server.Latency = 5 * time.Millisecond
	client := clientOf(server)
	ctx := b.Context()
	calls := 0
	awstest.Compare(b, awstest.Way{Name: "preload", Do: func(int) error {
		server.Reset()
		r := secrets.New(New(client, WithPrefix("/prod/")))
		err := r.Preload(ctx, names...)
		calls = len(server.Calls())
		b.Cleanup(func() { _ = r.Close() }) // not what is measured
		return err
	}}, awstest.Way{Name: "ideal", Do: func(int) error {
		return ideal(len(paths)/perCall, func(i int) error {
			_, err := client.GetParameters(ctx, &ssm.GetParametersInput{Names: paths[i*perCall : (i+1)*perCall], WithDecryption: aws.Bool(true)})
			return err
		})
	}})
	b.ReportMetric(float64(calls), "calls")
}

// hundred returns a store, the names of what is in it, and their paths.
func hundred() (store awstest.ParameterStore, names, paths []string) {
	store = make(awstest.ParameterStore)
	names, paths = awstest.Names("parameter", 100), awstest.Names("/prod/parameter", 100)
	for _, path := range paths {
		store[path] = "a value"
	}
	return store, names, paths
}

// ideal makes n calls at once.
func ideal(n int, call func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = call(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// BenchmarkHundredParametersSingly is the same start with single calls of the
// SDK, one after the other.
func BenchmarkHundredParametersSingly(b *testing.B) {
	store, _, paths := hundred()
	server := awstest.NewServer(b, store.Handle)
	server.Latency = 5 * time.Millisecond
	client := clientOf(server)
	for b.Loop() {
		for _, path := range paths {
			if _, err := client.GetParameter(b.Context(), &ssm.GetParameterInput{Name: aws.String(path), WithDecryption: aws.Bool(true)}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
