package cli

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-secrets/secrets"
)

// A candidate is a document in which a name may be, and which therefore has to
// be readable.
type candidate struct {
	name string
	at   secrets.Ref // Path is the whole path; of Base there is nothing
	base bool        // it is a name below a provider's base, rather than a reference
}

// policy prints the least policy for names.
func (a *app) policy(src source, names []string) error {
	if len(names) == 0 {
		for name := range src.References {
			if !strings.HasSuffix(name, "/") {
				names = append(names, name)
			}
		}
		slices.Sort(names)
	}
	if len(names) == 0 {
		return withCode(ExitUsage, "check --policy takes the names that are needed: the configuration has references for none")
	}
	w := policyWriter{}
	for _, name := range names {
		all, err := src.candidates(name)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, candidate.impossible)
		if len(all) == 0 {
			w.note("No backend here can hold a secret of the name %q; nothing is granted for it.", name)
			continue
		}
		for _, c := range all {
			w.add(c)
		}
		if slices.ContainsFunc(all, func(c candidate) bool { return c.name != all[0].name }) {
			w.note("%s may be a document of its own or a field of %s; both are granted. Write %s#%s, or ?search= in the provider's URI, to narrow it.",
				name, parentName(name), parentName(name), lastSegment(name))
		}
	}
	if a.json {
		if err := a.printJSON(w.json()); err != nil {
			return err
		}
	} else {
		a.printPolicies(w.texts())
	}
	for _, note := range w.notes {
		a.err.printf("%s\n", note)
	}
	return nil
}

// A policyText is a policy for one kind of backend, in its own language.
type policyText struct{ title, text string }

// printPolicies prints the texts. One alone is printed as it is, to be piped.
func (a *app) printPolicies(all []policyText) {
	for i, p := range all {
		if i > 0 {
			a.out.printf("\n")
		}
		if len(all) > 1 {
			a.out.printf("%s\n", a.out.paint(bold, "# "+p.title))
		}
		a.out.printf("%s", p.text)
	}
}

// candidates returns the documents in which a name may be: as the resolver
// would look for it, without looking.
func (s source) candidates(name string) ([]candidate, error) {
	path, field, hasField := strings.Cut(name, "#")
	if _, err := secrets.Name(strings.Split(path, "/")...); err != nil || hasField && field == "" {
		return nil, withCode(ExitInvalid, "%q is no name: segments between slashes, none of them empty, . or .., and then maybe #field", name)
	}
	reference := func(uri string) ([]candidate, error) {
		ref, err := secrets.ParseRef(uri)
		return []candidate{{name: name, at: ref}}, err
	}
	if uri, ok := s.References[path]; ok {
		return reference(uri)
	}
	for end := strings.LastIndexByte(path, '/'); end >= 0; end = strings.LastIndexByte(path[:end], '/') {
		if uri, ok := s.References[path[:end+1]]; ok {
			return below(uri, name, path[end+1:], hasField)
		}
	}
	if parent := parentName(path); parent != "" && !hasField {
		if uri, ok := s.References[parent]; ok {
			return reference(uri)
		}
	}
	var all []candidate
	for _, uri := range s.Providers {
		some, err := below(uri, name, path, hasField)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// below returns the documents below a base in which a path may be found.
func below(uri, name, path string, hasField bool) (all []candidate, err error) {
	ref, err := secrets.ParseRef(uri)
	if err != nil {
		return nil, err
	}
	under := func(path string) secrets.Ref {
		at := ref
		at.Base, at.Path = ref.Path, path
		at.Path, at.Base = at.Join(), ""
		return at
	}
	parent, search := parentName(path), ref.Options["search"]
	if hasField || parent == "" {
		parent, search = "", "exact"
	}
	if search != "parent" {
		all = append(all, candidate{name: name, at: under(path), base: true})
	}
	if search != "exact" {
		all = append(all, candidate{name: parentName(name), at: under(parent), base: true})
	}
	return all, nil
}

func parentName(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return ""
}

func lastSegment(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// A policyWriter gathers what has to be granted, by kind of backend.
type policyWriter struct {
	aws   awsPolicy
	vault vaultPolicy
	gcp   gcpPolicy
	notes []string
}

func (w *policyWriter) add(c candidate) {
	switch c.at.Scheme {
	case "awssm", "ssm":
		w.aws.add(w, c)
	case "vault":
		w.vault.add(c)
	case "gcp":
		w.gcp.add(w, c)
	case "env", "envfile", "file":
		w.note("%s:// needs no policy: the process reads what its user may read.", c.at.Scheme)
	default:
		w.note("No policy is known for %s://; see its documentation.", c.at.Scheme)
	}
}

// literals are the paths that a backend can hold and that stand for themselves
// in a policy: not with a *, which would grant more.
var literals = map[string]*regexp.Regexp{
	"awssm": regexp.MustCompile(`^[A-Za-z0-9/_+=.@!:-]+$`),
	"ssm":   regexp.MustCompile(`^[A-Za-z0-9/_.:-]+$`),
	"gcp":   regexp.MustCompile(`^[A-Za-z0-9/_.:-]+$`),
	"vault": regexp.MustCompile(`^[^/*+"\\${}\x00-\x1f][^*+"\\${}\x00-\x1f]*/[^*+"\\${}\x00-\x1f]+$`), // below a mount
}

// impossible reports whether the backend can hold no such document, or it could
// not be granted alone.
func (c candidate) impossible() bool {
	literal, known := literals[c.at.Scheme]
	return known && !literal.MatchString(c.at.Path)
}

// note says something to people, once.
func (w *policyWriter) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(w.notes, text) {
		w.notes = append(w.notes, text)
	}
}

func (w *policyWriter) texts() (all []policyText) {
	if !w.aws.empty() {
		all = append(all, policyText{"AWS IAM policy", w.aws.text(w)})
	}
	if !w.vault.empty() {
		all = append(all, policyText{"Vault policy", w.vault.text()})
	}
	if !w.gcp.empty() {
		all = append(all, policyText{"Google Cloud role bindings", w.gcp.text()})
	}
	return all
}

// json returns the policies for machines.
func (w *policyWriter) json() any {
	var all struct {
		AWS   *iamDocument `json:"aws,omitempty"`
		Vault string       `json:"vault,omitempty"`
		GCP   []gcpBinding `json:"gcp,omitempty"`
	}
	if !w.aws.empty() {
		document := w.aws.document(w)
		all.AWS = &document
	}
	if !w.vault.empty() {
		all.Vault = w.vault.text()
	}
	all.GCP = w.gcp.bindings
	return all
}

// insert adds an item to a sorted list, once.
func insert[T cmp.Ordered](list []T, item T) []T {
	i, found := slices.BinarySearch(list, item)
	if found {
		return list
	}
	return slices.Insert(list, i, item)
}
