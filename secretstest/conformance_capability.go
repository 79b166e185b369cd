package secretstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-secrets/secrets"
)

// capabilityRules are about the optional interfaces.
var capabilityRules = []rule{
	{
		name:    "a batch answers each reference in its place",
		explain: "FetchBatch returns a result for each reference, in their order: what Fetch would give, also for those that are missing, refused or asked for twice. One that fails fails no other.",
		cannot:  noBatch,
		run: func(s *suite) {
			s.batching()
			s.put("one", "value one")
			s.put("two", "value two")
			names := []string{"two", "missing", "one", "two", "missing", "one"}
			refs := make([]secrets.Ref, 0, len(names)+1)
			for _, name := range names {
				refs = append(refs, s.ref(name))
			}
			refs = append(refs, s.refTo(s.path("one")+"\x00"))
			s.settled(func() error {
				results := s.batch(s.ctx, refs)
				for i, name := range names {
					if err := answers(results[i], name); err != nil {
						return fmt.Errorf("result %d (%s): %v", i, name, err)
					}
				}
				if err := results[len(names)].Err; !errors.Is(err, secrets.ErrInvalid) && !errors.Is(err, secrets.ErrNotFound) {
					return fmt.Errorf("a path with a NUL byte in a batch: %v, which is neither ErrInvalid nor ErrNotFound", err)
				}
				// The same version, read singly or in a batch, is one Version,
				// or each refresh would look like a rotation.
				single, err := s.fetch(s.ctx, s.ref("one"))
				if err == nil && single.Version != results[2].Value.Version {
					err = errors.New("the Version differs between Fetch and FetchBatch")
				}
				return err
			})
		},
	},
	{
		name:    "a batch of a hundred is answered whole, and one of none is empty",
		explain: "The resolver asks for up to 100 documents at once, whatever the service's own limit: it is the provider that cuts them up.",
		cannot:  noBatch,
		run: func(s *suite) {
			s.batching()
			s.put("one", "value one")
			s.put("two", "value two")
			var names []string
			var refs []secrets.Ref
			for i := range 100 {
				name := fmt.Sprintf("missing%d", i)
				switch i % 33 {
				case 0:
					name = "one"
				case 1:
					name = "two"
				}
				names, refs = append(names, name), append(refs, s.ref(name))
			}
			s.settled(func() error {
				for i, result := range s.batch(s.ctx, refs) {
					if err := answers(result, names[i]); err != nil {
						return fmt.Errorf("result %d of 100 (%s): %v", i, names[i], err)
					}
				}
				return nil
			})
			s.batch(s.ctx, nil)
		},
	},
	{
		name:    "the results of a batch are the reader's own",
		explain: "Results share no memory, not even those of one document asked for twice.",
		cannot:  noBatch,
		run: func(s *suite) {
			s.batching()
			s.put("one", "value one")
			refs := []secrets.Ref{s.ref("one"), s.ref("one")}
			results := s.batch(s.ctx, refs)
			for _, result := range results {
				if result.Err != nil {
					s.Fatal(result.Err)
				}
				s.hasText(result.Value, "value one")
				scribble(result.Value.Data)
			}
			for _, result := range s.batch(s.ctx, refs) {
				s.hasText(result.Value, "value one")
			}
		},
	},
	{
		name:    "a batch with a context that is done fails as a whole",
		explain: "Every result has an error for which errors.Is finds the context's own, and no class that would be a word on the document.",
		cannot:  noBatch,
		run: func(s *suite) {
			s.batching()
			s.put("one", "value one")
			ctx, cancel := context.WithCancel(s.ctx)
			cancel()
			var results []secrets.Result
			refs := []secrets.Ref{s.ref("one"), s.ref("missing")}
			s.within(prompt, "FetchBatch with a context that is done", func() { results = s.p.(secrets.BatchProvider).FetchBatch(ctx, refs) })
			if len(results) != len(refs) {
				s.Fatalf("FetchBatch of %d references returned %d results", len(refs), len(results))
			}
			for _, result := range results {
				s.ended(result.Err, context.Canceled)
			}
		},
	},
	{
		name:    "a list names each document below its prefix once",
		explain: "List yields the path of every document that starts with the prefix, as Ref.Join gives it, once, and no other: what it yields can be read. A prefix with nothing below it yields nothing, and no error.",
		cannot:  noList,
		run: func(s *suite) {
			s.listing()
			for _, name := range []string{"list/a", "list/b", "list/deep/c", "other/d"} {
				s.put(name, "a value")
			}
			want := []string{s.listed("list/a"), s.listed("list/b"), s.listed("list/deep/c")}
			s.settled(func() error {
				got, err := s.list(s.ctx, s.listed("list/"))
				if err != nil {
					return err
				}
				slices.Sort(got)
				if !slices.Equal(got, want) {
					return fmt.Errorf("List yielded %q, want %q", got, want)
				}
				return nil
			})
			if got, err := s.list(s.ctx, s.listed("nothing/")); err != nil || len(got) > 0 {
				s.Errorf("List of a prefix with nothing below it: %q, %v", got, err)
			}
		},
	},
	{
		name:    "a list ends when its reader or its context does",
		explain: "The reader may stop after any path. With a context that is done, List yields its error, last, with an empty path.",
		cannot:  noList,
		run: func(s *suite) {
			s.listing()
			s.put("list/a", "a value")
			s.put("list/b", "a value")
			s.within(patience, "List", func() {
				for range s.p.(secrets.ListProvider).List(s.ctx, s.listed("list/")) {
					break
				}
			})
			ctx, cancel := context.WithCancel(s.ctx)
			cancel()
			_, err := s.list(ctx, s.listed("list/"))
			s.ended(err, context.Canceled)
		},
	},
	{
		name:    "a watch tells of a rotation",
		explain: "Watch returns once it watches, and changed is called after each change of the document from then on, not only after the first.",
		cannot:  noWatch,
		run: func(s *suite) {
			s.put("watched", "value 0")
			told := s.watch(s.ctx, "watched")
			for i := 1; i < 4; i++ {
				before := told.Load()
				s.put("watched", fmt.Sprintf("value %d", i))
				s.told(told, before, fmt.Sprintf("rotation %d", i))
			}
		},
	},
	{
		name:    "a watch tells of a document that comes and goes",
		explain: "A document may be watched before it is there, and a deletion is a change.",
		cannot: func(h Harness) string {
			if h.Delete == nil {
				return noDelete(h)
			}
			return noWatch(h)
		},
		run: func(s *suite) {
			told := s.watch(s.ctx, "watched")
			s.put("watched", "a value")
			s.told(told, 0, "a document that comes")
			before := told.Load()
			s.remove("watched")
			s.told(told, before, "a document that goes")
		},
	},
	{
		name:    "a watch ends with its context",
		explain: "After its context has ended, changed is called no more.",
		cannot:  noWatch,
		run: func(s *suite) {
			s.put("watched", "value 0")
			ctx, cancel := context.WithCancel(s.ctx)
			defer cancel()
			ended := s.watch(ctx, "watched")
			other := s.watch(s.ctx, "watched")
			s.put("watched", "value 1")
			s.told(ended, 0, "a rotation")
			cancel()
			// A call that has begun may end, and the other watch tells when
			// the next change has been noticed.
			<-time.After(prompt / 50)
			before, otherBefore := ended.Load(), other.Load()
			s.put("watched", "value 2")
			s.told(other, otherBefore, "a rotation after another watch has ended")
			if ended.Load() != before {
				s.Error("changed was called after the context had ended")
			}
		},
	},
	{
		name:    "a value without a lease is not renewed",
		explain: "Renew of what this provider leased to nobody is an error (errors.ErrUnsupported: read it again), and neither it nor Revoke panics.",
		run: func(s *suite) {
			leaser, ok := s.p.(secrets.LeaseProvider)
			if !ok {
				s.Skip("the provider has no leases")
			}
			type foreign struct{ _ string }
			for _, v := range []secrets.Value{{}, {Lease: "foreign"}, {Lease: &foreign{}}, {Lease: []string{"foreign"}}} {
				var err error
				s.within(patience, "Renew", func() { _, err = leaser.Renew(s.ctx, v) })
				if err == nil {
					s.Errorf("Renew of a value with the Lease %T succeeded", v.Lease)
				}
				s.within(patience, "Revoke", func() { _ = leaser.Revoke(s.ctx, v) })
			}
		},
	},
}

