package secretstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-secrets/secrets"
)

// concurrencyRules are about reads beside each other, and about memory.
var concurrencyRules = []rule{
	{
		name:    "a read that is cancelled under way returns",
		explain: "Whenever its context is cancelled, Fetch returns promptly, with the document or with an error for which errors.Is finds context.Canceled; nothing in between, and no other class of error.",
		run: func(s *suite) {
			s.put("document", "a value")
			for i := range 25 {
				ctx, cancel := context.WithCancel(s.ctx)
				timer := time.AfterFunc(time.Duration(i*i)*20*time.Microsecond, cancel)
				var v secrets.Value
				var err error
				s.within(prompt, "Fetch after its context was cancelled", func() { v, err = s.p.Fetch(ctx, s.ref("document")) })
				timer.Stop()
				cancel()
				if err == nil {
					s.hasText(v, "a value")
				} else {
					s.ended(err, context.Canceled)
				}
			}
		},
	},
	{
		name:    "a backend that hangs holds nobody past their context",
		explain: "A backend that takes the request and never answers is the worst of outages: Fetch returns when its context ends, and the next read, once the backend answers again, succeeds.",
		cannot: func(h Harness) string {
			if h.Stall == nil {
				return "the harness can't stall the backend"
			}
			return ""
		},
		run: func(s *suite) {
			s.put("document", "a value")
			resume := sync.OnceFunc(s.h.Stall(s.TB))
			s.Cleanup(resume)
			ctx, cancel := context.WithTimeout(s.ctx, 100*time.Millisecond)
			defer cancel()
			var err error
			s.within(prompt, "Fetch from a backend that hangs", func() { _, err = s.p.Fetch(ctx, s.ref("document")) })
			s.ended(err, context.DeadlineExceeded)
			resume()
			v, err := s.fetch(s.ctx, s.ref("document"))
			if err != nil {
				s.Fatal(err)
			}
			s.hasText(v, "a value")
		},
	},
	{
		name:    "many readers beside a writer see whole versions",
		explain: "A Provider is safe for concurrent use: every read gives one version that was put, never a mix of two, and the race detector is silent.",
		run: func(s *suite) {
			const size, readers, rotations = 1000, 8, 6
			whole := func(letter int) string { return strings.Repeat(string(rune('a'+letter)), size) }
			s.put("shared", whole(0))
			s.put("own", "a value")
			var stop atomic.Bool
			var wg sync.WaitGroup
			failures := make(chan error, readers)
			for range readers {
				wg.Go(func() {
					for n := 0; n < 5 || n < 500 && !stop.Load(); n++ {
						if err := s.readWhole(size); err != nil {
							failures <- err
							return
						}
					}
				})
			}
			for letter := 1; letter <= rotations; letter++ {
				s.h.Put(s.TB, s.path("shared"), []byte(whole(letter)))
			}
			stop.Store(true)
			s.within(patience, "readers beside a writer", wg.Wait)
			close(failures)
			for err := range failures {
				s.Error(err)
			}
			s.put("shared", whole(rotations))
		},
	},
	{
		name:    "what a read returns is the reader's own",
		explain: "The resolver owns what Fetch returns. Writing to it, up to its capacity, changes neither what the backend holds, nor what other reads returned or will return.",
		run: func(s *suite) {
			const data = "a value that must stay as it is"
			first := s.put("document", data)
			second, err := s.fetch(s.ctx, s.ref("document"))
			if err != nil {
				s.Fatal(err)
			}
			scribble(first.Data)
			s.hasText(second, data)
			scribble(second.Data)
			third, err := s.fetch(s.ctx, s.ref("document"))
			if err != nil {
				s.Fatal(err)
			}
			s.hasText(third, data)
		},
	},
}

// readWhole reads the two documents of the concurrency rule, as a goroutine
// that may not end the test.
func (s *suite) readWhole(size int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("Fetch ended in a panic with a %T", r)
		}
	}()
	for _, name := range []string{"shared", "own"} {
		v, err := s.p.Fetch(s.ctx, s.ref(name))
		if err != nil {
			return err
		}
		got, err := text(v)
		switch {
		case err != nil:
			return err
		case name == "own" && got != "a value":
			return errors.New("a read gave another document's data")
		case name == "shared" && (len(got) != size || strings.Count(got, got[:1]) != size):
			return errors.New("a read gave a mix of two versions, or a part of one")
		}
	}
	return nil
}

func scribble(data []byte) {
	data = data[:cap(data)]
	for i := range data {
		data[i] = '!'
	}
}
