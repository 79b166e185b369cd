package cli

import (
	"strconv"
	"strings"
)

// A vaultPolicy gathers the paths of Vault policies, one for each server and
// namespace. https://developer.hashicorp.com/vault/docs/concepts/policies
type vaultPolicy struct {
	places []string                     // sorted
	rules  map[string]map[string]string // by place and path, the rule
	order  map[string][]string          // by place, the paths, sorted
}

func (p *vaultPolicy) empty() bool { return len(p.places) == 0 }

func (p *vaultPolicy) add(c candidate) {
	place := ""
	for _, option := range []string{"address", "agent", "namespace"} {
		if value := c.at.Options[option]; value != "" {
			place += " " + option + " " + value
		}
	}
	if p.rules == nil {
		p.rules, p.order = make(map[string]map[string]string), make(map[string][]string)
	}
	if p.rules[place] == nil {
		p.rules[place] = make(map[string]string)
		p.places = insert(p.places, place)
	}
	path, rule := vaultRule(strings.Trim(c.at.Path, "/"), c.at.Options)
	p.rules[place][path] = rule
	p.order[place] = insert(p.order[place], path)
}

// vaultRule returns the path as policies spell it, and its rule. What is
// mounted there is not asked for, and taken to be KV version 2 unless the
// options or the path say otherwise; a comment tells what else it may be.
func vaultRule(path string, options map[string]string) (spelled, rule string) {
	mount, rest, _ := strings.Cut(path, "/")
	engine, kv := options["engine"], options["kv"]
	if m := strings.Trim(options["mount"], "/"); m != "" {
		mount, rest = m, strings.TrimPrefix(strings.TrimPrefix(path, m), "/")
	}
	segments := strings.Split(rest, "/")
	switch {
	case kv == "" && posted(engine, segments, options):
		return path, capability(path, "update")
	case kv == "1", engine != "":
		return path, capability(path, "read")
	case kv == "" && len(segments) > 1 && (segments[0] == "creds" || segments[0] == "static-creds"):
		return path, capability(path, "read")
	}
	spelled = mount + "/data/" + strings.TrimPrefix(rest, "data/")
	rule = capability(spelled, "read")
	if kv == "" {
		rule += " # if " + mount + " is a mount of KV version 2; on version 1: " + strconv.Quote(path)
	}
	return spelled, rule
}

// posted reports whether a document is read with a POST: what the engines pki,
// ssh and kubernetes make.
func posted(engine string, segments []string, options map[string]string) bool {
	if len(segments) == 4 && segments[0] == "issuer" {
		segments = segments[2:]
	}
	if len(segments) != 2 {
		return false
	}
	switch segments[0] {
	case "issue", "sign":
		return engine == "" || engine == "pki" || engine == "ssh"
	case "creds":
		return engine == "ssh" || engine == "kubernetes" || options["kubernetes_namespace"] != "" || options["ip"] != ""
	}
	return false
}

func capability(path, what string) string {
	return "path " + strconv.Quote(path) + " { capabilities = [" + strconv.Quote(what) + "] }"
}

func (p *vaultPolicy) text() string {
	var b strings.Builder
	for i, place := range p.places {
		if i > 0 {
			b.WriteByte('\n')
		}
		if place != "" {
			b.WriteString("# at" + place + "\n")
		}
		for _, path := range p.order[place] {
			b.WriteString(p.rules[place][path] + "\n")
		}
	}
	return b.String()
}
