package awssm

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
)

const (
	perCall  = 20 // secrets in one BatchGetSecretValue
	batchMin = 3  // below, single reads: they need no permission of their own
)

// FetchBatch reads secrets with BatchGetSecretValue, 20 in a call, at most 10
// calls at once. Fewer than three secrets, and those with a stage
// or a version, are read singly. If batches are denied, all are: for 10
// minutes, and for good once a single read has succeeded. The first denial is
// logged.
func (p *Provider) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	if p.session.Options.NoBatch {
		return awsapi.Unbatched(len(refs))
	}
	fail := awsapi.NewBatch(refs, p.locate).FailAll
	return p.session.Batch(ctx, refs, fail, func(c *conn, refs []secrets.Ref) []secrets.Result {
		b := batch{Batch: awsapi.NewBatch(refs, p.locate), p: p, c: c}
		chunks := b.chunks()
		awsapi.Each(len(chunks), func(i int) { b.call(ctx, chunks[i]) })
		return b.ReadLeft(func(d *document) (secrets.Value, error) {
			v, err := p.read(ctx, c, d)
			if err == nil {
				p.gate.Confirm()
			}
			return v, err
		})
	})
}

// A batch is one FetchBatch under way.
type batch struct {
	*awsapi.Batch[document]
	p *Provider
	c *conn
}

// chunks sorts out what goes singly and cuts the rest, by region.
func (b *batch) chunks() [][]int {
	var batchable []int
	open := b.p.gate.Open()
	for i := range b.Documents {
		if open && !b.Documents[i].selects() && b.region(i) != "" {
			batchable = append(batchable, i)
		} else {
			b.Leave(i)
		}
	}
	if len(batchable) < batchMin {
		b.Leave(batchable...)
		return nil
	}
	return awsapi.Chunk(batchable, perCall, func(i, other int) bool {
		return b.region(i) == b.region(other) && b.Documents[i].apart(&b.Documents[other])
	})
}

// region is where a document is read; empty: unknown.
func (b *batch) region(i int) string { return b.c.RegionOf(b.Documents[i].region) }

// call reads one chunk. What it does not settle is left to single reads.
func (b *batch) call(ctx context.Context, chunk []int) {
	region := b.region(chunk[0])
	in := &secretsmanager.BatchGetSecretValueInput{SecretIdList: make([]string, len(chunk))}
	open := make(map[string]int, len(chunk)) // what is not yet settled, by what it was asked for as
	for n, i := range chunk {
		in.SecretIdList[n] = b.Documents[i].id
		open[b.Documents[i].id] = i
	}
	// A page may be empty and have a token; a token that leads nowhere new
	// is given up for single reads.
	for page := 0; page <= len(chunk) && len(open) > 0; page++ {
		out, err := client(b.c).BatchGetSecretValue(ctx, in, callOptions(b.c, region))
		if err != nil {
			b.failed(open, region, err)
			return
		}
		b.p.gate.Allowed()
		for _, item := range out.Errors {
			id := aws.ToString(item.SecretId)
			if i, ok := open[id]; ok {
				delete(open, id)
				b.Fail(call("GetSecretValue", &b.Documents[i], region).FailItem(b.c, aws.ToString(item.ErrorCode), aws.ToString(item.Message)), i)
			}
		}
		for n := range out.SecretValues {
			b.take(open, &out.SecretValues[n])
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	for _, i := range open {
		b.Leave(i)
	}
}

// take settles the document that an entry answers. An entry of another version
// settles nothing: a single read asks again.
func (b *batch) take(open map[string]int, e *types.SecretValueEntry) {
	for id, i := range open {
		d := &b.Documents[i]
		if !d.names(e) || !d.bears(e) {
			continue
		}
		var v secrets.Value
		if fill(&v, e) {
			delete(open, id)
			b.Set(i, &v, nil)
		}
		return
	}
}

// failed handles a call that failed as a whole. What may be about one secret,
// or about batches only, is tried singly; the rest would fail again.
func (b *batch) failed(open map[string]int, region string, err error) {
	f, then := call("BatchGetSecretValue", &document{stage: current}, region).FailBatch(b.c, err)
	switch then {
	case awsapi.Denied:
		b.p.gate.Denied(b.p.log, "batch reads from Secrets Manager are denied and off, secrets are read one by one; allow secretsmanager:BatchGetSecretValue on *, or say ?batch=false")
	case awsapi.Unknown:
		b.p.gate.Denied(b.p.log, "the endpoint knows no batch reads (BatchGetSecretValue), secrets are read one by one; say ?batch=false")
	}
	for _, i := range open {
		if then == awsapi.Fails {
			b.Fail(f, i)
		} else {
			b.Leave(i)
		}
	}
}
