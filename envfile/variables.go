package envfile

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-secrets/secrets"
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
	variable := v.prefix + spelled
	value, err := v.find(ctx, src, variable)
	if err != nil {
		return secrets.Value{}, err
	}
	if !isName && spelled == name {
		return value, nil
	}
	if err := v.claims.claim(src.String(), variable, name); err != nil {
		return secrets.Value{}, err
	}
	return value, nil
}

func (v *variables) find(ctx context.Context, src source, variable string) (secrets.Value, error) {
	if value, ok := src.lookup(variable); ok {
		return secrets.Value{Data: []byte(value)}, nil
	}
	if file, ok := src.lookup(variable + fileSuffix); ok && file != "" {
		data, changed, err := v.readFile(ctx, variable+fileSuffix, file)
		return secrets.Value{Data: data, Created: changed}, err
	}
	missing := src.String() + " has neither " + variable + " nor " + variable + fileSuffix
	if !v.tree {
		return secrets.Value{}, fault.New(secrets.ErrNotFound, missing, nil)
	}
	doc, err := v.children(ctx, src, variable+"_", strings.ToLower)
	if err != nil {
		return secrets.Value{}, err
	}
	if len(doc) == 0 {
		return secrets.Value{}, fault.New(secrets.ErrNotFound, missing+", nor any "+variable+"_…", nil)
	}
	return secrets.Value{Data: jsonObject(doc)}, nil
}

// children returns the variables that start with prefix as a document: keys
// without the prefix, as fold writes them. A variable whose _FILE names a file
// that exists is among them.
func (v *variables) children(ctx context.Context, src source, prefix string, fold func(string) string) (map[string]string, error) {
	doc, owner := make(map[string]string), make(map[string]string)
	files := make(map[string]string)
	for variable, value := range src.all {
		key := fold(strings.TrimPrefix(variable, prefix))
		if !strings.HasPrefix(variable, prefix) || key == "" {
			continue
		}
		if other, taken := owner[key]; taken {
			a, b := min(variable, other), max(variable, other)
			return nil, fault.New(secrets.ErrInvalid, src.String()+" has both "+a+" and "+b+", which are one key ("+strconv.Quote(key)+"); rename one", nil)
		}
		owner[key], doc[key] = variable, value
		if stem := strings.TrimSuffix(variable, fileSuffix); stem != variable && len(stem) > len(prefix) && value != "" {
			files[fold(stem[len(prefix):])] = value
		}
	}
	maps.DeleteFunc(files, func(key, _ string) bool { _, set := doc[key]; return set })
	if len(files) > 0 {
		contents, err := v.readFiles(ctx, files)
		if err != nil {
			return nil, err
		}
		maps.Copy(doc, contents)
	}
	return doc, nil
}

// readFiles reads the files of one document, by key. Those of one directory
// are swapped together, and so they are read together. A file that does not
// exist is left out.
func (v *variables) readFiles(ctx context.Context, files map[string]string) (map[string]string, error) {
	dirs := make(map[string][]string) // directory → keys
	for key, file := range files {
		dir := placeOf(file).dir
		dirs[dir] = append(dirs[dir], key)
	}
	contents := make(map[string]string, len(files))
	for dir, keys := range dirs {
		p := placeOf(dir)
		for _, key := range keys {
			p.only = append(p.only, placeOf(files[key]).name)
		}
		c, err := v.files.read(ctx, p)
		if err == nil {
			for i, key := range keys {
				if data, ok := c.files[p.only[i]]; ok {
					contents[key] = data
				}
			}
			continue
		}
		if isNotFound(err) {
			continue
		}
		if !isEscape(err) {
			return nil, &named{variable: "a " + fileSuffix + " variable", err: err}
		}
		// A link that leads elsewhere: these files are not swapped together.
		for _, key := range keys {
			data, _, err := v.readFile(ctx, "a "+fileSuffix+" variable", files[key])
			if err == nil {
				contents[key] = string(data)
			} else if !isNotFound(err) {
				return nil, err
			}
		}
	}
	return contents, nil
}

// readFile reads the file that a variable names, as file:// would.
func (v *variables) readFile(ctx context.Context, variable, file string) ([]byte, time.Time, error) {
	c, err := v.files.read(ctx, placeOf(file))
	if err == nil && c.dir {
		err = fault.New(secrets.ErrInvalid, strconv.Quote(c.path)+" is a directory, not a file", nil)
	}
	if err != nil {
		return nil, time.Time{}, &named{variable: variable, err: err}
	}
	return c.data, c.modTime, nil
}

// list yields the names below prefix that variables stand for. A variable does
// not tell where the slashes of a name were: they are those of the prefix.
func (v *variables) list(src source, prefix string, yield func(string, error) bool) {
	start, ok := variableOf(prefix)
	if !ok && prefix != "" {
		return
	}
	found := make(map[string]bool)
	for variable := range src.all {
		rest, ok := strings.CutPrefix(variable, v.prefix+start)
		if !ok || strings.ContainsFunc(rest, notInVariable) {
			continue
		}
		found[strings.ToLower(rest)] = true
		if stem, ok := strings.CutSuffix(rest, fileSuffix); ok {
			found[strings.ToLower(stem)] = true
		}
	}
	for _, rest := range slices.Sorted(maps.Keys(found)) {
		if prefix+rest != "" && !yield(prefix+rest, nil) {
			return
		}
	}
}

// notInVariable reports what variableOf never puts out.
func notInVariable(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z')
}

// targets returns the files that the document of a name may come from, next to
// the source itself.
func (v *variables) targets(src source, name string) []place {
	variable, ok := variableOf(name)
	if !ok {
		return nil
	}
	variable = v.prefix + variable
	if _, set := src.lookup(variable); set {
		return nil
	}
	var places []place
	if file, ok := src.lookup(variable + fileSuffix); ok && file != "" {
		return append(places, placeOf(file))
	}
	if v.tree {
		for key, file := range src.all {
			if strings.HasPrefix(key, variable+"_") && strings.HasSuffix(key, fileSuffix) && file != "" {
				places = append(places, placeOf(file))
			}
		}
	}
	return places
}

// claims remembers which name each variable was found by. Two names on one
// variable would be two secrets on any other backend, so the later is refused.
// Only variables that exist are claimed, so names that are mere input do not
// fill the map.
type claims struct {
	mu    sync.Mutex
	names map[[2]string]string // by source and variable
}

func (c *claims) claim(source, variable, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]string{source, variable}
	first, taken := c.names[key]
	if !taken {
		if c.names == nil {
			c.names = make(map[[2]string]string)
		}
		c.names[key] = name
		return nil
	}
	if first == name {
		return nil
	}
	return fault.New(secrets.ErrInvalid, "the names "+strconv.Quote(first)+" and "+strconv.Quote(name)+" both stand for the variable "+variable+"; use one of them only", nil)
}

// named puts a variable's name before the error about its file.
type named struct {
	variable string
	err      error
}

func (n *named) Error() string { return n.err.Error() + " (named by " + n.variable + ")" }
func (n *named) Unwrap() error { return n.err }
