// Package endpoint has the rules for the addresses of servers: which parts of a URL
// a message may show, and to which hosts credentials may go over plain http.
package endpoint

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// AllowVariable names the variable that lists, comma-separated, the hosts to
// which plain http is allowed where an address comes from the environment.
const AllowVariable = "SECRETS_ALLOW_HTTP"

// Show returns a URL for a message: scheme, host and path. User information,
// query and fragment may hold credentials and are left out. For a text that is
// not a URL, or may hold user information that a parser does not see, it returns
// only the length.
func Show(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || !shows(u) || (u.User == nil && strings.Contains(raw, "@")) {
		return fmt.Sprintf("something that is no URL (%d bytes)", len(raw))
	}
	return Of(u)
}

// shows reports whether a parsed URL can be meant as an address: a text without a
// scheme or a host may be a credential in the wrong place.
func shows(u *url.URL) bool {
	switch {
	case u.Host != "":
		return !strings.Contains(u.Path, "@")
	case u.Opaque != "": // localhost:8200, whose scheme was forgotten
		_, err := strconv.ParseUint(u.Opaque, 10, 16)
		return err == nil
	}
	return u.Scheme == "unix" || u.Scheme == "file"
}

// Of returns a parsed URL as Show does.
func Of(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return shown.String()
}

// Strip returns the first [url.Error] in the chain of err with its URL as Show
// returns it, and does the same to the errors that it wraps. It drops the errors
// around the url.Error. If nothing needs to be hidden, it returns err itself.
// errors.Is and errors.As find the errors that the url.Error wraps, except for two
// kinds that are replaced: a parser's reason, since it quotes the URL, and an error
// that repeats another URL, such as a proxy's or a redirect's.
func Strip(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	shown, inner := Show(u.URL), Strip(u.Err)
	switch {
	case u.Op == "parse":
		inner = errNoURL
	case inner != nil && quotes(inner.Error()):
		inner = errQuoted
	}
	if shown == u.URL && inner == u.Err && !quotes(err.Error()) {
		return err
	}
	return &url.Error{Op: u.Op, URL: shown, Err: inner}
}

var (
	errNoURL  = errors.New("it cannot be parsed as a URL")
	errQuoted = errors.New("the address of a proxy or of a redirect cannot be used")
)

// quotes reports whether an error's text repeats an address that may have user
// information.
func quotes(text string) bool {
	return strings.Contains(text, "@") || strings.Contains(text, "invalid proxy address") || strings.Contains(text, "Location header")
}

// Loopback reports whether a host is this machine by its spelling: an address
// of the loopback range, the name localhost, or a name below .localhost. Which
// machine a name leads to is known only when it is dialled, see CheckDialed.
func Loopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// Allowed reports whether SECRETS_ALLOW_HTTP lists a host, with or without a
// port.
func Allowed(host string) bool {
	return slices.ContainsFunc(strings.Split(os.Getenv(AllowVariable), ","), func(listed string) bool {
		listed = strings.TrimSpace(listed)
		if name, _, err := net.SplitHostPort(listed); err == nil {
			listed = name
		}
		return listed != "" && strings.EqualFold(strings.Trim(listed, "[]"), host)
	})
}

// CheckPlain returns an error if raw is an http URL to another machine, unless
// allow (the URI's option allow_http) or SECRETS_ALLOW_HTTP permits that. what
// names the setting that holds the address, such as "AWS_ENDPOINT_URL" or "option
// endpoint".
func CheckPlain(what, raw string, allow bool) error {
	u, err := url.Parse(raw)
	if err != nil || !strings.EqualFold(u.Scheme, "http") {
		return nil
	}
	host := u.Hostname()
	if allow || Loopback(host) || Allowed(host) {
		return nil
	}
	return fmt.Errorf("%s is %s: over plain http the credentials and the secrets would cross the network in the clear; use https, or add ?allow_http=true to the URI, or set %s=%s",
		what, Of(u), AllowVariable, host)
}

// CheckDialed returns an error if a connection for plain http to host, which
// CheckPlain has accepted as loopback, has reached another machine: the DNS resolver
// decides where localhost, or a name below .localhost, leads.
func CheckDialed(host string, remote net.Addr) error {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() {
		return nil // a Unix socket is this machine, too
	}
	return fmt.Errorf("%s leads to %s, which is not this machine: plain http goes to loopback only", host, tcp.IP)
}
