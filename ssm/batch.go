package ssm

import (
	"context"
	"errors"
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
		b.Fail(err, b.Documents...)
		return b.Results()
	}
	b.c = c
	chunks := b.chunks()
	awsapi.Each(len(chunks), func(i int) { b.call(ctx, chunks[i]) })
	b.ReadLeft(func(d document) (secrets.Value, error) {
		v, err := p.read(ctx, c, d)
		if err != nil && !errors.Is(err, secrets.ErrNotFound) {
			b.refused.Store(true)
		}
		return v, err
	})
	if b.denied.Load() && !b.refused.Load() {
		p.gate.Confirm()
	}
	return b.Results()
}

// A batch is one FetchBatch under way.
type batch struct {
	*awsapi.Batch[document]
	p       *Provider
	c       *conn
	denied  atomic.Bool // a batch was
	refused atomic.Bool // a single read was
}

// chunks cuts what can go together: names of one region, none of them twice
// in a call, so that an answer is told by its name alone.
func (b *batch) chunks() [][]document {
	if !b.p.gate.Open() || len(b.Documents) == 1 {
		b.Leave(b.Documents...)
		return nil
	}
	var chunks [][]document
next:
	for _, d := range b.Documents {
		if b.region(d) == "" {
			b.Leave(d)
			continue
		}
		for i, chunk := range chunks {
			if len(chunk) < perCall && b.fits(chunk, d) {
				chunks[i] = append(chunk, d)
				continue next
			}
		}
		chunks = append(chunks, []document{d})
	}
	return chunks
}

func (b *batch) fits(chunk []document, d document) bool {
	for _, other := range chunk {
		if b.region(other) != b.region(d) || other.name == d.name {
			return false
		}
	}
	return true
}

// region is where a document is read; empty: unknown.
func (b *batch) region(d document) string {
	if d.region != "" {
		return d.region
	}
	return b.c.Region
}

// call reads one chunk. What it does not settle is left to single reads.
func (b *batch) call(ctx context.Context, docs []document) {
	region := b.region(docs[0])
	in := &ssm.GetParametersInput{Names: make([]string, len(docs)), WithDecryption: aws.Bool(true)}
	for i, d := range docs {
		in.Names[i] = d.String()
	}
	out, err := b.c.Client.GetParameters(ctx, in, callOptions(b.c, region))
	if err != nil {
		b.failed(docs, region, err)
		return
	}
	b.p.gate.Allowed()
	absent := make(map[string]bool, len(out.InvalidParameters))
	for _, name := range out.InvalidParameters {
		absent[name] = true
	}
	for _, d := range docs {
		if v, ok := find(out.Parameters, d); ok {
			b.Set(d, v, nil)
		} else if absent[d.String()] && !d.loose && !b.p.tree {
			b.Set(d, secrets.Value{}, missing(d, region))
		} else {
			b.Leave(d) // another way to find it is left
		}
	}
}

func find(parameters []types.Parameter, d document) (secrets.Value, bool) {
	for _, p := range parameters {
		if d.answers(p) {
			return value(p)
		}
	}
	return secrets.Value{}, false
}

// failed handles a call that failed as a whole. What may be about one
// parameter, or about batches only, is tried singly; the rest would fail
// again.
func (b *batch) failed(docs []document, region string, err error) {
	f := call("GetParameters", document{}, region).Fail(err)
	switch f.Class {
	case secrets.ErrPermission:
		b.denied.Store(true)
		b.p.gate.Denied(b.p.log, "a batch read from Parameter Store is denied, parameters are read one by one for a while; allow ssm:GetParameters on all that are read, or say ?batch=false")
	case secrets.ErrInvalid, secrets.ErrNotFound:
	case secrets.ErrUnauthenticated:
		b.p.session.Rejected(b.c)
		fallthrough
	default:
		b.Fail(f, docs...)
		return
	}
	b.Leave(docs...)
}
