package peer

import (
	"context"
	"log/slog"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/awssm" // the backends that are measured
	_ "github.com/go-secrets/secrets/envfile"
	_ "github.com/go-secrets/secrets/gcp"
	_ "github.com/go-secrets/secrets/ssm"
	_ "github.com/go-secrets/secrets/vault"
)

type ours struct{ *secrets.Resolver }

func openOurs(uri string, o Options, onDemand bool) (Reader, error) {
	opts := []secrets.Option{secrets.WithTTL(o.ttl()), secrets.WithLogger(slog.New(slog.DiscardHandler))}
	if onDemand {
		opts = append(opts, secrets.WithOnDemand())
	}
	r, err := secrets.Open(context.Background(), uri, opts...)
	if err != nil {
		return nil, err
	}
	return ours{r}, nil
}

// OpenOurs opens our resolver on a URI.
func OpenOurs(uri string, o Options) (Reader, error) { return openOurs(uri, o, false) }

func (r ours) Get(ctx context.Context, name string) (string, error) {
	s, err := r.Resolver.Get(ctx, name)
	if err != nil {
		return "", err
	}
	return s.Reveal(), nil
}
