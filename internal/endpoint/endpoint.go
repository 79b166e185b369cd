// Package endpoint has the rules for the addresses of servers: what of a URL a
// message may show, and to whom credentials may go over plain http.
package endpoint

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
)

// AllowVariable names the variable that lists, comma-separated, the hosts to
// which plain http is allowed where an address comes from the environment.
const AllowVariable = "SECRETS_ALLOW_HTTP"

// Show returns a URL for a message: scheme, host and path. User information,
// query and fragment may hold credentials and are left out. Of a text that is
// no URL it tells only the length.
func Show(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || (u.Host == "" && u.Opaque == "" && strings.ContainsAny(raw, "@?#")) || (u.Opaque != "" && strings.Contains(u.Opaque, "@")) {
		return fmt.Sprintf("something that is no URL (%d bytes)", len(raw))
	}
	return Of(u)
}

// Of returns a parsed URL as Show does.
func Of(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return shown.String()
}

// Strip returns err with every [url.Error] in its chain replaced by one that
// shows its URL as Show does. What is wrapped around the innermost url.Error
// is dropped when it holds more than Show would tell; errors.Is and errors.As
// find what the url.Error wraps.
func Strip(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	shown := Show(u.URL)
	inner := Strip(u.Err)
	if shown == u.URL && inner == u.Err {
		return err
	}
	return &url.Error{Op: u.Op, URL: shown, Err: inner}
}

// Loopback reports whether a host is this machine by its spelling: an address
// of the loopback range, or the name localhost. What a name below .localhost
// leads to, only the dialled address says.
func Loopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// Allowed reports whether SECRETS_ALLOW_HTTP lists a host.
func Allowed(host string) bool {
	return slices.ContainsFunc(strings.Split(os.Getenv(AllowVariable), ","), func(h string) bool {
		return strings.TrimSpace(h) != "" && strings.EqualFold(strings.TrimSpace(h), host)
	})
}

// CheckPlain returns an error if raw is an http URL to another machine and
// neither allow, which is the URI's option allow_http, nor SECRETS_ALLOW_HTTP
// permits that. what names the setting that holds the address, as
// "AWS_ENDPOINT_URL" or "option endpoint".
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
// passed CheckPlain as loopback, has reached another machine: what a name
// below .localhost, or localhost itself, leads to is up to the resolver.
func CheckDialed(host string, remote net.Addr) error {
	tcp, ok := remote.(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() {
		return nil // a Unix socket is this machine, too
	}
	return fmt.Errorf("%s leads to %s, which is not this machine: plain http goes to loopback only", host, tcp.IP)
}
