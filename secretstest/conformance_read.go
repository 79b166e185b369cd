package secretstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/go-secrets/secrets"
)

// readRules are about what one read returns.
var readRules = []rule{
	{
		name:    "what was put is found",
		explain: "Fetch returns the document at Base and Path, and no error.",
		run: func(s *suite) {
			s.put("found", "a value")
		},
	},
	{
		name:    "what was never put is ErrNotFound",
		explain: "A document that the backend does not have is an error of class ErrNotFound and of no other class, with no data: only then do a search and a chain go on.",
		run: func(s *suite) {
			s.put("there", "a value")
			for _, name := range []string{"missing", "deep/down/missing", "ther", "there2"} {
				v, err := s.fetch(s.ctx, s.ref(name))
				s.is(err, secrets.ErrNotFound, name)
				if len(v.Data) != 0 {
					s.Errorf("%q: an error comes with no Data", name)
				}
			}
		},
	},
	{
		name:    "a name below a document is not found, and is not the document",
		explain: "The search for db/password asks for that very name before it asks for db. Fetch answers ErrNotFound, or ErrInvalid with Unspellable() true where the backend cannot hold such a name.",
		run: func(s *suite) {
			s.put("document", `{"key":"a value"}`)
			v, err := s.fetch(s.ctx, s.ref("document/key"))
			if len(v.Data) != 0 {
				s.Error("Fetch picks no fields")
			}
			if !unspellable(err) {
				s.is(err, secrets.ErrNotFound, "document/key")
			}
		},
	},
	{
		name:    "a deleted document is ErrNotFound",
		explain: "A secret that was deleted is gone: the app must hear of it.",
		cannot:  noDelete,
		run: func(s *suite) {
			s.put("deleted", "a value")
			s.remove("deleted")
		},
	},
	{
		name:    "a document that was deleted and put again is found",
		explain: "A deletion leaves nothing behind that hides what comes after it.",
		cannot: func(h Harness) string {
			if h.NoRecreate {
				return "a deleted path can't be put again"
			}
			return noDelete(h)
		},
		run: func(s *suite) {
			first := s.put("again", "a value")
			s.remove("again")
			second := s.put("again", "another value")
			if first.Version != "" && first.Version == second.Version {
				s.Error("the version is the one that other data had before the deletion")
			}
		},
	},
	{
		name:    "an empty document is empty, and not missing",
		explain: "Unset and empty differ: an empty value is a value.",
		cannot: func(h Harness) string {
			if h.NoEmpty {
				return "the backend holds no empty document"
			}
			return ""
		},
		run: func(s *suite) {
			s.put("empty", "")
		},
	},
	{
		name:    "nothing in a text is interpreted",
		explain: "What was put comes back byte for byte: no trimming, no unquoting, no expansion of $ or %, no guess that a number or JSON is meant.",
		run: func(s *suite) {
			for i, data := range []string{
				"12345", "true", "null", `"quoted"`, "'quoted'", " spaces around ", "a=b#c;d,e", "$HOME ${HOME} $(id) `id`", "%41%s%%", `back\slash\n`,
				"line one\nline two", "tab\there", "YWJj", `{"user": "app",  "n": 1e3}`, "[1, 2]", "{{ .Data }}", "+ & ? / :", "päss wörd 密码 🔑",
			} {
				s.put(fmt.Sprintf("text%d", i), data)
			}
		},
	},
	{
		name:    "what is binary comes back byte for byte",
		explain: "Keys and keystores are no text: every byte is legal, NUL and what is no UTF-8 included.",
		cannot: func(h Harness) string {
			if h.NoBinary {
				return "the backend holds text only"
			}
			return ""
		},
		run: func(s *suite) {
			var data []byte
			for i := range 512 {
				data = append(data, byte(255-i))
			}
			s.put("binary", string(data))
		},
	},
	{
		name:    "the largest document comes back whole",
		explain: "A document of MaxSize, or 1 MiB, is neither cut nor refused.",
		run: func(s *suite) {
			size := s.h.MaxSize
			if size == 0 {
				size = 1 << 20
			}
			var b strings.Builder
			for i := 0; b.Len() < size; i++ {
				fmt.Fprintf(&b, "%d.", i)
			}
			s.put("large", b.String()[:size])
		},
	},
	{
		name:    "the field of a reference plays no part",
		explain: "Fetch reads documents. Fields are the resolver's: db#user and db#password are one document, and one read.",
		run: func(s *suite) {
			const data = `{"user":"app","password":"a value"}`
			s.put("document", data)
			ref := s.ref("document")
			ref.Field = "user"
			v, err := s.fetch(s.ctx, ref)
			if err != nil {
				s.Fatal(err)
			}
			s.hasText(v, data)
		},
	},
	{
		name:    "a read changes nothing of its reference",
		explain: "Ref.Options is shared by every read of a document.",
		run: func(s *suite) {
			s.put("document", "a value")
			ref := s.ref("document")
			ref.Options = maps.Clone(s.h.Options)
			if ref.Options == nil {
				ref.Options = map[string]string{}
			}
			before := maps.Clone(ref.Options)
			if _, err := s.fetch(s.ctx, ref); err != nil {
				s.Fatal(err)
			}
			if !maps.Equal(before, ref.Options) {
				s.Error("Fetch changed Ref.Options")
			}
		},
	},
	{
		name:    "a path that climbs out of its place is refused",
		explain: "A segment .. leads nowhere, whatever the backend's client makes of it: ErrInvalid or ErrNotFound, never another document.",
		run: func(s *suite) {
			s.put("victim", "a value")
			s.put("sub/document", "a value")
			for _, path := range []string{
				s.path("sub") + "/../victim", s.path("sub/document") + "/../../victim", s.path("sub/document") + "/..",
				"..", "../" + s.path("victim"), "../../../../../../../../etc/passwd",
			} {
				s.refused(path)
			}
		},
	},
	{
		name:    "a path with a NUL byte is refused",
		explain: "What ends at a NUL byte in some system call must not be taken for the shorter path: ErrInvalid or ErrNotFound.",
		run: func(s *suite) {
			s.put("victim", "a value")
			for _, path := range []string{s.path("victim") + "\x00", s.path("victim") + "\x00.json", "\x00", s.path("vic\x00tim")} {
				s.refused(path)
			}
		},
	},
	{
		name:    "a context that is done is obeyed",
		explain: "Fetch with a context that is cancelled or past its deadline returns promptly, with an error for which errors.Is finds the context's own; such a read tells nothing about the document, so it is neither NotFound nor Permission, Unauthenticated or Invalid.",
		run: func(s *suite) {
			s.put("document", "a value")
			cancelled, cancel := context.WithCancel(s.ctx)
			cancel()
			expired, cancel := context.WithTimeout(s.ctx, -1)
			defer cancel()
			for _, ctx := range []context.Context{cancelled, expired} {
				for _, name := range []string{"document", "missing"} {
					var err error
					s.within(prompt, "Fetch with a context that is done", func() { _, err = s.p.Fetch(ctx, s.ref(name)) })
					s.ended(err, ctx.Err())
				}
			}
		},
	},
}

