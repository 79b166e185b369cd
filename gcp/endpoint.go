package gcp

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/option"
)

// emulatorEnv names an emulator, as Google's variables for its own emulators
// do (PUBSUB_EMULATOR_HOST).
const emulatorEnv = "SECRET_MANAGER_EMULATOR_HOST"

// A target is where the calls go in place of Google's endpoints.
type target struct {
	address string // host:port; empty: Google's
	what    string // the setting that says so
	plain   bool   // without TLS and without credentials: an emulator
	checked bool   // plain is allowed because it is this machine, which the dialled address has to confirm
	rest    bool   // HTTP and JSON in place of gRPC
}

// targetOf reads the options endpoint, allow_http and transport, and the
// environment.
func targetOf(options map[string]string) (target, error) {
	var s target
	for _, words := range [][]string{{"allow_http", "true", "false"}, {"transport", "grpc", "rest"}} {
		value, given := options[words[0]]
		if !given {
			continue
		}
		if wrong := option.OneOf(words[0], value, words[1:]...); wrong != "" {
			return s, invalid("%s", wrong)
		}
	}
	allow := options["allow_http"] == "true"
	s.rest = options["transport"] == "rest"
	text, set := options["endpoint"]
	s.what = "option endpoint"
	if !set {
		if text = os.Getenv(emulatorEnv); text == "" {
			return target{rest: s.rest}, nil
		}
		s.what = emulatorEnv
	}
	scheme, address, err := parseEndpoint(s.what, text)
	if err != nil {
		return s, err
	}
	s.address = address
	host, _, _ := net.SplitHostPort(address)
	switch scheme {
	case "http":
		s.plain = true
	case "":
		s.plain = s.what == emulatorEnv || thisMachine(host) || allow || endpoint.Allowed(host)
	}
	if s.plain {
		s.checked = !allow && !endpoint.Allowed(host)
		if err := endpoint.CheckPlain(s.what, "http://"+address, allow); err != nil {
			return s, invalid("%s", err.Error())
		}
	}
	return s, nil
}

// thisMachine reports whether a host without a scheme is taken for an emulator.
func thisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// hostname is what a host may be made of, so that a message may show it.
var hostname = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,253}$`)

// parseEndpoint takes host:port, or an http or https URL of no more than that,
// apart. Its error quotes nothing that may hold a credential.
func parseEndpoint(what, text string) (scheme, address string, err error) {
	rest := text
	if before, after, found := strings.Cut(text, "://"); found {
		scheme, rest = strings.ToLower(before), strings.TrimSuffix(after, "/")
	}
	fallback := "443"
	if scheme == "http" {
		fallback = "80"
	}
	host, port, splitErr := net.SplitHostPort(rest)
	if splitErr != nil && !strings.ContainsAny(rest, ":[]") {
		host, port, splitErr = rest, fallback, nil
	}
	number, portErr := strconv.ParseUint(port, 10, 16)
	if splitErr != nil || portErr != nil || number == 0 || !hostname.MatchString(host) ||
		(scheme != "" && scheme != "http" && scheme != "https") {
		return "", "", invalid("%s reads host:port, http://host:port or https://host:port, not %s; host:port alone is dialled without TLS on a loopback host, and with TLS and credentials elsewhere, unless ?allow_http=true is set",
			what, showEndpoint(text))
	}
	return scheme, net.JoinHostPort(host, port), nil
}

// showEndpoint returns a malformed endpoint for a message, or its length where
// it may hold a credential.
func showEndpoint(text string) string {
	if strings.Contains(text, "://") {
		if u, err := url.Parse(text); err == nil && (u.User != nil || u.RawQuery != "" || u.Fragment != "") {
			return fmt.Sprintf("a URL with more than that (%s)", endpoint.Show(text))
		}
	}
	if len(text) > 100 || strings.ContainsAny(text, "@?#") || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
		return fmt.Sprintf("something else (%d bytes)", len(text))
	}
	return option.Show(text)
}

// host returns the endpoint of a location, without the default port.
func (s target) host(location string) string {
	switch {
	case s.address != "":
		return s.address
	case location != "":
		return "secretmanager." + location + ".rep.googleapis.com"
	}
	return globalHost
}

// hint says how the server is dialled, for an error about a connection that
// was not made: an emulator on another machine is dialled with TLS by default.
func (s target) hint() string {
	if s.address == "" || s.plain {
		return ""
	}
	return "; " + s.what + " is dialled with TLS and gets credentials, because it is not on this machine: for an emulator without TLS set ?allow_http=true"
}

// checkDialed refuses a connection without TLS that has reached another
// machine than the host's name promised.
func (s target) checkDialed(conn net.Conn) error {
	if !s.checked {
		return nil
	}
	host, _, _ := net.SplitHostPort(s.address)
	return endpoint.CheckDialed(host, conn.RemoteAddr())
}

// orREST says that an emulator may speak REST only.
func (s target) orREST() string {
	if s.address == "" || s.rest {
		return ""
	}
	return ", or an emulator that speaks REST only, which ?transport=rest reads"
}
