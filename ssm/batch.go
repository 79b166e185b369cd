package ssm

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
)

const perCall = 10 // parameters in one GetParameters

// FetchBatch reads parameters with GetParameters, 10 in a call, at most 10
// calls at once. A call is denied as a whole if one of its names is, or if
// GetParameters itself is: its names are then read singly, so that the error
// falls on the right one, and batches are off for 10 minutes; for good if
// every single read succeeded. The first denial is logged.
func (p *Provider) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	if p.session.Options.NoBatch {
		return awsapi.Unbatched(len(refs))
	}
	b := batch{Batch: awsapi.NewBatch(refs, p.locate), p: p}
	c, err := p.session.Conn(ctx)
	if err != nil {
		return b.FailAll(err)
	}
	b.c = c
	chunks := b.chunks()
	awsapi.Each(len(chunks), func(i int) { b.call(ctx, chunks[i]) })
	results := b.ReadLeft(func(d *document) (secrets.Value, error) {
		v, err := p.read(ctx, c, d)
		if err != nil && !errors.Is(err, secrets.ErrNotFound) {
			b.refused.Store(true)
		}
		return v, err
	})
	if b.denied.Load() && !b.refused.Load() {
		p.gate.Confirm()
	}
	return results
}

// A batch is one FetchBatch under way.
type batch struct {
	*awsapi.Batch[document]
	p       *Provider
	c       *conn
	denied  atomic.Bool // a batch was
	refused atomic.Bool // a single read was
}

// chunks cuts what can go together: names, or ARNs, of one region, none of them
// twice in a call. A parameter that was asked for by its ARN comes with its bare
// name, which a parameter of this account may have, too.
func (b *batch) chunks() [][]int {
	var batchable []int
	open := b.p.gate.Open() && len(b.Documents) > 1
	for i := range b.Documents {
		if open && b.region(i) != "" {
			batchable = append(batchable, i)
		} else {
			b.Leave(i)
		}
	}
	return awsapi.Chunk(batchable, perCall, func(i, other int) bool {
		d, o := &b.Documents[i], &b.Documents[other]
		return b.region(i) == b.region(other) && d.name != o.name && awsapi.IsARN(d.name) == awsapi.IsARN(o.name)
	})
}

// region is where a document is read; empty: unknown.
func (b *batch) region(i int) string {
	if region := b.Documents[i].region; region != "" {
		return region
	}
	return b.c.Region
}

// call reads one chunk. What it does not settle is left to single reads.
func (b *batch) call(ctx context.Context, chunk []int) {
	region := b.region(chunk[0])
	in := &ssm.GetParametersInput{Names: make([]string, len(chunk)), WithDecryption: aws.Bool(true)}
	for n, i := range chunk {
		in.Names[n] = b.Documents[i].String()
	}
	out, err := client(b.c).GetParameters(ctx, in, callOptions(b.c, region))
	if err != nil {
		b.failed(chunk, region, err)
		return
	}
	b.p.gate.Allowed()
	for n, i := range chunk {
		d := &b.Documents[i]
		var v secrets.Value
		if find(&v, out.Parameters, d) {
			b.Set(i, &v, nil)
		} else if !d.loose && !b.p.tree && slices.Contains(out.InvalidParameters, in.Names[n]) {
			b.Fail(missing(d, region), i)
		} else {
			b.Leave(i) // another way to find it is left
		}
	}
}

// find makes v what the parameter holds that d asks for; it reports false if
// there is none.
func find(v *secrets.Value, parameters []types.Parameter, d *document) bool {
	for i := range parameters {
		if d.answers(&parameters[i]) {
			return fill(v, &parameters[i])
		}
	}
	return false
}

// failed handles a call that failed as a whole. What may be about one
// parameter, or about batches only, is tried singly; the rest would fail
// again.
func (b *batch) failed(chunk []int, region string, err error) {
	f := call("GetParameters", &document{}, region).Fail(err)
	switch f.Class {
	case secrets.ErrPermission:
		b.denied.Store(true)
		b.p.gate.Denied(b.p.log, "a batch read from Parameter Store is denied, parameters are read one by one for a while; allow ssm:GetParameters on all that are read, or say ?batch=false")
	case secrets.ErrInvalid, secrets.ErrNotFound:
	case secrets.ErrUnauthenticated:
		b.p.session.Rejected(b.c)
		fallthrough
	default:
		b.Fail(f, chunk...)
		return
	}
	b.Leave(chunk...)
}
