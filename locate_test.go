package secrets

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/cache"
)

// A world is what is known of documents, by member and path: "0:db/user".
type world struct {
	docs    map[string]string // their bytes
	errs    map[string]error  // why there are none
	home    string            // where the name was found before
	refused error             // by takes
}

func (w world) known(at *place) (*cache.Version, error, bool) {
	key := at.site.label + at.path
	if text, ok := w.docs[key]; ok {
		return versionOf(&Value{Data: []byte(text), Version: "1"}), nil, true
	}
	err, ok := w.errs[key]
	return nil, err, ok
}

func (w world) isHome(at *place) bool { return at.site.label+at.path == w.home }

func (w world) accepts(*place, string) error { return w.refused }

func (w world) siteFor(_ *place, ref *Ref) (*site, error) {
	if ref.Path == "denied" {
		return nil, invalid("no such provider")
	}
	return &site{path: ref.Path}, nil
}

type unspellable struct{ error }

func (unspellable) Unspellable() bool { return true }
func (unspellable) Unwrap() error     { return ErrInvalid }

func TestLocate(t *testing.T) {
	missing, denied := ErrNotFound, ErrPermission
	for name, c := range map[string]struct {
		name    string
		world   world
		members int // 1 unless it says otherwise
		follow  bool
		eager   bool

		at, text  string // found
		read      []string
		elsewhere string
		found     bool
		err       error
		says      []string
	}{
		"the exact document is read first":             {name: "db/user", read: []string{"0:db/user"}},
		"a search for several reads the parent along":  {name: "db/user", eager: true, read: []string{"0:db/user", "0:db"}},
		"the exact document is the name":               {name: "db/user", world: world{docs: map[string]string{"0:db/user": "app", "0:db": `{"user":"no"}`}}, at: "0:db/user", text: "app"},
		"if it is missing, the parent is read":         {name: "db/user", world: world{errs: map[string]error{"0:db/user": missing}}, read: []string{"0:db"}},
		"the parent has the name as a field":           {name: "db/user", world: world{docs: map[string]string{"0:db": `{"user":"app"}`}, errs: map[string]error{"0:db/user": missing}}, at: "0:db", text: "app"},
		"a denied document lets the parent be asked":   {name: "db/user", world: world{docs: map[string]string{"0:db": `{"user":"app"}`}, errs: map[string]error{"0:db/user": denied}}, at: "0:db", text: "app"},
		"but not where the name was found before":      {name: "db/user", world: world{docs: map[string]string{"0:db": `{"user":"app"}`}, errs: map[string]error{"0:db/user": denied}, home: "0:db/user"}, err: denied, says: []string{"db/user"}},
		"a name that cannot be spelled is asked above": {name: "db/user", world: world{docs: map[string]string{"0:db": `{"user":"app"}`}, errs: map[string]error{"0:db/user": unspellable{errors.New("no slash")}}}, at: "0:db", text: "app"},
		"an outage ends the search":                    {name: "db/user", world: world{docs: map[string]string{"0:db": `{"user":"app"}`}, errs: map[string]error{"0:db/user": ErrUnavailable}}, err: ErrUnavailable},
		"nowhere tells both places":                    {name: "db/user", world: world{errs: map[string]error{"0:db/user": missing, "0:db": missing}}, err: missing, says: []string{"0:", "db/user", "db#user"}},
		"denied and missing is denied":                 {name: "db/user", world: world{errs: map[string]error{"0:db/user": denied, "0:db": missing}}, err: denied},
		"missing and denied is denied":                 {name: "db/user", world: world{errs: map[string]error{"0:db/user": missing, "0:db": denied}}, err: denied},
		"a parent that is no object lacks the field":   {name: "db/user", world: world{docs: map[string]string{"0:db": "text"}, errs: map[string]error{"0:db/user": missing}}, err: missing},
		"a field is asked of its document alone":       {name: "db#user", world: world{docs: map[string]string{"0:db": `{"user":"app"}`}}, at: "0:db", text: "app"},
		"a document without the field is missing":      {name: "db#user", world: world{docs: map[string]string{"0:db": `{}`}}, err: missing},
		"a document that is no object is invalid":      {name: "db#user", world: world{docs: map[string]string{"0:db": "text"}}, err: ErrInvalid},
		"a name of one segment has no parent":          {name: "db", world: world{errs: map[string]error{"0:db": missing}}, err: missing},
		"the second member is asked after the first":   {name: "db/user", members: 2, world: world{errs: map[string]error{"0:db/user": missing, "0:db": missing}}, read: []string{"1:db/user"}},
		"the first member's parent goes before it":     {name: "db/user", members: 2, world: world{docs: map[string]string{"0:db": `{"user":"one"}`, "1:db/user": "two"}, errs: map[string]error{"0:db/user": missing}}, at: "0:db", text: "one"},
		"a denied member is the end":                   {name: "db", members: 2, world: world{docs: map[string]string{"1:db": "two"}, errs: map[string]error{"0:db": denied}}, err: denied},
		"missing in all members tells of all":          {name: "db", members: 2, world: world{errs: map[string]error{"0:db": missing, "1:db": missing}}, err: missing, says: []string{"0:", "1:"}},
		"what must not be replaced is refused":         {name: "db", world: world{docs: map[string]string{"0:db": ""}, refused: invalid("empty")}, err: ErrInvalid, says: []string{"empty"}},
		"a value that is a reference leads elsewhere":  {name: "db", follow: true, world: world{docs: map[string]string{"0:db": "ref+env://X"}}, elsewhere: "X"},
		"only where the site says so":                  {name: "db", world: world{docs: map[string]string{"0:db": "ref+env://X"}}, at: "0:db", text: "ref+env://X"},
		"a field that is a reference was found here":   {name: "db#user", follow: true, world: world{docs: map[string]string{"0:db": `{"user":"ref+env://X"}`}}, elsewhere: "X", found: true},
		"a reference that may not be followed":         {name: "db", follow: true, world: world{docs: map[string]string{"0:db": "ref+env://denied"}}, err: ErrInvalid, says: []string{"no such provider"}},
		"a field of a reference that has one":          {name: "db#user", follow: true, world: world{docs: map[string]string{"0:db": "ref+env://X#y"}}, err: ErrInvalid, says: []string{"names a field already"}},
	} {
		t.Run(name, func(t *testing.T) {
			path, field, err := splitName(c.name)
			require.NoError(t, err)
			sites := make([]*site, max(c.members, 1))
			for i := range sites {
				sites[i] = makeSite()
				sites[i].label = string(rune('0'+i)) + ":"
				sites[i].folder = &folder{provider: &provider{}}
				if c.follow {
					sites[i].follow = followAny
				}
			}
			l := locate(len(sites), func(i int) candidate { return sites[i].candidates(path, field) }, field, c.eager, c.world)
			var read []string
			for _, at := range l.read {
				read = append(read, at.site.label+at.path)
			}
			assert.Equal(t, c.read, read)
			if c.err != nil {
				require.ErrorIs(t, l.err, c.err)
				for _, text := range c.says {
					assert.ErrorContains(t, l.err, text)
				}
				return
			}
			require.NoError(t, l.err)
			if c.elsewhere != "" {
				require.NotNil(t, l.elsewhere)
				assert.Equal(t, c.elsewhere, l.elsewhere.path)
				assert.Equal(t, c.found, l.found)
				return
			}
			if c.at == "" {
				assert.Nil(t, l.at)
				return
			}
			require.NotNil(t, l.at)
			assert.Equal(t, c.at, l.at.site.label+l.at.path)
			assert.Equal(t, c.text, l.text)
		})
	}
}

func TestLocateWithoutMembers(t *testing.T) {
	l := locate(0, nil, "", false, world{})
	require.ErrorIs(t, l.err, ErrNotFound)
	assert.ErrorContains(t, l.err, "no provider is configured")
}
