package envfile

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/asked"
	"github.com/go-secrets/secrets/internal/fault"
)

// variableOf maps a name to the variable that stands for it: letters in upper
// case, digits as they are, and _ for everything else. ok is false for a name
// that no variable can stand for: one that is empty, or has a control
// character or a letter outside ASCII in it.
func variableOf(name string) (variable string, ok bool) {
	b := make([]byte, len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z':
			b[i] = c - 'a' + 'A'
		case 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			b[i] = c
		case c < ' ' || c >= 0x7f:
			return "", false
		default:
			b[i] = '_'
		}
	}
	return string(b), name != ""
}

// checkVariableName refuses what cannot be a name, and what no variable can
// stand for; only the latter lets the search go on to the name's parent.
func checkVariableName(name string) (string, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return "", fault.New(secrets.ErrInvalid, "the name holds a NUL byte", nil)
	}
	if strings.HasPrefix(name, "/") {
		return "", fault.New(secrets.ErrInvalid, "a variable's name starts with a slash: drop it", nil)
	}
	variable, ok := variableOf(name)
	if !ok {
		e := fault.New(secrets.ErrInvalid, "no variable can stand for "+strconv.Quote(name)+": names map to ASCII letters, digits and _", nil)
		e.CannotSpell = true
		return "", e
	}
	return variable, nil
}

// A source is a set of variables: the environment, or one reading of a dotenv.
type source interface {
	lookup(variable string) (value string, ok bool)
	all(yield func(variable, value string) bool) // in no particular order
	String() string                              // for errors: "the environment", "/app/.env"
}

// variables finds names in a source.
type variables struct {
	prefix string // put before every variable
	tree   bool   // variables with a common start are a document
	strict bool   // no _FILE variable is followed: nobody named the source
	files  *reader
	claims claims
}

// fileSuffix marks a variable that names the file which holds the value.
const fileSuffix = "_FILE"

// fetch finds the document of a name: its variable, then the file that the
// variable's _FILE names, then the variables that start with it. A reference
// (isName false) may write the variable itself, which is no second name for
// it.
func (v *variables) fetch(ctx context.Context, src source, name string, isName bool) (secrets.Value, error) {
	spelled, err := checkVariableName(name)
	if err != nil {
		return secrets.Value{}, err
	}
	value, err := v.find(ctx, src, name, spelled)
	if err != nil {
		return secrets.Value{}, err
	}
	if !isName && spelled == name {
		return value, nil
	}
	if err := v.claims.claim(src.String(), v.prefix+spelled, name, !isName || asked.IsByProgram(ctx)); err != nil {
		return secrets.Value{}, err
	}
	return value, nil
}

func (v *variables) find(ctx context.Context, src source, name, spelled string) (secrets.Value, error) {
	at, err := v.look(src, name, spelled)
	if err != nil {
		return secrets.Value{}, err
	}
	switch {
	case at.file.names():
		data, changed, err := v.readFile(ctx, src, at.file)
		return secrets.Value{Data: data, Created: changed}, err
	case at.value.set:
		return secrets.Value{Data: []byte(at.value.text)}, nil
	}
	variable := v.prefix + spelled
	missing := src.String() + " has neither " + variable + " nor " + variable + fileSuffix
	if !v.tree {
		if v.hasBelow(src, spelled) {
			missing += "; it has " + variable + "_…, which are a document of that name with ?tree=true"
		}
		return secrets.Value{}, fault.New(secrets.ErrNotFound, missing, nil)
	}
	doc, err := v.children(ctx, src, spelled+"_", strings.ToLower)
	if err != nil {
		return secrets.Value{}, err
	}
	if len(doc) == 0 {
		return secrets.Value{}, fault.New(secrets.ErrNotFound, missing+", nor any "+variable+"_…", nil)
	}
	return secrets.Value{Data: jsonObject(doc)}, nil
}

// A setting is one variable of a source.
type setting struct {
	variable, text string
	set            bool
}

// names reports whether a _FILE variable names a file.
func (s setting) names() bool { return s.set && s.text != "" }

// found are the two variables that a name may be in.
type found struct{ value, file setting }

