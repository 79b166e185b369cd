package secrets

import "strings"

// parseForeign reads the forms in which other tools write references; foreign
// is false if s is in none of them. Its errors quote nothing of s but schemes
// and option names.
func parseForeign(s string) (ref Ref, foreign bool, err error) {
	if scheme, rest, ok := strings.Cut(s, "://"); ok && validScheme(strings.ToLower(scheme)) {
		s = strings.ToLower(scheme) + "://" + rest
	}
	switch {
	case strings.HasPrefix(s, "arn:"):
		ref, err = parseARN("", s)
	case strings.HasPrefix(s, "awssm://arn:"):
		ref, err = parseARN("awssm", strings.TrimPrefix(s, "awssm://"))
	case strings.HasPrefix(s, "ssm://arn:"):
		ref, err = parseARN("ssm", strings.TrimPrefix(s, "ssm://"))
	case strings.HasPrefix(s, gcpPrefix):
		ref, err = parseSecretsInit(strings.TrimPrefix(s, gcpPrefix))
	case strings.HasPrefix(s, "sm://"):
		ref, err = parseBerglas(strings.TrimPrefix(s, "sm://"))
	case strings.HasPrefix(s, "ref+"):
		ref, err = parseVals(strings.TrimPrefix(s, "ref+"))
	case strings.HasPrefix(s, "secretref+"):
		ref, err = parseVals(strings.TrimPrefix(s, "secretref+"))
	case strings.HasPrefix(s, ">>vault:"):
		err = invalid(">>vault: writes to Vault to have a secret made, and references only read")
	case strings.HasPrefix(s, "vault:") && !strings.HasPrefix(s, "vault://"):
		ref, err = parseBankVaults(strings.TrimPrefix(s, "vault:"))
	default:
		return Ref{}, false, nil
	}
	if err != nil {
		return Ref{}, true, err
	}
	return ref, true, nil
}

const gcpPrefix = "gcp:secretmanager:"

// looksLikeReference reports whether s, which may be any text, has the form
// of a reference: of a foreign one, or of this package's own under a scheme
// that is known. It may be malformed all the same.
func looksLikeReference(s string) bool {
	if scheme, _, ok := strings.Cut(s, "://"); ok && knownScheme(strings.ToLower(scheme)) {
		return true
	}
	switch {
	case strings.HasPrefix(s, "arn:"):
		// Environments are full of ARNs, of roles and queues.
		parts := strings.SplitN(s, ":", 6)
		return len(parts) == 6 && (parts[2] == "secretsmanager" && strings.HasPrefix(parts[5], "secret:") ||
			parts[2] == "ssm" && strings.HasPrefix(parts[5], "parameter/"))
	case strings.HasPrefix(s, "ref+"), strings.HasPrefix(s, "secretref+"):
		return strings.Contains(s, "://")
	case strings.HasPrefix(s, "vault:"):
		return strings.Contains(s, "#") // and not vault:8200, a host and a port
	}
	return strings.HasPrefix(s, gcpPrefix) || strings.HasPrefix(s, "sm://") || strings.HasPrefix(s, ">>vault:")
}

// knownScheme reports whether a backend is linked for scheme, or is one of
// this module's.
func knownScheme(scheme string) bool {
	if ownPackage(scheme) != "" {
		return true
	}
	registry.RLock()
	defer registry.RUnlock()
	_, linked := registry.backends[scheme]
	return linked
}

