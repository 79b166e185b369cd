package vault_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

// BenchmarkColdRead compares a read that nothing is held of: vault/api's own,
// the provider's, and Get over it.
func BenchmarkColdRead(b *testing.B) {
	kv := kvMount(b, shared, 2)
	put(b, shared, kv, 2, "k", map[string]any{"user": "app", "password": "0123456789abcdef", "host": "db.example.test"})
	client := shared.Client(b)
	client.SetMaxRetries(0)
	p := newProvider(b, client)
	r := secrets.New(p, secrets.WithTTL(0))
	b.Cleanup(func() { _ = r.Close() })
	ctx := context.Background()
	for name, read := range map[string]func() error{
		"vault api": func() error { _, err := client.KVv2(kv).Get(ctx, "k"); return err },
		"provider":  func() error { _, err := p.Fetch(ctx, ref(kv+"/k")); return err },
		"get":       func() error { _, err := r.Get(ctx, kv+"/k#password"); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, read())
			}
		})
	}
}
