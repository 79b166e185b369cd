package grammar

import (
	"errors"
	"fmt"
	"strings"
)

// The forms in which other tools write references, by what they start with. Of
// vals' own schemes, the form is formVals and the scheme (ref+awssecrets).
const (
	formARN         = "arn:"               // Amazon's; its service says which backend
	formSecretsInit = "gcp:secretmanager:" // secrets-init, for Google
	formBerglas     = "sm://"              // berglas, for Google
	formBankVaults  = "vault:"             // bank-vaults
	formVals        = "ref+"               // vals and helmfile
	formSecretRef   = "secretref+"         // vals, for what it calls secrets
	formVaultWrite  = ">>vault:"           // bank-vaults, to have a secret made
)

// parse reads a reference in any form.
func (r *Reference) parse(s string, known func(string) bool) error {
	scheme, rest, uri := strings.Cut(s, "://")
	switch {
	case uri && strings.EqualFold(scheme, "sm"):
		r.Form, scheme = formBerglas, "gcp"
	case strings.HasPrefix(s, formARN):
		r.Form, scheme, rest = formARN, schemeOfARN(s), s
		if scheme == "" {
			return errors.New("an ARN names a secret only if its service is secretsmanager or ssm")
		}
	case strings.HasPrefix(s, formSecretsInit):
		r.Form, scheme, rest = formSecretsInit, "gcp", s[len(formSecretsInit):]
	case foldPrefix(s, formVals):
		return r.parseVals(s[len(formVals):], known)
	case foldPrefix(s, formSecretRef):
		return r.parseVals(s[len(formSecretRef):], known)
	case strings.HasPrefix(s, formVaultWrite):
		return errors.New(">>vault: writes to Vault to have a secret made, and references only read")
	case strings.HasPrefix(s, formBankVaults) && !strings.HasPrefix(s, "vault://"):
		rest = s[len(formBankVaults):] // nothing in it is escaped
		if !uri && (credentialInRest("vault", rest, "") != nil || tokenInPath(rest)) {
			return errors.New("vault:path#key holds what looks like user:password@ or a token; credentials belong into the environment or a file")
		}
		r.Form, r.Scheme, r.Path = formBankVaults, "vault", rest
		return nil
	case !uri:
		hint := ""
		if strings.HasPrefix(s, "/") || strings.HasPrefix(s, ".") {
			hint = " (a directory is file:///run/secrets)"
		}
		return fmt.Errorf("a reference reads scheme://path[?option=value][#field]; this one has no ://%s", hint)
	}
	return r.parseURI(scheme, rest)
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

// parseVals reads what vals and helmfile have after ref+ or secretref+:
// scheme://path[?options][#/field][?options][+]. The scheme is one of vals'
// or one of this module's. In a template, vals ends a reference at a plus; so
// the only one here may be the last byte.
//
// https://github.com/helmfile/vals#expression-syntax
func (r *Reference) parseVals(s string, known func(string) bool) error {
	vals, rest, ok := strings.Cut(s, "://")
	vals = strings.ToLower(vals)
	if !ok || !ValidScheme(vals) || strings.Contains(vals, "+") {
		return errors.New("this form of a reference reads ref+scheme://path[?option=value][#/field]")
	}
	form, scheme := formVals+vals, valsScheme(vals)
	if scheme == "" {
		if form, scheme = formVals, vals; !known(vals) {
			return fmt.Errorf("ref+%s:// is a scheme that no backend of this module reads and none that is linked", vals)
		}
	}
	rest = strings.TrimSuffix(rest, "+")
	if strings.ContainsAny(rest, "+ \t\r\n") {
		return fmt.Errorf("ref+%s:// with a plus or a space in it is a text around references, not a reference (write %%2B and %%20 if they are part of the name)", vals)
	}
	r.Form = form
	if err := r.parseURI(scheme, valsOrder(rest)); err != nil {
		return err
	}
	// vals splits every field at its slashes, with or without one before.
	if form != formVals && strings.Contains(r.Field, "/") && r.Field[0] != '/' {
		r.Field = "/" + r.Field
	}
	return nil
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
