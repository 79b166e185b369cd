package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/yamltext"
)

// A document is a file that is being read. It collects mistakes, so that all
// of them are told at once.
type document struct {
	lookup   func(string) (string, bool)
	mistakes []mistake
}

type mistake struct {
	line int
	text string
}

// parse reads YAML into a Config. Its error is a fault of class ErrInvalid.
func parse(data []byte, lookup func(string) (string, bool)) (secrets.Config, error) {
	d := &document{lookup: lookup}
	var cfg secrets.Config
	if root := d.root(data); root != nil {
		d.config(root, &cfg)
	}
	if len(d.mistakes) > 0 {
		return secrets.Config{}, d.err()
	}
	return cfg, nil
}

// root returns the one YAML document of the file, which must be a mapping; nil
// if it is not.
func (d *document) root(data []byte) *yaml.Node {
	root, problem := yamltext.Root(data)
	if problem != nil {
		d.mistake(problem.Line, "%s", problem.Text)
		return nil
	}
	return root
}

func (d *document) mistake(line int, format string, args ...any) {
	d.mistakes = append(d.mistakes, mistake{line, fmt.Sprintf(format, args...)})
}

// err returns all mistakes in the order of their lines.
func (d *document) err() error {
	slices.SortStableFunc(d.mistakes, func(a, b mistake) int { return a.line - b.line })
	lines := make([]string, len(d.mistakes))
	for i, m := range d.mistakes {
		lines[i] = fmt.Sprintf("line %d: %s", m.line, m.text)
	}
	return fault.New(secrets.ErrInvalid, strings.Join(lines, "\n"), nil)
}

func (d *document) config(n *yaml.Node, cfg *secrets.Config) {
	d.mapping(n, "the file", map[string]func(*yaml.Node){
		"providers":  func(n *yaml.Node) { cfg.Providers = d.providers(n) },
		"references": func(n *yaml.Node) { cfg.References = d.references(n) },
		"cache":      func(n *yaml.Node) { d.cache(n, &cfg.Cache) },
		"refresh": func(n *yaml.Node) {
			cfg.Refresh, _ = d.text(n, "refresh")
			if cfg.Refresh != "" && cfg.Refresh != "background" && cfg.Refresh != "on_demand" {
				d.mistake(n.Line, "refresh is background or on_demand")
			}
		},
	})
	if len(d.mistakes) == 0 && len(cfg.Providers) == 0 && len(cfg.References) == 0 {
		d.mistake(n.Line, "there are neither providers nor references; want for instance providers: [\"env://\", \"file:///run/secrets\"]")
	}
}

func (d *document) cache(n *yaml.Node, c *secrets.CacheConfig) {
	duration := func(key string, into *secrets.Duration) func(*yaml.Node) {
		return func(n *yaml.Node) {
			v, ok := d.duration(n, key)
			if ok && v == 0 {
				d.mistake(n.Line, "%s must be more than 0; leave it out for the default", key)
			}
			*into = v
		}
	}
	d.mapping(n, "cache", map[string]func(*yaml.Node){
		"ttl": func(n *yaml.Node) {
			if v, ok := d.duration(n, "ttl"); ok {
				c.TTL = &v
			}
		},
		"max_stale":    duration("max_stale", &c.MaxStale),
		"timeout":      duration("timeout", &c.Timeout),
		"idle":         duration("idle", &c.Idle),
		"negative_ttl": duration("negative_ttl", &c.NegativeTTL),
		"max_entries": func(n *yaml.Node) {
			text, ok := d.text(n, "max_entries")
			if !ok {
				return
			}
			var err error
			if c.MaxEntries, err = strconv.Atoi(text); err != nil || c.MaxEntries < 1 {
				d.mistake(n.Line, "max_entries is a whole number of at least 1")
			}
		},
	})
}

func (d *document) providers(n *yaml.Node) []string {
	n = yamltext.Target(n)
	if yamltext.IsNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		d.mistake(n.Line, "providers is a list of URIs, like [\"env://\", \"file:///run/secrets\"], and this is %s", yamltext.Kind(n))
		return nil
	}
	uris := make([]string, 0, len(n.Content))
	for i, item := range n.Content {
		if uri, ok := d.uri(item, fmt.Sprintf("provider %d", i+1)); ok {
			uris = append(uris, uri)
		}
	}
	return uris
}

func (d *document) references(n *yaml.Node) map[string]string {
	n = yamltext.Target(n)
	references := make(map[string]string)
	d.pairs(n, "references", func(key, value *yaml.Node) {
		name := strings.TrimSuffix(key.Value, "/")
		// No quotation: what stands here may be a URI, keys and values swapped.
		if _, err := secrets.Name(strings.Split(name, "/")...); err != nil || strings.Contains(name, "://") {
			d.mistake(key.Line, "a key of references is a name, like stripe/key, or ends in a slash for all names below it, like legacy/")
			return
		}
		if uri, ok := d.uri(value, "the reference of "+strconv.Quote(key.Value)); ok {
			references[key.Value] = uri
		}
	})
	if len(references) == 0 {
		return nil
	}
	return references
}

