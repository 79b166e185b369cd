package vault

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/option"
)

// check refuses a URI with which no provider can be opened, or no document
// read. It looks at the URI and at the environment, and reads no file.
func check(ref secrets.Ref) error {
	s, document := make(setup), make(map[string]string)
	for name, value := range ref.Options {
		if slices.Contains(documentOptionNames, name) {
			document[name] = value
		} else {
			s[name] = value
		}
	}
	if err := s.check(); err != nil {
		return err
	}
	address, which := s.address()
	if err := checkAddress(which, address, s["allow_http"] == "true"); err != nil {
		return err
	}
	if err := s.login(new(options)); err != nil {
		return err
	}
	return checkDocument(ref, document)
}

// check refuses what no option may be, and options that contradict each other.
func (s setup) check() error {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if err := checkOption(name, s[name]); err != nil {
			return err
		}
	}
	for _, pair := range [][2]string{{"agent", "address"}, {"role_id", "role_id_file"}} {
		if s[pair[0]] != "" && s[pair[1]] != "" {
			return invalid("options %s and %s exclude each other: one of them says it", pair[0], pair[1])
		}
	}
	if _, err := s.timeout(); err != nil {
		return err
	}
	if namespace, which := s.option("namespace", "NAMESPACE"); namespace != "" {
		if err := checkHeader(which, namespace); err != nil {
			return err
		}
	}
	cert, _ := s.option("client_cert", "CLIENT_CERT")
	key, _ := s.option("client_key", "CLIENT_KEY")
	if (cert == "") != (key == "") {
		return invalid("client_cert and client_key go together, here or in VAULT_CLIENT_CERT and VAULT_CLIENT_KEY")
	}
	return nil
}

// checkOption looks at the value of one option of a provider.
func checkOption(name, value string) error {
	wrong := ""
	switch {
	case !slices.Contains(providerOptions, name):
		wrong = "unknown option " + name
	case value == "":
		wrong = "option " + name + " is empty"
	}
	if wrong != "" {
		return invalid("%s", wrong)
	}
	switch name {
	case "allow_http", "renew", "secret_id_wrapped", "skip_verify":
		wrong = option.Bool(name, value)
	case "ca_cert", "ca_path", "client_cert", "client_key", "jwt_file", "password_file", "role_id_file", "secret_id_file", "token_file":
		wrong = option.File(name, value)
	case "tls_server_name":
		if _, err := netip.ParseAddr(value); err != nil && !hostname.MatchString(value) {
			wrong = option.Not(name, "the name of a host, as it is in the server's certificate", value)
		}
	case "auth_mount":
		if err := checkSegments(strings.Trim(value, "/")); err != nil {
			wrong = "option auth_mount " + err.Error()
		}
	case "username":
		if err := checkSegments(value); err != nil {
			wrong = "option username " + err.Error()
		} else if strings.Contains(value, "/") {
			wrong = "option username has a slash in it"
		}
	}
	if wrong != "" {
		return invalid("%s", wrong)
	}
	return nil
}

// hostname is what the name of a host is made of.
var hostname = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,252})$`)

// checkDocument refuses a path, and options of a document, that no document
// has.
func checkDocument(ref secrets.Ref, options map[string]string) error {
	var want wanted
	if err := want.read(options); err != nil {
		return err
	}
	path := strings.Trim(ref.Join(), "/")
	if base := ref.Path == ""; base && path == "" && ref.Base != "" || !base || path != "" {
		var err error
		if path, err = documentPath(ref); err != nil {
			return err
		}
	}
	return want.checkMount(path, ref.Path != "")
}

// checkMount refuses what the options say of the mount if no document below
// path (or at path, if it is that of a document) can fit it.
func (w *wanted) checkMount(path string, document bool) error {
	if w.mount == "" {
		return nil
	}
	rest, under := strings.CutPrefix(path+"/", w.mount+"/")
	rest = strings.TrimSuffix(rest, "/")
	if !under && (document || path != "" && !strings.HasPrefix(w.mount, path+"/")) {
		return errNotUnder(path, w.mount)
	}
	switch {
	case w.version != "" && w.engine != engineKV:
		return invalid("a mount of the engine %s keeps no versions: drop ?version=", w.engine)
	case w.version != "" && w.kv == 1:
		return invalid("KV version 1 keeps no versions: drop ?version=")
	case len(w.parameters) == 0:
		return nil
	case w.engine == engineKV:
		return errForEngines(w.parameters)
	case document:
		_, err := operationOf(w.engine, rest).body(w.engine, w.parameters)
		return err
	}
	for name := range w.parameters {
		if !slices.ContainsFunc(operations, func(op operation) bool { return op.engine == w.engine && slices.Contains(op.parameters, name) }) {
			return invalid("option %s means nothing here: %s", name, where(w.engine, name))
		}
	}
	return nil
}
