package secretstest

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
)

// resolverRules are about what a resolver makes of the provider.
var resolverRules = []rule{
	{
		name:    "a resolver finds a document by its name, and a field by its parent",
		explain: "Get(\"db\") is the document, Get(\"db#password\") and Get(\"db/password\") are its field: the exact name is tried first, and what the provider answers then (ErrNotFound, or ErrInvalid with Unspellable() true) must let the search go on to the parent. In a resolver, a name that is nowhere is ErrNotFound.",
		run: func(s *suite) {
			const data = `{"user":"app","password":"a value","n":12345678901234567890}`
			v := s.put("document", data)
			r, name := s.resolver("document")
			s.gets(r, name, data)
			if v.Default != "" {
				s.gets(r, name+"#"+v.Default, data)
			} else {
				s.gets(r, name+"#password", "a value")
				s.gets(r, name+"/password", "a value")
				s.gets(r, name+"#n", "12345678901234567890")
			}
			for _, missing := range []string{name + "#missing", name + "/missing", name + "x"} {
				_, err := r.Get(s.ctx, missing)
				s.is(err, secrets.ErrNotFound, missing)
			}
		},
	},
	{
		name:    "a resolver sees a rotation at its next read",
		explain: "Refresh reads the backend once: the secret that it returns is the new one, in another version.",
		run: func(s *suite) {
			s.put("rotated", "value 1")
			r, name := s.resolver("rotated")
			first := s.gets(r, name, "value 1")
			s.put("rotated", "value 2")
			s.settled(func() error {
				second, err := r.Refresh(s.ctx, name)
				if err != nil {
					return err
				}
				if err := same("value 2", second.Reveal()); err != nil {
					return err
				}
				if first.Version() == second.Version() {
					return errors.New("the data changed, and Secret.Version did not")
				}
				return nil
			})
		},
	},
	{
		name:    "what a resolver says of the provider holds no secret",
		explain: "Errors, status, events and log lines of a resolver show nothing of a document, whatever is asked of it: missing fields, values that are no JSON, reads that fail and are cancelled.",
		run: func(s *suite) {
			logs := canary.CaptureLogs(s.TB)
			secret := canary.New()
			search := canary.For(secret)
			s.put("plain", secret)
			s.put("object", `{"user":"app","password":"`+secret+`"}`)
			s.put("broken", `{"user":"app","password":"`+secret)
			for _, document := range []string{"plain", "object", "broken"} {
				r, name := s.resolver(document)
				for what, err := range s.resolverErrors(r, name) {
					for _, found := range search.Error(err) {
						s.Errorf("%s of the document %q: %s", what, document, found)
					}
				}
				status, err := json.Marshal(r.Status())
				if err != nil {
					s.Fatal(err)
				}
				if form, found := search.Text(string(status)); found {
					s.Errorf("the status holds the secret, %s", form)
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

// resolver returns a resolver on the provider, and the name that finds a
// document of this case's own there.
func (s *suite) resolver(name string) (r *secrets.Resolver, full string) {
	b := &based{p: s.p, base: s.h.Base, options: s.h.Options}
	full = s.path(name)
	if strings.HasPrefix(full, "/") { // names have no slash there; the base does
		full = strings.TrimPrefix(full, "/")
		b.base += "/"
	}
	r = secrets.New(b, secrets.WithTimeout(patience/2))
	s.Cleanup(func() { _ = r.Close() })
	return r, full
}

// gets checks what a resolver says a name is.
func (s *suite) gets(r *secrets.Resolver, name, want string) secrets.Secret {
	s.Helper()
	got, err := r.Get(s.ctx, name)
	if err != nil {
		s.Fatal(err)
	}
	if err := same(want, got.Reveal()); err != nil {
		s.Fatalf("%s: %v", name, err)
	}
	return got
}

// resolverErrors asks a resolver for what can't be had around a document, and
// yields the errors.
func (s *suite) resolverErrors(r *secrets.Resolver, name string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		held, err := r.Get(s.ctx, name)
		if err != nil {
			s.Fatal(err)
		}
		cancelled, cancel := context.WithCancel(s.ctx)
		cancel()
		get := func(ctx context.Context, name string) error { _, err := r.Get(ctx, name); return err }
		field := func(key string) error { _, err := held.Field(key); return err }
		var number struct{ Password, User int }
		var list []int
		for what, err := range map[string]error{
			"a missing field":             get(s.ctx, name+"#missing"),
			"a missing pointer":           get(s.ctx, name+"#/password/0/x"),
			"a field by its parent":       get(s.ctx, name+"/missing"),
			"a missing name":              get(s.ctx, name+"x"),
			"a name that is none":         get(s.ctx, name+"/.."),
			"a cancelled read":            get(cancelled, name+"#other"),
			"a preload":                   r.Preload(s.ctx, name+"#missing", name+"x"),
			"a field of the secret":       field("missing"),
			"a pointer into the secret":   field("/password/0"),
			"a decoding into numbers":     held.Decode(&number),
			"a decoding into a list":      held.Decode(&list),
			"a decoding into no pointer":  held.Decode(number),
			"an unmarshalling of nothing": held.UnmarshalText([]byte(held.String())),
		} {
			if err != nil && !yield(what, err) {
				return
			}
		}
	}
}

// based gives a provider the base and the options of the harness, which a
// resolver on a bare provider does not have.
type based struct {
	p       secrets.Provider
	base    string
	options map[string]string
}

func (b *based) ref(ref secrets.Ref) secrets.Ref {
	ref.Base, ref.Options = b.base, b.options
	return ref
}

func (b *based) Fetch(ctx context.Context, ref secrets.Ref) (secrets.Value, error) {
	return b.p.Fetch(ctx, b.ref(ref))
}

func (b *based) FetchBatch(ctx context.Context, refs []secrets.Ref) []secrets.Result {
	if p, ok := b.p.(secrets.BatchProvider); ok {
		moved := make([]secrets.Ref, len(refs))
		for i, ref := range refs {
			moved[i] = b.ref(ref)
		}
		return p.FetchBatch(ctx, moved)
	}
	results := make([]secrets.Result, len(refs))
	for i := range results {
		results[i].Err = errors.ErrUnsupported
	}
	return results
}

func (b *based) Renew(ctx context.Context, v secrets.Value) (secrets.Value, error) {
	if p, ok := b.p.(secrets.LeaseProvider); ok {
		return p.Renew(ctx, v)
	}
	return secrets.Value{}, errors.ErrUnsupported
}

func (b *based) Revoke(ctx context.Context, v secrets.Value) error {
	if p, ok := b.p.(secrets.LeaseProvider); ok {
		return p.Revoke(ctx, v)
	}
	return errors.ErrUnsupported
}