func noDelete(h Harness) string {
	if h.Delete == nil {
		return "the backend can't delete"
	}
	return ""
}

// refused reads a path that must lead nowhere.
func (s *suite) refused(path string) {
	s.Helper()
	v, err := s.fetch(s.ctx, s.refTo(path))
	if len(v.Data) != 0 {
		s.Errorf("path %q: something was read", path)
	}
	if !errors.Is(err, secrets.ErrInvalid) && !errors.Is(err, secrets.ErrNotFound) {
		s.Errorf("path %q: %v, which is neither ErrInvalid nor ErrNotFound", path, err)
	}
}

// ended checks the error of a read whose context ended.
func (s *suite) ended(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("got the error %v, want one that is %q", err, want)
	}
	for _, class := range []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrInvalid} {
		if errors.Is(err, class) {
			s.Errorf("a read that was ended by its context claims the class %q: %v", class, err)
		}
	}
}

// is checks that an error is of that class, and of no other.
func (s *suite) is(err, class error, name string) {
	s.Helper()
	if err := isClass(err, class); err != nil {
		s.Errorf("%q: %v", name, err)
	}
}

func isClass(err, class error) error {
	for _, c := range classes {
		if is := errors.Is(err, c); is != (c == class) {
			return fmt.Errorf("want an error of class %q and of no other, got: %v", class, err)
		}
	}
	return nil
}

// hasText checks what a document reads as.
func (s *suite) hasText(v secrets.Value, want string) {
	s.Helper()
	got, err := text(v)
	if err == nil {
		err = same(want, got)
	}
	if err != nil {
		s.Error(err)
	}
}

func unspellable(err error) bool {
	var u interface{ Unspellable() bool }
	return errors.Is(err, secrets.ErrInvalid) && errors.As(err, &u) && u.Unspellable()
}
