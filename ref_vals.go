package secrets

import "strings"

// valsSchemes are vals' schemes that read what a backend of this module
// reads. vault and file have the same name there and here.
var valsSchemes = map[string]string{"awssecrets": "awssm", "awsssm": "ssm", "gcpsecrets": "gcp"}

// valsOptions are vals' names of options, by the scheme of the backend.
var valsOptions = map[string]map[string]string{
	"awssm": {"role_arn": "role", "version_id": "version", "version_stage": "stage"},
	"ssm":   {"role_arn": "role"},
}

// parseVals reads what vals and helmfile have after ref+ or secretref+:
// scheme://path[?options][#/field][?options][+]. The scheme is one of vals'
// or one of this module's. In a template, vals ends a reference at a plus; so
// the only one here may be the last byte.
//
// https://github.com/helmfile/vals#expression-syntax
func parseVals(s string) (Ref, error) {
	vals, rest, ok := strings.Cut(s, "://")
	vals = strings.ToLower(vals)
	if !ok || !validScheme(vals) || strings.Contains(vals, "+") {
		return Ref{}, invalid("this form of a reference reads ref+scheme://path[?option=value][#/field]")
	}
	scheme, translated := valsSchemes[vals]
	if !translated {
		scheme = vals
		if !knownScheme(scheme) {
			return Ref{}, invalid("ref+%s:// is a scheme that no backend of this module reads and none that is linked", vals)
		}
	}
	rest = strings.TrimSuffix(rest, "+")
	if strings.ContainsAny(rest, "+ \t\r\n") {
		return Ref{}, invalid("ref+%s:// with a plus or a space in it is a text around references, not a reference (write %%2B and %%20 if they are part of the name)", vals)
	}
	if strings.HasPrefix(rest, "arn:") && (scheme == "awssm" || scheme == "ssm") {
		ref, err := parseARN(scheme, valsOrder(rest))
		if err != nil {
			return Ref{}, err
		}
		return ref.fromVals(vals)
	}
	ref, err := parseURI(scheme + "://" + valsOrder(rest))
	if err != nil {
		return Ref{}, err
	}
	return ref.fromVals(vals)
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

// fromVals translates what a reference of that scheme of vals means.
func (r Ref) fromVals(vals string) (Ref, error) {
	for theirs, ours := range valsOptions[r.Scheme] {
		value, ok := r.Options[theirs]
		if !ok {
			continue
		}
		delete(r.Options, theirs)
		if err := r.setOption(ours, value); err != nil {
			return Ref{}, err
		}
	}
	var err error
	switch vals {
	case "awsssm":
		err = r.fromValsSSM()
	case "gcpsecrets":
		err = r.fromValsGCP()
	}
	if err != nil {
		return Ref{}, err
	}
	// vals splits every field at its slashes, with or without one before.
	if valsSchemes[vals] != "" && strings.Contains(r.Field, "/") && r.Field[0] != '/' {
		r.Field = "/" + r.Field
	}
	if len(r.Options) == 0 {
		r.Options = nil
	}
	return r, nil
}

// fromValsSSM: vals puts a slash before the path, and takes #/name for the
// parameter of that name below it, unless mode=singleparam says that it is a
// field of the parameter.
func (r *Ref) fromValsSSM() error {
	arn := strings.HasPrefix(r.Path, "arn:")
	if !arn && !strings.HasPrefix(r.Path, "/") {
		r.Path = "/" + r.Path
	}
	mode := r.Options["mode"]
	delete(r.Options, "mode")
	switch {
	case mode != "" && mode != "singleparam":
		return invalid("ref+awsssm:// knows the mode singleparam, and no other")
	case mode == "" && r.Field != "" && arn:
		return invalid("ref+awsssm:// with an ARN and a field needs mode=singleparam")
	case mode == "" && r.Field != "":
		r.Path = strings.TrimSuffix(r.Path, "/") + "/" + strings.TrimPrefix(r.Field, "/")
		r.Field = ""
		delete(r.Options, "recursive") // how vals finds it, not what it is
	}
	return nil
}

// fromValsGCP: vals' trim_nl is the resolver's trim.
func (r *Ref) fromValsGCP() error {
	trim, ok := r.Options["trim_nl"]
	if !ok {
		return nil
	}
	delete(r.Options, "trim_nl")
	switch trim {
	case "true":
		return r.setOption("trim", "newline")
	case "false":
		return nil
	}
	return invalid("ref+gcpsecrets://: trim_nl is true or false")
}
