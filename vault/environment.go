package vault

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/namedfile"
	"github.com/go-secrets/secrets/internal/option"
)

// variable returns the value of a variable of the command vault, or, where that
// is unset or empty, of OpenBao's command bao. which is the one that was found.
func variable(name string) (value, which string) {
	for _, prefix := range []string{"VAULT_", "BAO_"} {
		if value := strings.TrimSpace(os.Getenv(prefix + name)); value != "" {
			return value, prefix + name
		}
	}
	return "", ""
}

// option returns what an option says, or else what a variable does.
func (s setup) option(name, variableName string) (value, which string) {
	if value := s[name]; value != "" {
		return value, "option " + name
	}
	return variable(variableName)
}

// checkEnvironment refuses the variables that vault/api would read and fail on
// with an error that repeats what they hold.
func checkEnvironment() error {
	for _, name := range []string{api.EnvVaultCACert, api.EnvVaultClientCert, api.EnvVaultClientKey} {
		if path := os.Getenv(name); path != "" {
			if _, err := namedfile.Read(context.Background(), path, namedfile.Options{}); err != nil {
				return fault.New(secrets.ErrInvalid, name+" names a file that cannot be used", err)
			}
		}
	}
	if path := os.Getenv(api.EnvVaultCAPath); path != "" {
		if _, err := os.ReadDir(path); err != nil {
			return fault.New(secrets.ErrInvalid, api.EnvVaultCAPath+" names a folder that cannot be used", namedfile.Scrub(err, path))
		}
	}
	for _, name := range []string{api.EnvVaultProxyAddr, api.EnvHTTPProxy} {
		if raw := os.Getenv(name); raw != "" {
			if _, err := url.Parse(raw); err != nil {
				return invalid("%s is no URL (%d bytes); it reads http://proxy.example.com:3128", name, len(raw))
			}
		}
	}
	return nil
}

// environmentError tells that the VAULT_ variables cannot be used, without
// repeating what they hold: a proxy's address may contain a password.
func environmentError(err error) error {
	var u *url.Error
	var number *strconv.NumError
	switch {
	case errors.As(err, &u):
		return invalid("an address among the VAULT_ variables or options is no URL; it reads https://vault.example.com:8200")
	case errors.As(err, &number):
		return invalid("VAULT_MAX_RETRIES is no number")
	}
	return fault.New(secrets.ErrInvalid, "the VAULT_ variables or options make no client", err)
}

// timeout is the bound of one request that somebody asked for; 0: none, so that
// the read's own time counts.
func (s setup) timeout() (time.Duration, error) {
	text, which := s.option("timeout", "CLIENT_TIMEOUT")
	if text == "" {
		return 0, nil
	}
	if seconds, err := strconv.Atoi(text); err == nil && which != "option timeout" {
		return time.Duration(seconds) * time.Second, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, invalid("%s", strings.Replace(option.Not("timeout", "a duration such as 5s", text), "option timeout", which, 1))
	}
	return d, nil
}

// fromBao gives a client what only OpenBao's variables say: vault/api knows its
// own alone.
func (s setup) fromBao(cfg *api.Config) error {
	if skip, which := variable("SKIP_VERIFY"); skip != "" && strings.HasPrefix(which, "BAO_") {
		on, err := strconv.ParseBool(skip)
		if err != nil {
			return invalid("%s is true or false", which)
		}
		transportOf(cfg).TLSClientConfig.InsecureSkipVerify = on
	}
	if name, _ := variable("TLS_SERVER_NAME"); name != "" {
		transportOf(cfg).TLSClientConfig.ServerName = name
	}
	if raw := or(os.Getenv("BAO_PROXY_ADDR"), os.Getenv("BAO_HTTP_PROXY")); raw != "" && os.Getenv(api.EnvVaultProxyAddr) == "" && os.Getenv(api.EnvHTTPProxy) == "" {
		proxy, err := url.Parse(raw)
		if err != nil {
			return invalid("BAO_PROXY_ADDR or BAO_HTTP_PROXY is no URL (%d bytes); it reads http://proxy.example.com:3128", len(raw))
		}
		transportOf(cfg).Proxy = http.ProxyURL(proxy)
	}
	return nil
}

// checkHeader refuses what no header of a request can hold: the request would
// fail before anything is sent.
func checkHeader(which, value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return invalid("%s has a line break or another control character in it", which)
	}
	return nil
}
