package envfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/namedfile"
)

// pipes holds what was read from pipes that were given by their whole paths.
// What a pipe gives, it gives once, and many names may be found in it: each is
// read once, and not again.
type pipes struct {
	mu sync.Mutex
	at map[string]*pipe
}

// A pipe is one of them. Whoever has its turn may read and write content.
type pipe struct {
	turn    chan struct{}
	content *content // nil: not read yet
}

func (p *pipes) of(path string) *pipe {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at[path] == nil {
		if p.at == nil {
			p.at = make(map[string]*pipe)
		}
		p.at[path] = &pipe{turn: make(chan struct{}, 1)}
	}
	return p.at[path]
}

// known reports whether a path was that of a pipe.
func (p *pipes) known(path string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[path] != nil
}

// pipe reads p if it is a pipe, or was one when it was read; piped is false if
// it is none. A pipe below a directory is none: a name may be input, and input
// must not make anybody wait for one.
func (r *reader) pipe(ctx context.Context, p place) (c content, piped bool, err error) {
	if !r.piped || !p.whole || p.only != nil {
		return content{}, false, nil
	}
	path := p.path()
	fi, err := os.Stat(path)
	switch {
	case err != nil && !r.pipes.known(path):
		return content{}, false, nil
	case err == nil && !namedfile.IsPipe(fi.Mode()) && !namedfile.Descriptor(path):
		return content{}, false, nil
	case err == nil:
		if err := r.permitPipe(path, fi); err != nil {
			return content{}, true, err
		}
	}
	at := r.pipes.of(path)
	select {
	case at.turn <- struct{}{}:
		defer func() { <-at.turn }()
	case <-ctx.Done():
		return content{}, true, fault.New(secrets.ErrUnavailable, strconv.Quote(path)+" is a FIFO that is being read, and nothing was written to it in time", ctx.Err())
	}
	if at.content != nil {
		return *at.content, true, nil
	}
	data, err := namedfile.Read(ctx, path, namedfile.Options{Max: r.maxSize + 2, AnyMode: r.perm == PermAny})
	if err != nil {
		return content{}, true, classOf(err)
	}
	if r.trim {
		data = trimNewline(data)
	}
	at.content = &content{path: path, modTime: time.Now(), data: data}
	return *at.content, true, nil
}

// permitPipe is permit for a pipe, which must not be opened to be looked at:
// that would wake its writer.
func (r *reader) permitPipe(path string, fi fs.FileInfo) error {
	if err := r.trust(path, fi); err != nil {
		return err
	}
	if !namedfile.HasModes || r.perm == PermAny {
		return nil
	}
	v := verdict(r.perm, false, fi, nil, func() namedfile.Mount { return namedfile.Mount{} })
	if v.refuse != "" {
		return refusal(strconv.Quote(path), v, fi.Mode())
	}
	return nil
}

// classOf gives an error of namedfile its class.
func classOf(err error) error {
	e := &fault.Error{Class: secrets.ErrUnavailable, Msg: err.Error(), Err: err, Quiet: true}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Class = secrets.ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		e.Class, e.Missing = secrets.ErrPermission, "read"
	case errors.Is(err, namedfile.ErrKind), errors.Is(err, namedfile.ErrLarge), errors.Is(err, namedfile.ErrMode):
		e.Class = secrets.ErrInvalid
	}
	return e
}