func noBatch(h Harness) string {
	if h.NoBatch {
		return "FetchBatch is unsupported here"
	}
	return ""
}

func noList(h Harness) string {
	if h.NoList {
		return "List is unsupported here"
	}
	return ""
}

func noWatch(h Harness) string {
	if h.NoWatch {
		return "Watch is unsupported here"
	}
	return ""
}

// batching skips the rule if the provider has no FetchBatch, and fails it if
// FetchBatch is unsupported, which the harness then has to declare.
func (s *suite) batching() {
	s.Helper()
	if _, ok := s.p.(secrets.BatchProvider); !ok {
		s.Skip("the provider has no FetchBatch")
	}
	for _, result := range s.batch(s.ctx, []secrets.Ref{s.ref("probe")}) {
		if errors.Is(result.Err, errors.ErrUnsupported) {
			s.Fatal("FetchBatch is unsupported; if it is meant to be, declare NoBatch")
		}
	}
}

func (s *suite) listing() {
	s.Helper()
	if _, ok := s.p.(secrets.ListProvider); !ok {
		s.Skip("the provider has no List")
	}
	if _, err := s.list(s.ctx, s.listed("probe/")); errors.Is(err, errors.ErrUnsupported) {
		s.Fatal("List is unsupported; if it is meant to be, declare NoList")
	}
}

