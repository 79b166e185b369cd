package secretstest

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// A Provider holds documents in memory, by the path that [secrets.Ref.Join]
// gives: the name that the app asks for, when the provider has no base. Change
// them with Set and Delete while the program under test runs; break them with
// Fail, Block, Delay and Panic; count what was asked with Calls.
//
// It has every optional capability (see [Capability]), and Disable takes any
// of them away. With Watch, which is on, a resolver is told of a Set at
// once and reads it in a goroutine of its own: before a Get that must see it,
// call the resolver's Refresh, or synctest.Wait. Disable Watch to see what a
// polled backend would do.
//
// The zero Provider is empty and ready for use. A Provider is safe for
// concurrent use. It must not be copied. Documents are kept where printers
// cannot see them.
type Provider struct {
	mu       sync.Mutex
	docs     map[string]func(context.Context) (secrets.Value, error)
	versions map[string]int // the last version of each path; outlives a Delete
	off      Capability     // what Disable took away
	faults   map[string]*pathFaults
	renewErr error
	calls    Calls
	reads    map[string]int
	watchers map[string]map[*watcher]struct{}
	leases   map[any]lease
}

var (
	_ secrets.BatchProvider = (*Provider)(nil)
	_ secrets.ListProvider  = (*Provider)(nil)
	_ secrets.WatchProvider = (*Provider)(nil)
	_ secrets.LeaseProvider = (*Provider)(nil)
	_ io.Closer             = (*Provider)(nil)
)

// NewProvider returns a Provider that holds docs, a document for each path,
// each in version v1. It keeps no reference to the map.
func NewProvider(docs map[string]string) *Provider {
	p := new(Provider)
	for path, data := range docs {
		p.Set(path, data)
	}
	return p
}

// Set makes data the document at path, in a new version: the first is v1, and
// a Set of the same data is a new version, too, as it is on most backends.
// Versions go on counting over a Delete. Watchers are told before Set returns.
func (p *Provider) Set(path, data string) {
	p.mu.Lock()
	if p.versions == nil {
		p.versions = make(map[string]int)
	}
	p.versions[path]++
	v := secrets.Value{Data: []byte(data), Version: "v" + strconv.Itoa(p.versions[path])}
	p.mu.Unlock()
	p.SetValue(path, v)
}

// SetValue makes v the document at path, as it stands: an empty Version stays
// empty, and it is for the caller to change it with Data. It is for values
// with an Expires, a RefreshAt, a Default or a Lease. A Lease must be
// comparable, or it is neither counted nor renewable.
func (p *Provider) SetValue(path string, v secrets.Value) {
	v.Data = bytes.Clone(v.Data)
	p.SetFunc(path, func(context.Context) (secrets.Value, error) {
		read := v
		read.Data = append([]byte{}, v.Data...)
		return read, nil
	})
}

// SetFunc has read called for every read of path, outside of any lock, also
// concurrently: for a backend that makes a user for each read, or one that
// ignores its context.
func (p *Provider) SetFunc(path string, read func(context.Context) (secrets.Value, error)) {
	p.mu.Lock()
	if p.docs == nil {
		p.docs = make(map[string]func(context.Context) (secrets.Value, error))
	}
	p.docs[path] = read
	p.mu.Unlock()
	p.notify(path)
}

// Delete removes the document at path. Watchers are told before it returns.
func (p *Provider) Delete(path string) {
	p.mu.Lock()
	_, had := p.docs[path]
	delete(p.docs, path)
	p.mu.Unlock()
	if had {
		p.notify(path)
	}
}

// Fetch reads the document at ref.Join(). What Fail, Block, Delay and Panic
// say about the path comes first; a path that is missing is
// [secrets.ErrNotFound], one that holds a NUL byte or a segment . or .. is
// [secrets.ErrInvalid].
func (p *Provider) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	path := ref.Join()
	p.count(func(c *Calls) { c.Fetches++ })
	defer p.enter(path)()
	if err := p.wait(ctx, path); err != nil {
		return secrets.Value{}, err
	}
	return p.read(ctx, path)
}

// read is one read of one document, its waiting done.
func (p *Provider) read(ctx context.Context, path string) (secrets.Value, error) {
	if err := p.fail(path); err != nil {
		return secrets.Value{}, err
	}
	if badPath(path) {
		return secrets.Value{}, &fault.Error{Class: secrets.ErrInvalid, Msg: "a path in memory holds no NUL byte and no segment . or ..", CannotSpell: true}
	}
	p.mu.Lock()
	read, ok := p.docs[path]
	p.mu.Unlock()
	if !ok {
		return secrets.Value{}, fault.New(secrets.ErrNotFound, "the test holds no document of this path; add it with Set", nil)
	}
	v, err := read(ctx)
	if err == nil && v.Lease != nil {
		p.lent(path, v)
	}
	return v, err
}

// Close counts, and does nothing else: what the provider holds can still be
// read.
func (p *Provider) Close() error {
	p.count(func(c *Calls) { c.Closes++ })
	return nil
}

func badPath(path string) bool {
	if strings.IndexByte(path, 0) >= 0 {
		return true
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
