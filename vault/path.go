package vault

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// documentPath is the path of a document as Vault spells it, mount included.
// vault/api cleans paths, so that secret/data/x/../../../sys/mounts would read
// sys/mounts: such segments are refused before any request.
func documentPath(ref secrets.Ref) (string, error) {
	path := strings.Trim(ref.Join(), "/")
	if err := checkSegments(path); err != nil {
		return "", invalid("the path %v", err)
	}
	return path, nil
}

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
var documentOptionNames = []string{"version", "mount", "kv", "engine", "common_name", "alt_names", "ip_sans", "uri_sans", "cert_ttl"}

// wanted is what the document options of a reference ask for.
type wanted struct {
	version string
	mount   string
	kv      int    // 0: unset
	engine  string // with mount: what is mounted there
	cert    map[string]string
}

// read reads the options of a reference.
func (w *wanted) read(options map[string]string) error {
	for name, value := range options {
		switch name {
		case "version":
			if n, err := strconv.ParseUint(value, 10, 31); err != nil || n == 0 {
				return invalid("option version is a number from 1 on")
			}
			w.version = value
		case "mount":
			w.mount = strings.Trim(value, "/")
			if err := checkSegments(w.mount); err != nil {
				return invalid("option mount %v", err)
			}
		case "kv":
			if value != "1" && value != "2" {
				return invalid("option kv is 1 or 2")
			}
			w.kv = int(value[0] - '0')
		case "engine":
			w.engine = value
		case "common_name", "alt_names", "ip_sans", "uri_sans":
			w.set(name, value)
		case "cert_ttl":
			w.set("ttl", value)
		default:
			return invalid("unknown option %s", name)
		}
	}
	switch {
	case w.kv != 0 && w.engine != "" && w.engine != engineKV:
		return invalid("options kv and engine contradict each other")
	case w.kv != 0:
		w.engine = engineKV
	case w.engine == engineKV:
		return invalid("say kv=1 or kv=2 rather than engine=kv")
	}
	if (w.mount == "") != (w.engine == "") {
		return invalid("option mount goes together with kv=1, kv=2 or engine=: they save asking the server")
	}
	return nil
}

func (w *wanted) set(name, value string) {
	if w.cert == nil {
		w.cert = make(map[string]string)
	}
	w.cert[name] = value
}
