package awssm

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

// anyName answers every name with a short value.
func anyName(r awstest.Request) awstest.Reply {
	if ids := r.Texts("SecretIdList"); ids != nil {
		var values []any
		for _, id := range ids {
			values = append(values, awstest.SecretEntry(id, "a value"))
		}
		return awstest.OK(map[string]any{"SecretValues": values})
	}
	return awstest.OK(awstest.SecretEntry(r.Text("SecretId"), "a value"))
}

// BenchmarkColdGet compares a Get of a name never held with the SDK's call
// for it.
func BenchmarkColdGet(b *testing.B) {
	for _, latency := range []time.Duration{0, 5 * time.Millisecond} {
		b.Run(fmt.Sprintf("backend=%v", latency), func(b *testing.B) {
			server := awstest.NewServer(b, anyName)
			server.Latency = latency
			client := clientOf(server)
			p := New(client)
			r := secrets.New(p)
			defer func() { _ = r.Close() }()
			ctx := b.Context()
			awstest.Compare(b, awstest.Way{Name: "get", Do: func(round int) error {
				_, err := r.Get(ctx, fmt.Sprintf("name-%d", round))
				return err
			}}, awstest.Way{Name: "sdk", Do: func(round int) error {
				_, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
					SecretId: aws.String(fmt.Sprintf("name-%d", round)), VersionStage: aws.String(current),
				})
				return err
			}}, awstest.Way{Name: "fetch", Do: func(round int) error { // the provider's share
				_, err := p.Fetch(ctx, referenced(fmt.Sprintf("name-%d", round)))
				server.Reset()
				return err
			}})
		})
	}
}

// BenchmarkHundredSecrets starts a program with 100 secrets at 5 ms from the
// backend: through Preload, and as batches of the SDK side by side, the ideal.
func BenchmarkHundredSecrets(b *testing.B) {
	server := awstest.NewServer(b, anyName)
	server.Latency = 5 * time.Millisecond
	client := clientOf(server)
	ctx := b.Context()
	names := awstest.Names("secret", 100)
	calls := 0
	awstest.Compare(b, awstest.Way{Name: "preload", Do: func(int) error {
		server.Reset()
		r := secrets.New(New(client))
		err := r.Preload(ctx, names...)
		calls = len(server.Calls())
		b.Cleanup(func() { _ = r.Close() }) // not what is measured
		return err
	}}, awstest.Way{Name: "ideal", Do: func(int) error {
		return ideal(len(names)/perCall, func(i int) error {
			_, err := client.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: names[i*perCall : (i+1)*perCall]})
			return err
		})
	}})
	b.ReportMetric(float64(calls), "calls")
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

// BenchmarkHundredSecretsSingly is the same start with single calls of the
// SDK, one after the other.
func BenchmarkHundredSecretsSingly(b *testing.B) {
	server := awstest.NewServer(b, anyName)
	server.Latency = 5 * time.Millisecond
	client := clientOf(server)
	names := awstest.Names("secret", 100)
	for b.Loop() {
		for _, name := range names {
			if _, err := client.GetSecretValue(b.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(name)}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
