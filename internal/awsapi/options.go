// Package awsapi is what the backends on AWS share: how a client is
// configured and gets its credentials, how requests are sent and bounded, how
// a failure is judged and described, and how many calls go side by side.
package awsapi

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/namedfile"
	"github.com/go-secrets/secrets/internal/token"
)

// Names of the provider options that every backend on AWS has.
var Names = []string{"region", "profile", "role", "external_id", "endpoint", "allow_http", "prefix", "batch"}

// OperatorNames are those that a reference in a value may not set: where
// requests go, and whose credentials sign them.
var OperatorNames = []string{"allow_http", "endpoint", "external_id", "profile", "role"}

// Options are the provider options that every backend on AWS has.
type Options struct {
	Region     string // overrides AWS_REGION and the profile's
	Profile    string // of the shared configuration files; overrides AWS_PROFILE and keys in the environment
	Role       string // ARN of a role to assume with the credentials found
	ExternalID string // that the role's trust policy asks for
	Endpoint   string // base URL of the service
	AllowHTTP  bool   // allow_http=true: plain http may leave this machine
	Prefix     string // put before every path that is no ARN
	NoBatch    bool   // batch=false
}

// ParseOptions reads the provider options of a URI, and refuses what they cannot
// be. It does no I/O.
func ParseOptions(options map[string]string) (*Options, error) {
	o := &Options{
		Region:     options["region"],
		Profile:    options["profile"],
		Role:       options["role"],
		ExternalID: options["external_id"],
		Endpoint:   options["endpoint"],
		Prefix:     options["prefix"],
	}
	batch := true
	if err := ParseBool(options, "batch", &batch); err != nil {
		return nil, err
	}
	if err := ParseBool(options, "allow_http", &o.AllowHTTP); err != nil {
		return nil, err
	}
	o.NoBatch = !batch
	if err := o.check(); err != nil {
		return nil, err
	}
	return o, nil
}

// checkEndpoint checks the address of a service. what names the setting that
// holds it. The error is of class ErrInvalid and shows no credential.
func (o *Options) checkEndpoint(what, raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return invalid(what + " is " + endpoint.Show(raw) + "; it reads http://host:port or https://host:port")
	}
	if err := endpoint.CheckPlain(what, raw, o.AllowHTTP); err != nil {
		return invalid(err.Error())
	}
	return nil
}

// endpointSetting names the setting that holds the address of a service: what
// the SDK finds first of the environment and the profile. service is the
// service's ID as in secrets_manager.
func (o *Options) endpointSetting(service string) string {
	for _, name := range []string{"AWS_ENDPOINT_URL_" + strings.ToUpper(service), "AWS_ENDPOINT_URL"} {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return "endpoint_url of profile " + o.profile()
}

// isRegion reports whether a text can be a region: a label of a host's name.
func isRegion(s string) bool {
	if s == "" || len(s) > 63 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Path puts the prefix before a path that is no ARN, with one slash between
// them if either has one there.
func (o *Options) Path(path string) string {
	if strings.HasSuffix(o.Prefix, "/") {
		path = strings.TrimPrefix(path, "/")
	}
	return o.Prefix + path
}

// profileName is the name of the profile that the SDK would use.
func (o *Options) profileName() string {
	for _, name := range []string{o.Profile, os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE")} {
		if name != "" {
			return name
		}
	}
	return "default"
}

// profile is the same, for a message.
func (o *Options) profile() string { return plain(o.profileName()) }

// Shown quotes what a variable or an option holds. Of what is too long, or has a
// form, that no region, profile or role has, it tells the length only: it may
// be a credential in the wrong place.
func Shown(s string) string {
	if odd(s) {
		return fmt.Sprintf("something else (%d bytes)", len(s))
	}
	return strconv.Quote(s)
}

// plain is Shown without the quotes.
func plain(s string) string {
	if odd(s) {
		return Shown(s)
	}
	return oneLine(s)
}

func odd(s string) bool {
	const secretKey = 40 // the length of a secret access key
	return len(s) > 128 || token.Like(s) || namedfile.Credential(s) || strings.ContainsAny(s, "{}=\r\n") || strings.Contains(s, "-----") || len(s) == secretKey && !strings.ContainsAny(s, "-_.: @")
}

// shownRegion quotes what should be a region, if it is one but for white space
// around it.
func shownRegion(s string) string {
	const longest = 32 // of real ones, with room
	if trimmed := strings.TrimSpace(s); len(s) <= longest && isRegion(trimmed) {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("something else (%d bytes)", len(s))
}

func invalid(msg string) *fault.Error { return fault.New(secrets.ErrInvalid, msg, nil) }