// parseARN reads the ARN of a Secrets Manager secret, which may have the
// suffix :json-key:stage:version-id of ECS task definitions, or of an SSM
// parameter, which may have a selector; either may be followed by ?options
// and #field. A scheme that is not empty says which it must be.
//
//   - https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
//   - https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-versions.html
func parseARN(scheme, s string) (Ref, error) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) < 6 {
		return Ref{}, invalid("an ARN reads arn:partition:service:region:account:resource; this one is too short")
	}
	partition, region, account := parts[1], parts[3], parts[4]
	of := map[string]string{"secretsmanager": "awssm", "ssm": "ssm"}[parts[2]]
	switch {
	case of == "":
		return Ref{}, invalid("an ARN names a secret only if its service is secretsmanager or ssm")
	case scheme != "" && scheme != of:
		return Ref{}, invalid("%s:// holds an ARN of the service that %s:// reads", scheme, of)
	case partition != "aws" && !strings.HasPrefix(partition, "aws-") || !only(partition, lower+digits+"-"):
		return Ref{}, invalid("the partition of the ARN is none (aws, aws-cn, aws-us-gov …)")
	case region == "" || !only(region, lower+digits+"-"):
		return Ref{}, invalid("the region of the ARN is none")
	case len(account) != 12 || !only(account, digits):
		return Ref{}, invalid("the account of the ARN does not have twelve digits")
	}
	ref, err := parseURI(of + "://" + s)
	if err != nil {
		return Ref{}, err
	}
	if of == "ssm" {
		err = ref.splitParameterARN()
	} else {
		err = ref.splitSecretARN()
	}
	if err == nil {
		err = ref.setOption("region", region)
	}
	return ref, err
}