// look finds the variables of a name. Both may not hold something: which of
// them is meant, nobody can know.
func (v *variables) look(src source, name, spelled string) (found, error) {
	value, file := v.lookup(src, name, spelled), v.lookup(src, name+fileSuffix, spelled+fileSuffix)
	if !value.set || !file.set {
		if err := v.lookAround(src, spelled, name, &value); err != nil {
			return found{}, err
		}
		if err := v.lookAround(src, spelled+fileSuffix, name, &file); err != nil {
			return found{}, err
		}
	}
	if value.text != "" && file.names() {
		return found{}, bothSet(src, value.variable, file.variable)
	}
	return found{value, file}, nil
}

func bothSet(src source, variable, file string) error {
	return fault.New(secrets.ErrInvalid, src.String()+" has both "+variable+" and "+file+"; unset one (which of them is meant cannot be told)", nil)
}

// lookup finds the variable of a name that is written in capitals, or as the
// name is.
func (v *variables) lookup(src source, name, spelled string) setting {
	for _, variable := range []string{v.prefix + spelled, v.prefix + name} {
		if text, ok := src.lookup(variable); ok {
			return setting{variable, text, true}
		}
	}
	return setting{}
}

// lookAround finds a variable that is written in another way and stands for
// the same name, unless one was found already: the keys of a Secret become
// variables as they are by envFrom (DB_root-password).
func (v *variables) lookAround(src source, spelled, name string, at *setting) error {
	if at.set {
		return nil
	}
	for variable, text := range src.all {
		rest, ok := strings.CutPrefix(variable, v.prefix)
		if !ok || len(rest) != len(spelled) {
			continue
		}
		if folded, ok := variableOf(rest); !ok || folded != spelled {
			continue
		}
		if at.set {
			a, b := min(variable, at.variable), max(variable, at.variable)
			return fault.New(secrets.ErrInvalid, src.String()+" has both "+a+" and "+b+", and "+strconv.Quote(name)+" may be either; rename one", nil)
		}
		*at = setting{variable, text, true}
	}
	return nil
}

// hasBelow reports whether a variable starts with that of a name and a _.
func (v *variables) hasBelow(src source, spelled string) bool {
	for variable := range src.all {
		if _, ok := v.below(variable, spelled+"_"); ok {
			return true
		}
	}
	return false
}

// below returns what follows start in a variable, as it is written; start is
// as variableOf writes it.
func (v *variables) below(variable, start string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(variable, v.prefix)
	if !ok || len(rest) <= len(start) {
		return "", false
	}
	folded, ok := variableOf(rest[:len(start)])
	return rest[len(start):], ok && folded == start || start == ""
}

// list yields the names below prefix that variables stand for. A variable does
// not tell where the slashes of a name were: they are those of the prefix.
func (v *variables) list(src source, prefix string, yield func(string, error) bool) {
	start, ok := variableOf(prefix)
	if !ok && prefix != "" {
		return
	}
	listed := make(map[string]bool)
	for variable := range src.all {
		rest, ok := v.below(variable, start)
		if !ok || strings.ContainsFunc(rest, notInVariable) {
			continue
		}
		rest = strings.ToLower(rest)
		listed[rest] = true
		if stem, ok := strings.CutSuffix(rest, strings.ToLower(fileSuffix)); ok {
			listed[stem] = true
		}
	}
	for _, rest := range slices.Sorted(maps.Keys(listed)) {
		if prefix+rest != "" && !yield(prefix+rest, nil) {
			return
		}
	}
}

// notInVariable reports what no variable has that stands for a name.
func notInVariable(r rune) bool {
	return !strings.ContainsRune("_-.", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// targets returns the files that the document of a name may come from, next to
// the source itself.
func (v *variables) targets(src source, name string) []place {
	spelled, ok := variableOf(name)
	if !ok || v.strict {
		return nil
	}
	at, err := v.look(src, name, spelled)
	if err != nil {
		return nil
	}
	var places []place
	switch {
	case at.file.names():
		return append(places, placesOf(at.file.text)...)
	case at.value.set || !v.tree:
		return nil
	}
	for variable, file := range src.all {
		if rest, ok := v.below(variable, spelled+"_"); ok && strings.HasSuffix(strings.ToUpper(rest), fileSuffix) && file != "" {
			places = append(places, placesOf(file)...)
		}
	}
	return places
}
