// Package peer opens what is measured, each as its own documentation says,
// behind one small interface. Rows in nanoseconds don't go through it: they
// call the peer in a loop of their own.
package peer

import (
	"context"
	"fmt"
	"time"

	"github.com/go-secrets/secrets/bench/internal/fake"
)

// A Reader reads secrets by name.
type Reader interface {
	Get(ctx context.Context, name string) (string, error)
	Close() error
}

// Options are what a peer is opened with.
type Options struct {
	Names []string      // that will be read, for those who want to know first
	TTL   time.Duration // how old a value may get; zero: an hour
	Max   int           // how many secrets will be held, for those with a smaller bound of their own
}

func (o Options) ttl() time.Duration {
	if o.TTL == 0 {
		return time.Hour
	}
	return o.TTL
}

// The peers on Secrets Manager.
const (
	Ours       = "ours"
	OnDemand   = "ours-on-demand"
	Raw        = "raw"
	AWSCache   = "awscache"
	RuntimeVar = "runtimevar"
	Setec      = "setec"
)

// Open opens a peer on the Secrets Manager of a backend.
func Open(which string, b *fake.Backend, o Options) (Reader, error) {
	switch which {
	case Ours, OnDemand:
		return openOurs("awssm://?region=eu-west-1&endpoint="+b.AWS, o, which == OnDemand)
	case Raw:
		client, err := SecretsManager(b)
		return &raw{client: client}, err
	case AWSCache:
		return openAWSCache(b, o)
	case RuntimeVar:
		return openRuntimeVar(b, o)
	case Setec:
		return openSetec(b, o)
	}
	return nil, fmt.Errorf("peer: there is no %q", which)
}

// ReadAll reads every name, one after the other, and reports the first error.
func ReadAll(ctx context.Context, r Reader, names []string) error {
	for _, name := range names {
		if _, err := r.Get(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