// uri returns a value that must be a reference or a provider's URI. What a
// variable holds is never structure of it, unless the variable is all of it.
func (d *document) uri(n *yaml.Node, what string) (string, bool) {
	raw, ok := d.scalar(n, what)
	if !ok {
		return "", false
	}
	text, ok := d.expand(n.Line, what, raw, asData(raw, d.lookup))
	if !ok {
		return "", false
	}
	for i, word := range strings.Fields(text) {
		if i > 0 && strings.Contains(word, "://") {
			d.mistake(n.Line, "%s holds several URIs; want one", what)
			return "", false
		}
	}
	if _, err := secrets.ParseRef(text); err != nil {
		d.mistake(n.Line, "%s: %s", what, reason(err))
		return "", false
	}
	if wrong := restructured(raw, text, d.lookup); wrong != "" {
		d.mistake(n.Line, "%s: %s", what, wrong)
		return "", false
	}
	return text, true
}

// reason returns what ParseRef has to say, without the operation and the
// class. It quotes nothing but schemes and names of options.
func reason(err error) string {
	var e *secrets.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	return strings.TrimPrefix(err.Error(), secrets.ErrInvalid.Error()+": ")
}

func (d *document) duration(n *yaml.Node, key string) (secrets.Duration, bool) {
	text, ok := d.text(n, key)
	if !ok {
		return 0, false
	}
	v, err := time.ParseDuration(text)
	switch {
	case err != nil:
		d.mistake(n.Line, "%s is a duration with a unit, like 30s, 5m or 24h", key)
		return 0, false
	case v < 0:
		d.mistake(n.Line, "%s is negative", key)
		return 0, false
	}
	return secrets.Duration(v), true
}

// text returns a scalar with its variables expanded.
func (d *document) text(n *yaml.Node, what string) (string, bool) {
	raw, ok := d.scalar(n, what)
	if !ok {
		return "", false
	}
	return d.expand(n.Line, what, raw, d.lookup)
}

// expand replaces the variables of a value that stands on a line.
func (d *document) expand(line int, what, raw string, lookup func(string) (string, bool)) (string, bool) {
	text, err := expand(raw, lookup)
	if err != nil {
		d.mistake(line, "%s: %v", what, err)
		return "", false
	}
	return text, true
}

// scalar returns a scalar as it is written.
func (d *document) scalar(n *yaml.Node, what string) (string, bool) {
	line := n.Line
	switch n = yamltext.Target(n); {
	case n.Kind != yaml.ScalarNode:
		d.mistake(line, "%s is one value, and this is %s", what, yamltext.Kind(n))
		return "", false
	case yamltext.IsNull(n):
		d.mistake(line, "%s has no value", what)
		return "", false
	}
	return n.Value, true
}

// mapping calls the function of each key that a mapping has. Keys without one
// are mistakes.
func (d *document) mapping(n *yaml.Node, what string, keys map[string]func(*yaml.Node)) {
	d.pairs(n, what, func(key, value *yaml.Node) {
		read, ok := keys[key.Value]
		if !ok {
			known := make([]string, 0, len(keys))
			for k := range keys {
				known = append(known, k)
			}
			slices.Sort(known)
			d.mistake(key.Line, "unknown key%s (%s knows %s)", quoted(key.Value), what, strings.Join(known, ", "))
			return
		}
		read(value)
	})
}

// pairs calls f with each key and value of a mapping. A null is an empty one:
// what is left when everything in it is commented out.
func (d *document) pairs(n *yaml.Node, what string, f func(key, value *yaml.Node)) {
	n = yamltext.Target(n)
	if yamltext.IsNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.mistake(n.Line, "%s is a mapping of keys to values, and this is %s", what, yamltext.Kind(n))
		return
	}
	lines := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := yamltext.Target(n.Content[i]), n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			d.mistake(n.Content[i].Line, "a key of %s is %s, and must be text", what, yamltext.Kind(key))
			continue
		}
		switch {
		case yamltext.IsMerge(key):
			d.mistake(key.Line, "%s", yamltext.MergeKey)
			continue
		case strings.Contains(key.Value, "${"):
			d.mistake(key.Line, "a key of %s holds ${…}, which is replaced in values only", what)
			continue
		}
		if first, twice := lines[key.Value]; twice {
			d.mistake(key.Line, "the key%s is given twice, first on line %d", quoted(key.Value), first)
			continue
		}
		lines[key.Value] = key.Line
		f(key, value)
	}
}

// quoted returns a key for a message, if it looks like one: a URI or a token
// that got there by mistake is left out.
func quoted(key string) string {
	if len(key) > 40 || !keyLike.MatchString(key) {
		return ""
	}
	return " " + strconv.Quote(key)
}

var keyLike = regexp.MustCompile(`^[a-zA-Z][a-z_/-]*$`)
