package ssm

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
)

const perCall = 10 // parameters in one GetParameters

// FetchBatch reads parameters with GetParameters, 10 in a call, at most 10
// calls at once. A call is denied as a whole if one of its names is, or its
// key, or if GetParameters itself is: its names are then read singly, so that
// the error falls on the right one. What is denied singly, too, is kept out of
// batches for 10 minutes. If nothing is, batches are off for good, and the log
// says so once.
func (p *Provider) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	if p.session.Options.NoBatch {
		return awsapi.Unbatched(len(refs))
	}
	fail := awsapi.NewBatch(refs, p.locate).FailAll
	return p.session.Batch(ctx, refs, fail, func(c *conn, refs []secrets.Ref) []secrets.Result {
		b := batch{Batch: awsapi.NewBatch(refs, p.locate), p: p, c: c}
		chunks := b.chunks()
		awsapi.Each(len(chunks), func(i int) { b.call(ctx, chunks[i]) })
		results := b.ReadLeft(func(d *document) (secrets.Value, error) {
			v, err := p.read(ctx, c, d)
			if err != nil && !errors.Is(err, secrets.ErrNotFound) {
				b.refused.Store(true)
			}
			if errors.Is(err, secrets.ErrPermission) {
				p.apart.add(d.String())
			}
			return v, err
		})
		b.judge()
		return results
	})
}

// A batch is one FetchBatch under way.
type batch struct {
	*awsapi.Batch[document]
	p       *Provider
	c       *conn
	denied  atomic.Bool // a batch was
	unknown atomic.Bool // the endpoint has none
	refused atomic.Bool // a single read was
}

// judge shuts the gate if it was the batches that were denied, and nothing in
// them.
func (b *batch) judge() {
	switch {
	case b.refused.Load():
		return
	case b.denied.Load():
		b.p.gate.Denied(b.p.log, "batch reads from Parameter Store are denied and off, parameters are read one by one; allow ssm:GetParameters on all that are read, or say ?batch=false")
	case b.unknown.Load():
		b.p.gate.Denied(b.p.log, "the endpoint knows no batch reads (GetParameters), parameters are read one by one; say ?batch=false")
	default:
		return
	}
	b.p.gate.Confirm()
}

// chunks cuts what can go together: names, or ARNs, of one region, none of them
// twice in a call. A parameter that was asked for by its ARN comes with its bare
// name, which a parameter of this account may have, too.
func (b *batch) chunks() [][]int {
	var batchable []int
	open := b.p.gate.Open() && len(b.Documents) > 1
	for i := range b.Documents {
		if open && b.region(i) != "" && !b.p.apart.has(b.Documents[i].String()) {
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
func (b *batch) region(i int) string { return b.c.RegionOf(b.Documents[i].region) }

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
		} else if !d.loose && !b.p.tree && !awsapi.IsARN(d.name) && slices.Contains(out.InvalidParameters, in.Names[n]) {
			b.Fail(missing(d, region), i)
		} else {
			b.Leave(i) // another way to find it is left; an emulator finds ARNs singly only
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
	f, then := call("GetParameters", &document{}, region).FailBatch(b.c, err)
	switch then {
	case awsapi.Fails:
		b.Fail(f, chunk...)
		return
	case awsapi.Denied:
		b.denied.Store(true)
	case awsapi.Unknown:
		b.unknown.Store(true)
	}
	b.Leave(chunk...)
}

// A denials remembers the documents that were denied, each for 10 minutes, so
// that they spoil no batch.
type denials struct {
	mu    sync.Mutex
	until map[string]time.Time
}

const (
	deniedFor  = 10 * time.Minute
	mostDenied = 1000
)

func (d *denials) add(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(d.until, func(_ string, until time.Time) bool { return !now.Before(until) })
	if d.until == nil {
		d.until = make(map[string]time.Time)
	}
	if len(d.until) < mostDenied {
		d.until[name] = now.Add(deniedFor)
	}
}

func (d *denials) has(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Before(d.until[name])
}
