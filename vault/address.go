package vault

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets/internal/endpoint"
)

// address chooses where the server is, and says which setting that is.
func (s setup) address() (address, which string) {
	for _, at := range []struct{ option, variable string }{{"agent", ""}, {"address", ""}, {"", "AGENT_ADDR"}, {"", "ADDR"}} {
		if s[at.option] != "" {
			return s[at.option], "option " + at.option
		}
		if at.variable != "" {
			if address, which = variable(at.variable); address != "" {
				return address, which
			}
		}
	}
	return api.DefaultAddress, "the default address"
}

// checkAddress refuses what cannot be the address of a server. User information
// in it is basic authentication, and is never shown.
func checkAddress(which, address string, allowHTTP bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, !validPort(u.Port()), u.Host == "http:", u.Host == "https:", u.Scheme != "unix" && u.Host == "", u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "unix":
		return invalid("%s is %s, and no address of a server; it reads https://vault.example.com:8200", which, endpoint.Show(address))
	case strings.Trim(u.Path, "/") == "v1":
		return invalid("%s ends in /v1, which every request adds: leave it out of VAULT_ADDR or ?address=", which)
	}
	if err := endpoint.CheckPlain(which, address, allowHTTP); err != nil {
		return invalid("%v", err)
	}
	return nil
}

// validPort knows the numbers that a port can have; empty: none is given.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// onlyHere returns the host of an address that plain http may go to because it
// is this machine, as far as its name says; empty: nothing hangs on that.
func onlyHere(address string, allowHTTP bool) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || allowHTTP || endpoint.Allowed(u.Hostname()) {
		return ""
	}
	return u.Host
}
