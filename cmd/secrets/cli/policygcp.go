package cli

import (
	"slices"
	"strings"
)

// A gcpPolicy gathers role bindings on secrets.
// https://cloud.google.com/secret-manager/docs/access-control
type gcpPolicy struct{ bindings []gcpBinding }

// A gcpBinding is a role that has to be granted on a secret.
type gcpBinding struct {
	Project  string `json:"project"`
	Location string `json:"location,omitempty"`
	Secret   string `json:"secret"`
	Role     string `json:"role"`
}

func (p *gcpPolicy) empty() bool { return len(p.bindings) == 0 }

func (p *gcpPolicy) add(w *policyWriter, c candidate) {
	segments := strings.Split(strings.Trim(c.at.Path, "/"), "/")
	b := gcpBinding{Location: c.at.Options["location"]}
	if segments[0] == "projects" && len(segments) > 1 {
		segments = segments[1:]
	}
	b.Project, segments = segments[0], segments[1:]
	if len(segments) > 2 && segments[0] == "locations" {
		b.Location, segments = segments[1], segments[2:]
	}
	if !c.base && len(segments) > 1 && segments[0] == "secrets" { // as the service prints it
		segments = segments[1:2]
	}
	if len(segments) == 0 {
		w.note("%s names no secret in a project.", c.at.String())
		return
	}
	separator := "-"
	if s := c.at.Options["separator"]; s != "" {
		separator = s
	}
	b.Secret = strings.Join(segments, separator)
	if strings.ContainsAny(b.Secret, ".:") {
		return // the id of no secret
	}
	roles := []string{"roles/secretmanager.secretAccessor"}
	if c.at.Options["latest"] == "enabled" {
		roles = append(roles, "roles/secretmanager.viewer")
	}
	for _, b.Role = range roles {
		if !slices.Contains(p.bindings, b) {
			p.bindings = append(p.bindings, b)
		}
	}
}

func (p *gcpPolicy) text() string {
	var b strings.Builder
	for _, binding := range p.bindings {
		b.WriteString("gcloud secrets add-iam-policy-binding " + binding.Secret + " --project=" + binding.Project)
		if binding.Location != "" {
			b.WriteString(" --location=" + binding.Location)
		}
		b.WriteString(" --role=" + binding.Role + " --member=\"$MEMBER\"\n")
	}
	return b.String()
}
