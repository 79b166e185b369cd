package awssm

import (
	"context"
	"maps"
	"slices"
	"strings"

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
// calls at once. Fewer than three secrets of a region, and those with a stage
// or a version, are read singly. If batches are denied, all are: for 10
// minutes, and for good once a single read has succeeded. The first denial is
// logged.
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
		if err == nil {
			p.gate.Confirm()
		}
		return v, err
	})
	return b.Results()
}

// A batch is one FetchBatch under way.
type batch struct {
	*awsapi.Batch[document]
	p *Provider
	c *conn
}

// chunks sorts out what goes singly and cuts the rest, by region.
func (b *batch) chunks() [][]document {
	regions := make(map[string][]document)
	var order []string
	open := b.p.gate.Open()
	for _, d := range b.Documents {
		region := b.region(d)
		if d.selects() || !open || region == "" {
			b.Leave(d)
			continue
		}
		if regions[region] == nil {
			order = append(order, region)
		}
		regions[region] = append(regions[region], d)
	}
	var chunks [][]document
	for _, region := range order {
		if docs := regions[region]; len(docs) < batchMin {
			b.Leave(docs...)
		} else {
			chunks = slices.AppendSeq(chunks, slices.Chunk(docs, perCall))
		}
	}
	return chunks
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
	in := &secretsmanager.BatchGetSecretValueInput{SecretIdList: make([]string, len(docs))}
	open := make(map[string]document, len(docs)) // not yet settled, by what was asked for
	for i, d := range docs {
		in.SecretIdList[i] = d.id
		open[d.id] = d
	}
	// A page may be empty and have a token; a token that leads nowhere new
	// is given up for single reads.
	for page := 0; page <= len(docs) && len(open) > 0; page++ {
		out, err := b.c.Client.BatchGetSecretValue(ctx, in, callOptions(b.c, region))
		if err != nil {
			b.failed(open, region, err)
			return
		}
		b.p.gate.Allowed()
		for _, item := range out.Errors {
			if d, ok := open[aws.ToString(item.SecretId)]; ok {
				b.Set(d, secrets.Value{}, call("GetSecretValue", d, region).FailItem(aws.ToString(item.ErrorCode), aws.ToString(item.Message)))
				delete(open, d.id)
			}
		}
		for _, item := range out.SecretValues {
			b.take(open, item)
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	b.Leave(slices.Collect(maps.Values(open))...)
}

// take settles the document that an entry answers, if it bears the stage.
func (b *batch) take(open map[string]document, item types.SecretValueEntry) {
	e := entry{
		arn: item.ARN, name: item.Name, version: item.VersionId, stages: item.VersionStages,
		text: item.SecretString, binary: item.SecretBinary,
		value: secrets.Value{Created: aws.ToTime(item.CreatedDate)},
	}
	for _, d := range match(open, aws.ToString(e.arn), aws.ToString(e.name)) {
		if !d.bears(e) {
			continue
		}
		if v, ok := e.take(); ok {
			b.Set(d, v, nil)
			delete(open, d.id)
			// A second document of the same secret, asked for by its other
			// name, has bytes of its own.
			e.binary = append([]byte(nil), e.binary...)
		}
	}
}

// match finds the documents that a secret was asked for by: its name, its
// ARN, or the ARN without the six characters that the service appends.
func match(open map[string]document, arn, name string) []document {
	var found []document
	ids := []string{arn, name}
	if i := strings.LastIndexByte(arn, '-'); i >= 0 {
		ids = append(ids, arn[:i])
	}
	for _, id := range ids {
		if d, ok := open[id]; ok && id != "" {
			found = append(found, d)
		}
	}
	return found
}

// failed handles a call that failed as a whole. What may be about one secret,
// or about batches only, is tried singly; the rest would fail again.
func (b *batch) failed(open map[string]document, region string, err error) {
	c := call("BatchGetSecretValue", document{stage: current}, region)
	f := c.Fail(err)
	switch f.Class {
	case secrets.ErrPermission:
		b.p.gate.Denied(b.p.log, "batch reads from Secrets Manager are denied and off, secrets are read one by one; allow secretsmanager:BatchGetSecretValue on *, or say ?batch=false")
	case secrets.ErrInvalid, secrets.ErrNotFound:
	case secrets.ErrUnauthenticated:
		b.p.session.Rejected(b.c)
		fallthrough
	default:
		b.Fail(f, slices.Collect(maps.Values(open))...)
		return
	}
	b.Leave(slices.Collect(maps.Values(open))...)
}
