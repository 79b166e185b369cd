package gcp

import (
	"context"
	"iter"
	"strings"
	"time"
)

const (
	pageSize    = 250
	maxPages    = 4000             // a million secrets
	pageTimeout = 10 * time.Second // where the context has no deadline
)

// List yields the paths of the secrets of a project that start with prefix,
// which begins with the project: my-project or my-project/db/. Slashes in
// prefix count as separators and come back as they were written; further ones
// cannot be told from other characters of an id, so that db-user-name is
// yielded as my-project/db/user-name for my-project/db/, and as
// my-project/db-user-name for my-project. Both are names that Get takes.
//
// It needs the permission secretmanager.secrets.list on the project.
func (p *Provider) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := p.list(ctx, prefix, yield); err != nil {
			yield("", err)
		}
	}
}

func (p *Provider) list(ctx context.Context, prefix string, yield func(string, error) bool) error {
	if p.invalid != nil {
		return p.invalid
	}
	at, head, start, err := p.listing(prefix)
	if err != nil {
		return err
	}
	wanted := strings.ReplaceAll(start, "/", p.separator)
	for token, pages := "", 1; ; pages++ {
		ids, next, err := p.page(ctx, at, token)
		if err != nil {
			return err
		}
		if next != "" && (next == token || pages == maxPages) {
			return unavailable("the list of secrets in %s has no end: page %d leads to another", at.parent(), pages)
		}
		token = next
		for _, id := range ids {
			rest, ok := strings.CutPrefix(id, wanted)
			if !ok || (rest == "" && (start == "" || strings.HasSuffix(start, "/"))) {
				continue
			}
			if !yield(head+"/"+start+rest, nil) {
				return nil
			}
		}
		if token == "" {
			return nil
		}
	}
}

// listing splits a prefix into the place where secrets are listed, how the
// prefix writes it, and what their names start with.
func (p *Provider) listing(prefix string) (at place, head, start string, err error) {
	segments := strings.Split(prefix, "/")
	var rest []string
	at.project, at.location, rest = header(segments)
	head = strings.Join(segments[:len(segments)-len(rest)], "/")
	start = strings.Join(rest, "/")
	switch {
	case !validProject(at.project):
		err = invalid("a list needs a project, and %s is none; write gcp://PROJECT", quote(at.project))
	case at.location == "":
		at.location = p.location
	case !validLocation(at.location), p.location != "" && p.location != at.location:
		err = invalid("location %s is malformed or not the one of the option location", quote(at.location))
	}
	return at, head, start, err
}

// page reads one page of ids.
func (p *Provider) page(ctx context.Context, at place, token string) (ids []string, next string, err error) {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, pageTimeout)
		defer cancel()
	}
	answer, err := call(ctx, &p.clients, at.location, func(ctx context.Context, conn *connection) (pageOfIDs, error) {
		return conn.page(ctx, at.parent(), token)
	})
	if err != nil {
		return nil, "", p.failure(ctx, err, at, permListSecrets)
	}
	return answer.ids, answer.next, nil
}