// splitSecretARN takes the suffix off a path
// arn:partition:secretsmanager:region:account:secret:name[:json-key[:stage[:version-id]]].
func (r *Ref) splitSecretARN() error {
	const nameAt, keyAt, stageAt, versionAt = 6, 7, 8, 9
	parts := strings.Split(r.Path, ":")
	if len(parts) <= nameAt || parts[5] != "secret" || parts[nameAt] == "" {
		return invalid("the ARN of a secret ends in secret:name")
	}
	if len(parts) > versionAt+1 {
		return invalid("the ARN of a secret has more than :json-key:stage:version-id after the name")
	}
	r.Path = strings.Join(parts[:nameAt+1], ":")
	for i, part := range parts[nameAt+1:] {
		var err error
		switch {
		case part == "":
		case i+keyAt == stageAt:
			err = r.setOption("stage", part)
		case i+keyAt == versionAt:
			err = r.setOption("version", part)
		case r.Field != "":
			err = invalid("the ARN has a JSON key and there is a #field, too")
		default:
			r.Field = part
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// splitParameterARN takes the selector off a path
// arn:partition:ssm:region:account:parameter/name[:selector]: what follows a
// colon after the last slash, a version if it is a number, a label otherwise.
func (r *Ref) splitParameterARN() error {
	slash := strings.LastIndexByte(r.Path, '/')
	if slash < 0 {
		return invalid("the ARN of a parameter ends in parameter/name")
	}
	folder, last := r.Path[:slash], r.Path[slash+1:]
	last, selector, selected := strings.Cut(last, ":")
	parts := strings.SplitN(folder, ":", 6)
	switch {
	case len(parts) < 6 || parts[5] != "parameter" && !strings.HasPrefix(parts[5], "parameter/") || last == "":
		return invalid("the ARN of a parameter ends in parameter/name")
	case strings.Contains(parts[5], ":"), strings.Contains(selector, ":"), selected && selector == "":
		return invalid("the ARN of a parameter has one :version or :label, at its end, or none")
	}
	r.Path = folder + "/" + last
	switch {
	case !selected:
		return nil
	case only(selector, digits):
		return r.setOption("version", selector)
	}
	return r.setOption("label", selector)
}

// parseSecretsInit reads what secrets-init has after gcp:secretmanager:,
// projects/P/secrets/S[/versions/V], and its regional form with
// /locations/L after the project. ?options and #field may follow.
func parseSecretsInit(s string) (Ref, error) {
	ref, err := parseURI("gcp://" + s)
	if err != nil {
		return Ref{}, err
	}
	const form = gcpPrefix + "projects/P[/locations/L]/secrets/S[/versions/V]"
	parts := make(map[string]string)
	for rest, more := ref.Path, true; more; {
		var kind, id string
		kind, rest, _ = strings.Cut(rest, "/")
		id, rest, more = strings.Cut(rest, "/")
		if _, twice := parts[kind]; twice || id == "" || !only(id, upper+lower+digits+"_-.:") {
			return Ref{}, invalid("a reference to a Google secret reads %s", form)
		}
		parts[kind] = id
	}
	known := 0
	for _, kind := range []string{"projects", "locations", "secrets", "versions"} {
		if parts[kind] != "" {
			known++
		}
	}
	inOrder := "projects/" + parts["projects"]
	if parts["locations"] != "" {
		inOrder += "/locations/" + parts["locations"]
	}
	inOrder += "/secrets/" + parts["secrets"]
	if parts["versions"] != "" {
		inOrder += "/versions/" + parts["versions"]
	}
	if known != len(parts) || inOrder != ref.Path || parts["projects"] == "" || parts["secrets"] == "" {
		return Ref{}, invalid("a reference to a Google secret reads %s", form)
	}
	ref.Path = parts["projects"] + "/" + parts["secrets"]
	for option, kind := range map[string]string{"version": "versions", "location": "locations"} {
		if parts[kind] == "" {
			continue
		}
		if err := ref.setOption(option, parts[kind]); err != nil {
			return Ref{}, err
		}
	}
	return ref, nil
}

// parseBerglas reads what berglas has after sm://, project/secret[#version].
func parseBerglas(s string) (Ref, error) {
	ref, err := parseURI("gcp://" + s)
	if err != nil {
		return Ref{}, err
	}
	project, secret, ok := strings.Cut(ref.Path, "/")
	if !ok || project == "" || secret == "" || strings.Contains(secret, "/") {
		return Ref{}, invalid("a berglas reference reads sm://project/secret[#version]")
	}
	if _, has := ref.Options["destination"]; has {
		return Ref{}, invalid("sm:// with a destination writes a file, and references only read")
	}
	if ref.Field != "" {
		version := ref.Field
		ref.Field = ""
		err = ref.setOption("version", version)
	}
	return ref, err
}

// parseBankVaults reads what bank-vaults has after vault:, path#key[#version].
// Nothing in it is escaped.
func parseBankVaults(s string) (Ref, error) {
	if strings.Contains(s, "${") {
		return Ref{}, invalid("vault: with a template ${…} is not supported: name one key, as vault:path#key")
	}
	path, rest, _ := strings.Cut(s, "#")
	key, version, versioned := strings.Cut(rest, "#")
	path = strings.TrimPrefix(path, "/")
	switch {
	case path == "" || key == "":
		return Ref{}, invalid("this form of a reference to Vault reads vault:path#key[#version]; for a path alone write vault://path")
	case strings.IndexByte(s, 0) >= 0:
		return Ref{}, invalid("vault: holds a NUL byte")
	case strings.Contains(path, "://") || credentialInPath(path):
		return Ref{}, invalid("vault: takes a path, and neither a URL nor user:password@")
	case versioned && (version == "" || !only(version, digits)):
		return Ref{}, invalid("vault: the version after the second # is no number")
	}
	ref := Ref{Scheme: "vault", Path: path, Field: key}
	if versioned {
		ref.Options = map[string]string{"version": version}
	}
	return ref, nil
}

// setOption sets an option, which must not have another value yet.
func (r *Ref) setOption(name, value string) error {
	if old, ok := r.Options[name]; ok && old != value {
		return invalid("%s:// says its %s twice, and differently", r.Scheme, name)
	}
	if r.Options == nil {
		r.Options = make(map[string]string)
	}
	r.Options[name] = value
	return nil
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// only reports whether s has no byte but those of set.
func only(s, set string) bool {
	for i := range len(s) {
		if strings.IndexByte(set, s[i]) < 0 {
			return false
		}
	}
	return true
}
