package gcp

import (
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/foreign"
)

// translate reads what secrets-init, berglas and vals mean.
func translate(form string, ref *secrets.Ref) error {
	switch form {
	case "gcp:secretmanager:":
		return fromSecretsInit(ref)
	case "sm://":
		return fromBerglas(ref)
	case "ref+gcpsecrets":
		return fromVals(ref)
	}
	return nil
}

// fromSecretsInit reads projects/P/secrets/S[/versions/V], and the regional
// form with /locations/L after the project.
func fromSecretsInit(ref *secrets.Ref) error {
	parts := strings.Split(ref.Path, "/")
	next := func(kind string) (id string) {
		if len(parts) > 1 && parts[0] == kind && foreign.Only(parts[1], foreign.Upper+foreign.Lower+foreign.Digits+"_-.:") {
			id, parts = parts[1], parts[2:]
		}
		return id
	}
	project, location, secret, version := next("projects"), next("locations"), next("secrets"), next("versions")
	if project == "" || secret == "" || len(parts) > 0 {
		return foreign.Invalid("a reference to a Google secret reads gcp:secretmanager:projects/P[/locations/L]/secrets/S[/versions/V]")
	}
	ref.Path = project + "/" + secret
	if version != "" {
		if err := foreign.Set(ref, "version", version); err != nil {
			return err
		}
	}
	if location != "" {
		return foreign.Set(ref, "location", location)
	}
	return nil
}

// fromBerglas reads project/secret[#version].
func fromBerglas(ref *secrets.Ref) error {
	project, secret, _ := strings.Cut(ref.Path, "/")
	if project == "" || secret == "" || strings.Contains(secret, "/") {
		return foreign.Invalid("a berglas reference reads sm://project/secret[#version]")
	}
	if _, has := ref.Options["destination"]; has {
		return foreign.Invalid("sm:// with a destination writes a file, and references only read")
	}
	version := ref.Field
	ref.Field = ""
	if version == "" {
		return nil
	}
	return foreign.Set(ref, "version", version)
}

// fromVals: vals' trim_nl is the resolver's trim.
func fromVals(ref *secrets.Ref) error {
	trim, ok := ref.Options["trim_nl"]
	delete(ref.Options, "trim_nl")
	switch {
	case !ok || trim == "false":
		return nil
	case trim == "true":
		return foreign.Set(ref, "trim", "newline")
	}
	return foreign.Invalid("ref+gcpsecrets://: trim_nl is true or false")
}
