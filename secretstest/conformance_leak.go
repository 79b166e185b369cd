package secretstest

import (
	"context"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
)

// leakRules are about secrets in the wrong place.
var leakRules = []rule{
	{
		name:    "no error, log line or version holds the secret",
		explain: "A document holds a canary. What is provoked around it (documents that are missing, below it, malformed, deleted, refused; reads that are cancelled) shows it nowhere: not in an error as printed by any verb of fmt, encoding/json or slog, not in anything that the error reaches by pointers, unexported fields and wrapped errors, not in what log and slog were given, not in Version.",
		run: func(s *suite) {
			logs := canary.CaptureLogs(s.TB)
			secret := canary.New()
			search := canary.For(secret)
			documents := map[string]string{
				"plain":  secret,
				"object": `{"user":"app","password":"` + secret + `"}`,
				"broken": `{"user":"app","password":"` + secret,
				"lines":  "PASSWORD=\"" + secret + "\nUSER=" + secret,
			}
			for name, data := range documents {
				v := s.put(name, data)
				for _, found := range search.Printed(v.Version) {
					s.Errorf("the Version of %q: %s", name, found)
				}
			}
			for what, errs := range s.provoke() {
				for _, err := range errs {
					for _, found := range search.Error(err) {
						s.Errorf("%s: %s", what, found)
					}
				}
			}
			for line := range strings.Lines(logs()) {
				if form, found := search.Text(line); found {
					s.Errorf("a log line holds the secret, %s", form)
				}
			}
		},
	},
}

// provoke returns errors that come about around the documents of the leak
// rule, by what brought them about.
func (s *suite) provoke() map[string][]error {
	errs := make(map[string][]error)
	read := func(what string, ctx context.Context, ref secrets.Ref) {
		if _, err := s.fetch(ctx, ref); err != nil {
			errs[what] = append(errs[what], err)
		}
		if batcher, ok := s.p.(secrets.BatchProvider); ok && !s.h.NoBatch {
			var results []secrets.Result
			s.within(patience, "FetchBatch", func() { results = batcher.FetchBatch(ctx, []secrets.Ref{ref, s.ref("plain")}) })
			for _, result := range results {
				errs[what+" in a batch"] = append(errs[what+" in a batch"], result.Err)
			}
		}
	}
	cancelled, cancel := context.WithCancel(s.ctx)
	cancel()
	expired, cancel := context.WithTimeout(s.ctx, -1)
	defer cancel()
	for _, name := range []string{"plain", "object", "broken", "lines"} {
		read("a read of what is there", s.ctx, s.ref(name))
		read("a name below a document", s.ctx, s.ref(name+"/password"))
		read("a missing name", s.ctx, s.ref(name+"x"))
		read("a cancelled read", cancelled, s.ref(name))
		read("a read past its deadline", expired, s.ref(name))
		read("a path with ..", s.ctx, s.refTo(s.path(name)+"/../"+name))
		read("a path with a NUL byte", s.ctx, s.refTo(s.path(name)+"\x00"))
		if s.h.Provoke != nil {
			errs["a failure that the harness provokes"] = append(errs["a failure that the harness provokes"], s.h.Provoke(s.TB, s.p, s.path(name))...)
		}
		if s.h.Delete != nil {
			s.h.Delete(s.TB, s.path(name))
			read("a read after a deletion", s.ctx, s.ref(name))
		}
	}
	if lister, ok := s.p.(secrets.ListProvider); ok && !s.h.NoList {
		s.within(patience, "List", func() {
			for _, err := range lister.List(cancelled, s.listed("")) {
				errs["a cancelled list"] = append(errs["a cancelled list"], err)
			}
		})
	}
	return errs
}
