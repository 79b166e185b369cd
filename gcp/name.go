package gcp

import (
	"fmt"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/foreign"
	"github.com/go-secrets/secrets/internal/option"
)

// maxID is the longest secret id that the service accepts.
const maxID = 255

// A place is where a document lives: one version of one secret.
type place struct {
	project  string
	location string // empty: a global secret
	id       string
	secret   string // the resource name of the secret
	version  string // a number, an alias or latest
	enabled  bool   // latest means the newest enabled version
	path     string // what the id was made from
	literal  bool   // the id was written out in a reference, not made from a name
}

// parent returns the resource that holds the secrets of the place.
func (at place) parent() string {
	if at.location == "" {
		return "projects/" + at.project
	}
	return "projects/" + at.project + "/locations/" + at.location
}

// resource returns the resource name of the version.
func (at place) resource() string { return at.secret + "/versions/" + at.version }

// String says where the document was looked for, for errors.
func (at place) String() string {
	s := fmt.Sprintf("secret %s in project %s", at.id, at.project)
	if at.location != "" {
		s += ", location " + at.location
	}
	if at.version != latest {
		s += ", version " + at.version
	}
	return s
}

// locate turns a reference into the place that it means.
//
// The project comes from the base where there is one, so that a name cannot
// choose another. A reference may also be a full resource name, as the service
// and its console print it.
func (p *Provider) locate(ref secrets.Ref) (place, error) {
	var at place
	var segments []string
	if ref.Base != "" {
		var rest []string
		at.project, at.location, rest = header(strings.Split(strings.TrimSuffix(ref.Base, "/"), "/"))
		segments = append(segments, rest...)
		segments = append(segments, strings.Split(ref.Path, "/")...)
	} else if ref.IsName() && p.clients.users == nil {
		return place{}, errNoProject()
	} else {
		at.project, at.location, segments = header(strings.Split(ref.Path, "/"))
		if strings.HasPrefix(ref.Path, "projects/") && len(segments) > 1 && segments[0] == "secrets" {
			if len(segments) == 4 && segments[2] == "versions" {
				at.version = segments[3]
				segments = segments[:2]
			}
			segments = segments[1:]
		}
		at.literal = len(segments) == 1
	}
	if err := p.complete(&at, segments); err != nil {
		return place{}, err
	}
	if err := at.choose(ref.Options); err != nil {
		return place{}, err
	}
	at.secret = at.parent() + "/secrets/" + at.id
	return at, nil
}

// header takes the project, and the location if there is one, off the front of
// a path: PROJECT/… or projects/PROJECT[/locations/LOCATION]/….
func header(segments []string) (project, location string, rest []string) {
	if segments[0] != "projects" || len(segments) == 1 {
		return segments[0], "", segments[1:]
	}
	project, rest = segments[1], segments[2:]
	if len(rest) > 1 && rest[0] == "locations" {
		location, rest = rest[1], rest[2:]
	}
	return project, location, rest
}

// complete checks the project and the location and makes the id.
func (p *Provider) complete(at *place, segments []string) error {
	if len(segments) == 0 {
		return unspellable("the path names no secret in a project; write gcp://PROJECT as the base, or gcp://PROJECT/SECRET as a reference")
	}
	if !validProject(at.project) {
		return invalid("%s is no project id: lower-case letters, digits and hyphens; write gcp://PROJECT", option.Show(at.project))
	}
	switch {
	case at.location == "":
		at.location = p.location
	case !validLocation(at.location):
		return invalid("%s is no location such as europe-west1", option.Show(at.location))
	case p.location != "" && p.location != at.location:
		return invalid("the path says location %s, the option location says %s", at.location, p.location)
	}
	for _, s := range segments {
		if s == "" {
			return unspellable("a segment of the path is empty")
		}
	}
	at.path = strings.Join(segments, "/")
	at.id = strings.Join(segments, p.separator)
	if len(at.id) > maxID {
		return unspellable("the secret's id would have %d characters; %d is the most", len(at.id), maxID)
	}
	if !foreign.Only(at.id, anyID) {
		return unspellable("%s can be no secret's id: letters, digits, - and _ only", option.Show(at.path))
	}
	return nil
}

func errNoProject() error {
	return invalid("the provider's URI names no project, and no name may choose one; write gcp://PROJECT")
}

const latest = "latest"

// choose sets the version from the document options.
func (at *place) choose(options map[string]string) error {
	if v, ok := options["version"]; ok {
		if at.version != "" && at.version != v {
			return invalid("the path says one version and the option version another")
		}
		at.version = v
	} else if at.version == "" {
		at.version = latest
	}
	if !validVersion(at.version) {
		return invalid("a version is a number, an alias (letters, digits, - and _) or latest, not %s", option.Show(at.version))
	}
	if which, ok := options["latest"]; ok {
		if wrong := option.OneOf("latest", which, "enabled"); wrong != "" {
			return invalid("%s", wrong)
		}
		if at.version != latest {
			return invalid("option latest=enabled goes with no other version than latest")
		}
		at.enabled = true
	}
	return nil
}

// What names are made of. They are checked by hand: a regular expression takes
// as long as all else that comes before a read.
const (
	lowerID = foreign.Lower + foreign.Digits + "-"
	anyID   = lowerID + foreign.Upper + "_"
)

// validProject knows a project's id or number; ids of old domain-scoped
// projects have a domain and a colon in front.
func validProject(s string) bool {
	if domain, id, scoped := strings.Cut(s, ":"); scoped {
		if domain == "" || len(domain) > 200 || !foreign.Only(domain, lowerID+".") {
			return false
		}
		s = id
	}
	return s != "" && len(s) <= 63 && s[0] != '-' && foreign.Only(s, lowerID)
}

// validLocation knows a location, which becomes part of the host that
// credentials are sent to.
func validLocation(s string) bool {
	return len(s) >= 2 && len(s) <= 63 && foreign.Only(s[:1], foreign.Lower) && s[len(s)-1] != '-' && foreign.Only(s, lowerID)
}

func validVersion(s string) bool { return s != "" && len(s) <= 63 && foreign.Only(s, anyID) }

// quote makes input safe to print, and short.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
