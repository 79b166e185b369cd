package secrets

import "strings"

// The forms in which other tools write references, by what they start with.
// What is particular to a backend is the backend's to read:
// [Backend.Translate] is given one of these, or vals' own scheme.
const (
	formARN         = "arn:"               // Amazon's; its service says which backend
	formSecretsInit = "gcp:secretmanager:" // secrets-init, for Google
	formBerglas     = "sm://"              // berglas, for Google
	formBankVaults  = "vault:"             // bank-vaults
	formVals        = "ref+"               // vals and helmfile
	formSecretRef   = "secretref+"         // vals, for what it calls secrets
	formVaultWrite  = ">>vault:"           // bank-vaults, to have a secret made
)

// parseForm reads a reference in any form as far as the grammar of URIs goes,
// and tells the form; it is empty for this package's own. Its errors quote
// nothing of s but schemes and option names.
func (r *Ref) parseForm(s string) (form string, err error) {
	scheme, rest, uri := strings.Cut(s, "://")
	switch {
	case uri && strings.EqualFold(scheme, "sm"):
		form, scheme = formBerglas, "gcp"
	case strings.HasPrefix(s, formARN):
		form, scheme, rest = formARN, schemeOfARN(s), s
		if scheme == "" {
			return "", invalid("an ARN names a secret only if its service is secretsmanager or ssm")
		}
	case strings.HasPrefix(s, formSecretsInit):
		form, scheme, rest = formSecretsInit, "gcp", s[len(formSecretsInit):]
	case foldPrefix(s, formVals):
		return r.parseVals(s[len(formVals):])
	case foldPrefix(s, formSecretRef):
		return r.parseVals(s[len(formSecretRef):])
	case strings.HasPrefix(s, formVaultWrite):
		return "", invalid(">>vault: writes to Vault to have a secret made, and references only read")
	case strings.HasPrefix(s, formBankVaults) && !strings.HasPrefix(s, "vault://"):
		rest = s[len(formBankVaults):] // nothing in it is escaped
		if !uri && (credentialInRest("vault", rest, "") != "" || tokenInPath(rest)) {
			return "", invalid("vault:path#key holds what looks like user:password@ or a token; credentials belong into the environment or a file")
		}
		r.Scheme, r.Path = "vault", rest
		return formBankVaults, nil
	case !uri:
		hint := ""
		if strings.HasPrefix(s, "/") || strings.HasPrefix(s, ".") {
			hint = " (a directory is file:///run/secrets)"
		}
		return "", invalid("a reference reads scheme://path[?option=value][#field]; this one has no ://%s", hint)
	}
	return form, r.parseURI(scheme, rest)
}

// foldPrefix reports whether s starts with a prefix in lower case, however s
// writes it: a scheme may be written in capitals.
func foldPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// translate has the backend of a reference read what is its own in a form.
func (r *Ref) translate(form string) error {
	b, err := lookupBackend(r.Scheme)
	switch {
	case err != nil && form == "":
		return nil // that no backend is linked is seen when it is opened
	case err != nil:
		return err
	case b.Translate != nil:
		err = b.Translate(form, r)
	}
	if len(r.Options) == 0 {
		r.Options = nil
	}
	return err
}

// schemeOfARN returns the scheme of the backend that reads what an ARN names:
// arn:partition:service:…; empty: none does.
func schemeOfARN(s string) string {
	parts := strings.SplitN(s, ":", 4)
	switch {
	case len(parts) < 4:
	case parts[2] == "secretsmanager":
		return "awssm"
	case parts[2] == "ssm":
		return "ssm"
	}
	return ""
}

// looksLikeReference reports whether s, which may be any text, has the form
// of a reference: of a foreign one, or of this package's own under a scheme
// that is known. It may be malformed all the same.
func looksLikeReference(s string) bool {
	s = s[:min(len(s), maxReference)] // what says so stands at its beginning
	if scheme, _, ok := strings.Cut(s, "://"); ok && knownScheme(strings.ToLower(scheme)) {
		return true
	}
	switch {
	case strings.HasPrefix(s, formARN):
		// Environments are full of ARNs, of roles and queues.
		parts := strings.SplitN(s, ":", 6)
		return len(parts) == 6 && (parts[2] == "secretsmanager" && strings.HasPrefix(parts[5], "secret:") ||
			parts[2] == "ssm" && strings.HasPrefix(parts[5], "parameter/"))
	case foldPrefix(s, formVals), foldPrefix(s, formSecretRef):
		return strings.Contains(s, "://")
	case strings.HasPrefix(s, formBankVaults):
		return strings.Contains(s, "#") // and not vault:8200, a host and a port
	}
	return strings.HasPrefix(s, formSecretsInit) || strings.HasPrefix(s, formBerglas) || strings.HasPrefix(s, formVaultWrite)
}

// parseVals reads what vals and helmfile have after ref+ or secretref+:
// scheme://path[?options][#/field][?options][+]. The scheme is one of vals'
// or one of this module's. In a template, vals ends a reference at a plus; so
// the only one here may be the last byte.
//
// https://github.com/helmfile/vals#expression-syntax
func (r *Ref) parseVals(s string) (form string, err error) {
	vals, rest, ok := strings.Cut(s, "://")
	vals = strings.ToLower(vals)
	if !ok || !validScheme(vals) || strings.Contains(vals, "+") {
		return "", invalid("this form of a reference reads ref+scheme://path[?option=value][#/field]")
	}
	form, scheme := formVals+vals, valsScheme(vals)
	if scheme == "" {
		if form, scheme = formVals, vals; !knownScheme(vals) {
			return "", invalid("ref+%s:// is a scheme that no backend of this module reads and none that is linked", vals)
		}
	}
	rest = strings.TrimSuffix(rest, "+")
	if strings.ContainsAny(rest, "+ \t\r\n") {
		return "", invalid("ref+%s:// with a plus or a space in it is a text around references, not a reference (write %%2B and %%20 if they are part of the name)", vals)
	}
	err = r.parseURI(scheme, valsOrder(rest))
	// vals splits every field at its slashes, with or without one before.
	if form != formVals && strings.Contains(r.Field, "/") && r.Field[0] != '/' {
		r.Field = "/" + r.Field
	}
	return form, err
}

// valsScheme returns the scheme of the backend that reads what one of vals'
// schemes does; empty: none, or the one of the same name.
func valsScheme(vals string) string {
	switch vals {
	case "awssecrets":
		return "awssm"
	case "awsssm":
		return "ssm"
	case "gcpsecrets":
		return "gcp"
	}
	return ""
}

// valsOrder puts options that follow the field before it, and leaves out an
// empty field, which vals takes for none.
func valsOrder(s string) string {
	s, field, _ := strings.Cut(s, "#")
	field, late, hasLate := strings.Cut(field, "?")
	if hasLate {
		if strings.Contains(s, "?") {
			s += "&" + late
		} else {
			s += "?" + late
		}
	}
	if field == "" || field == "/" {
		return s
	}
	return s + "#" + field
}
