package vault

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/option"
)

// documentPath is the path of a document as Vault spells it, mount included.
// vault/api cleans paths, so that secret/data/x/../../../sys/mounts would read
// sys/mounts: such segments are refused before any request.
func documentPath(ref secrets.Ref) (string, error) {
	path := strings.Trim(ref.Join(), "/")
	if err := checkSegments(path); err != nil {
		return "", invalid("the path %v", err)
	}
	first, _, _ := strings.Cut(path, "/")
	switch {
	case looksLikeToken(first):
		return "", invalid("the path begins with what looks like a token and an @: a token belongs into VAULT_TOKEN or a file")
	case ref.IsName() && strings.Trim(ref.Base, "/") == "" && slices.Contains(ofTheServer, first):
		return "", invalid("a name cannot lead to %s/, which is the server's own: give the base a path, as vault://secret/prod, or write a reference", first)
	}
	return path, nil
}

// ofTheServer are the mounts in which Vault keeps what is about itself. Where
// the base has no path, a name, which may come from input, would choose them.
var ofTheServer = []string{"auth", "cubbyhole", "identity", "sys"}

// looksLikeToken reports whether a segment is a token as the user of a URL.
func looksLikeToken(segment string) bool {
	before, _, at := strings.Cut(segment, "@")
	return at && tokenPrefix.MatchString(before)
}

var tokenPrefix = regexp.MustCompile(`^(hv[a-z]|s|b|r)\.[A-Za-z0-9]`)

// checkSegments says what is wrong with a path.
func checkSegments(path string) error {
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "":
			return errors.New("is empty, or has an empty segment")
		case ".", "..":
			return errors.New("has a segment " + segment)
		}
	}
	for i := range len(path) {
		if path[i] < ' ' || path[i] == 0x7f {
			return errors.New("has a control character in it")
		}
	}
	return nil
}

func splitPath(path string) []string { return strings.Split(path, "/") }

func unspellable(format string, args ...any) error {
	return &fault.Error{Class: secrets.ErrInvalid, Msg: fmt.Sprintf(format, args...), CannotSpell: true}
}

// documentOptionNames are the options that belong to one document.
var documentOptionNames = append([]string{"version", "mount", "kv", "engine"}, slices.Sorted(maps.Keys(parameterNames))...)

// parameterNames are the options that are sent to an engine when it makes
// something, by their names in a URI, with what Vault calls them.
var parameterNames = map[string]string{
	"common_name": "common_name", "alt_names": "alt_names", "ip_sans": "ip_sans", "uri_sans": "uri_sans", "cert_ttl": "ttl", "csr": "csr",
	"public_key": "public_key", "valid_principals": "valid_principals", "cert_type": "cert_type", "key_type": "key_type", "key_bits": "key_bits",
	"ip": "ip", "login": "username",
	"kubernetes_namespace": "kubernetes_namespace", "cluster_role_binding": "cluster_role_binding", "audiences": "audiences", "token_ttl": "ttl",
}

// wanted is what the document options of a reference ask for.
type wanted struct {
	version    string
	mount      string
	kv         int               // 0: unset
	engine     string            // with mount: what is mounted there
	parameters map[string]string // by their names in the URI
}

// read reads the options of a reference.
func (w *wanted) read(options map[string]string) error {
	for name, value := range options {
		switch name {
		case "version":
			if n, err := strconv.ParseUint(value, 10, 31); err != nil || n == 0 {
				return invalid("%s", option.Not(name, "a number from 1 on", value))
			}
			w.version = value
		case "mount":
			w.mount = strings.Trim(value, "/")
			if err := checkSegments(w.mount); err != nil {
				return invalid("option mount %v", err)
			}
		case "kv":
			if wrong := option.OneOf(name, value, "1", "2"); wrong != "" {
				return invalid("%s", wrong)
			}
			w.kv = int(value[0] - '0')
		case "engine":
			if !engineName.MatchString(value) {
				return invalid("%s", option.Not(name, "the type of a secrets engine, as vault secrets list tells it", value))
			}
			w.engine = value
		default:
			if _, ok := parameterNames[name]; !ok {
				return invalid("unknown option %s", name)
			}
			if err := checkParameter(name, value); err != nil {
				return err
			}
			if w.parameters == nil {
				w.parameters = make(map[string]string)
			}
			w.parameters[name] = value
		}
	}
	switch {
	case w.kv != 0 && w.engine != "" && w.engine != engineKV:
		return invalid("options kv and engine contradict each other")
	case w.kv != 0:
		w.engine = engineKV
	case slices.Contains([]string{engineKV, "kv-v1", "kv-v2", "kv1", "kv2", "generic"}, w.engine):
		return invalid("say kv=1 or kv=2 rather than engine=%s", w.engine)
	}
	if (w.mount == "") != (w.engine == "") {
		return invalid("option mount goes together with kv=1, kv=2 or engine=: they save asking the server")
	}
	return nil
}

// engineName is what the type of an engine, or the name of a plugin, is made of.
var engineName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func errForEngines(parameters map[string]string) error {
	first := slices.Min(slices.Collect(maps.Keys(parameters)))
	return invalid("the options of what an engine makes (%s …) mean nothing on a KV mount", first)
}
