package search

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/spec/spectest"
)

func TestListOfAProviderThatIsDeafToItsContext(t *testing.T) {
	spectest.Bubble(func(t *testing.T) {
		release := make(chan struct{})
		r := secrets.New(&deafLister{release}, secrets.WithLogger(nil))
		defer r.Close()
		defer close(release)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		var err error
		for _, err = range r.List(ctx, "") {
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Less(t, time.Since(start), 2*time.Second)
	})(t)
}

type deafLister struct{ release chan struct{} }

func (d *deafLister) Fetch(context.Context, secrets.Ref) (secrets.Value, error) {
	return secrets.Value{}, secrets.ErrNotFound
}

func (d *deafLister) List(context.Context, string) iter.Seq2[string, error] {
	return func(func(string, error) bool) { <-d.release }
}