// answers checks one result of a batch: a document holds "value " and its
// name, unless it is missing.
func answers(result secrets.Result, name string) error {
	if strings.HasPrefix(name, "missing") {
		if len(result.Value.Data) != 0 {
			return errors.New("a missing document comes with Data")
		}
		return isClass(result.Err, secrets.ErrNotFound)
	}
	if result.Err != nil {
		return result.Err
	}
	got, err := text(result.Value)
	if err != nil {
		return err
	}
	return same("value "+name, got)
}

// listed returns what List takes and yields for a name of this case's own.
func (s *suite) listed(name string) string {
	path := s.ref(name).Join()
	if s.h.ListPath != nil {
		return s.h.ListPath(path)
	}
	return path
}

// list reads a List to its end.
func (s *suite) list(ctx context.Context, prefix string) (paths []string, err error) {
	s.Helper()
	after := false
	s.within(patience, "List", func() {
		for path, e := range s.p.(secrets.ListProvider).List(ctx, prefix) {
			after = after || err != nil
			if e != nil {
				if path != "" {
					e = fmt.Errorf("an error that comes with a path: %w", e)
					after = true
				}
				err = e
				continue
			}
			paths = append(paths, path)
		}
	})
	if after {
		s.Errorf("List yields an error last, with an empty path: %v", err)
	}
	return paths, err
}

// watch watches a name, and returns how often it was told of a change. It
// skips the rule if the provider has no Watch, and fails it if Watch is
// unsupported.
func (s *suite) watch(ctx context.Context, name string) *atomic.Int64 {
	s.Helper()
	watcher, ok := s.p.(secrets.WatchProvider)
	if !ok {
		s.Skip("the provider has no Watch")
	}
	told := new(atomic.Int64)
	var err error
	s.within(prompt, "Watch", func() { err = watcher.Watch(ctx, s.ref(name), func() { told.Add(1) }) })
	if errors.Is(err, errors.ErrUnsupported) {
		s.Fatal("Watch is unsupported; if it is meant to be, declare NoWatch")
	}
	if err != nil {
		s.Fatal(err)
	}
	return told
}

// told waits until a watch was told more often than before.
func (s *suite) told(told *atomic.Int64, before int64, of string) {
	s.Helper()
	within := s.h.WatchWithin
	if within == 0 {
		within = prompt
	}
	for deadline := time.Now().Add(within); told.Load() == before; {
		if time.Now().After(deadline) {
			s.Fatalf("the watch was not told of %s within %v", of, within)
		}
		<-time.After(poll)
	}
}
