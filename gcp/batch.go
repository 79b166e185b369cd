package gcp

import (
	"context"
	"sync"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// maxParallel is how many reads of batches a provider has under way at once.
const maxParallel = 8

// FetchBatch reads every ref, at most eight at once: the service has no call
// that reads several secrets. The results are those of [Provider.Fetch].
func (p *Provider) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	results := make([]secrets.Result, len(refs))
	var reads sync.WaitGroup
	for i, ref := range refs {
		// In the order of refs, so that of two names for one secret it is the
		// second that is refused.
		at, done, err := p.prepare(ctx, ref)
		if err != nil {
			results[i].Err = err
			continue
		}
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			done(false)
			results[i].Err = &fault.Error{Class: secrets.ErrUnavailable, Msg: at.String() + ": not read in the time for the batch", Err: ctx.Err()}
			continue
		}
		reads.Go(func() {
			defer func() { <-p.slots }()
			v, err := p.read(ctx, at)
			done(err == nil)
			results[i] = secrets.Result{Value: v, Err: err}
		})
	}
	reads.Wait()
	return results
}
