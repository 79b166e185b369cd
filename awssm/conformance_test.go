package awssm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
	"github.com/go-secrets/secrets/secretstest"
)

// The suite runs against the emulator in integration/aws. Here it runs where
// answers can be held back and spoiled.
func TestConformance(t *testing.T) {
	live := &awstest.Live{}
	server := awstest.NewServer(t, live.Handle)
	secretstest.Run(t, secretstest.Harness{
		New:     func(t testing.TB) secrets.Provider { return over(t, server) },
		Put:     func(_ testing.TB, path string, data []byte) { live.Put("prod/"+path, data) },
		Delete:  func(_ testing.TB, path string) { live.Delete("prod/" + path) },
		Base:    "prod",
		MaxSize: 65536,
		Stall:   live.Stall,
		Provoke: func(t testing.TB, p secrets.Provider, path string) []error {
			var errs []error
			for _, spoil := range awstest.Spoilers {
				restore := live.Spoil(spoil)
				ref := secrets.Ref{Base: "prod", Path: path}
				_, err := p.Fetch(t.Context(), ref)
				require.Error(t, err)
				errs = append(errs, err)
				for _, r := range p.(secrets.BatchProvider).FetchBatch(t.Context(), []secrets.Ref{ref, {Base: "prod", Path: "a"}, {Base: "prod", Path: "b"}}) {
					errs = append(errs, r.Err)
				}
				restore()
			}
			return errs
		},
	})
}
