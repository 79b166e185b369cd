package awsapi

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-secrets/secrets/internal/endpoint"
	"github.com/go-secrets/secrets/internal/foreign"
	"github.com/go-secrets/secrets/internal/nearest"
)

// check refuses what the options cannot be, without asking anybody.
func (o *Options) check() error {
	for _, check := range []func() error{o.checkRegion, o.checkProfile, o.checkRole, o.checkExternalID} {
		if err := check(); err != nil {
			return err
		}
	}
	if o.Endpoint == "" {
		return nil
	}
	return o.checkOptionEndpoint()
}

// regions are those that a hint may name: which there are is for the service to
// say, and more come.
var regions = strings.Fields(`af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
	ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1
	cn-north-1 cn-northwest-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3
	eusc-de-east-1 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1
	us-west-1 us-west-2`)

// amazons is how every region of Amazon is written: a continent or a country,
// perhaps a partition, where in it, and a number. The SDK knows fips as a mark.
var amazons = regexp.MustCompile(`^(fips-)?[a-z]{2,5}(-[a-z]+)*-(north|south|east|west|central|north(east|west)|south(east|west))-[0-9]{1,2}(-fips)?$|^aws(-[a-z]+)*-global$`)

// checkRegion refuses what is no region. An emulator may have any, so with an
// endpoint of its own, and of a single word, only the form is checked.
func (o *Options) checkRegion() error {
	switch {
	case o.Region == "", isRegion(o.Region) && o.Endpoint != "", amazons.MatchString(o.Region):
		return nil
	}
	hint := nearest.Hint(strings.ToLower(strings.TrimSpace(o.Region)), regions)
	if hint == "" && isRegion(o.Region) && !strings.Contains(o.Region, "-") {
		return nil
	}
	return invalid("option region is " + shownRegion(o.Region) + ", which is none: a region reads eu-west-1" + hint)
}

// checkProfile refuses what no section of a configuration file can be called.
func (o *Options) checkProfile() error {
	if o.Profile != strings.TrimSpace(o.Profile) || strings.ContainsAny(o.Profile, "[]\r\n\x00") || odd(o.Profile) {
		return invalid("option profile is " + Shown(o.Profile) + ", which is no profile: one reads as in [profile NAME] of ~/.aws/config, without brackets or white space around it")
	}
	return nil
}

// roleARN is how IAM writes the ARN of a role.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
var roleARN = regexp.MustCompile(`^arn:aws(-[a-z0-9-]+)?:iam::[0-9]{12}:role/([!-~]*/)?[A-Za-z0-9_+=,.@-]{1,64}$`)

// checkRole refuses what is no ARN of a role.
func (o *Options) checkRole() error {
	if o.Role == "" || roleARN.MatchString(o.Role) {
		return nil
	}
	why := "it reads arn:aws:iam::ACCOUNT:role/NAME"
	if arn, err := ParseARN(o.Role, "sts"); err == nil && strings.HasPrefix(arn.Resource, "assumed-role/") {
		why += ", and this is a session of one"
	}
	if arn, err := ParseARN(o.Role, "iam"); err == nil {
		kind, _, _ := strings.Cut(arn.Resource, "/")
		switch {
		case kind != "role":
			why += ", and this is none of a role" + nearest.Hint(kind, []string{"role"})
		case len(arn.account) != 12 || !foreign.Only(arn.account, foreign.Digits):
			why += ", with the twelve digits of the account"
		}
	}
	return invalid("option role is " + Shown(o.Role) + "; " + why)
}

// externalID is what STS takes for one.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
var externalID = regexp.MustCompile(`^[A-Za-z0-9_+=,.@:/-]*$`)

// checkExternalID refuses what STS takes for none. It is like a password in
// part, and is not shown.
func (o *Options) checkExternalID() error {
	switch n := len(o.ExternalID); {
	case n == 0:
		return nil
	case o.Role == "":
		return invalid("option external_id belongs to option role, which is not set")
	case n < 2 || n > 1224 || !externalID.MatchString(o.ExternalID):
		return invalid(fmt.Sprintf("option external_id has %d bytes; it has 2 to 1224 of ASCII letters, digits and _+=,.@:/-", n))
	}
	return nil
}

// checkOptionEndpoint refuses an address that no request goes to.
func (o *Options) checkOptionEndpoint() error {
	const what = "option endpoint"
	if err := o.checkEndpoint(what, o.Endpoint); err != nil {
		return err
	}
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || u.User != nil:
		return invalid(what + " has user information (user:password@), which no URI may hold: AWS services take none")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return invalid(what + " is " + endpoint.Show(o.Endpoint) + " with a query or a fragment; it reads http://host:port or https://host:port")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return invalid(what + " is " + endpoint.Show(o.Endpoint) + ", whose port is none of 1 to 65535")
		}
	}
	return nil
}

// CheckPrefix refuses an option prefix that no name can begin with; spell says
// whether a name can be one.
func (o *Options) CheckPrefix(spell func(name string) error) error {
	if o.Prefix == "" {
		return nil
	}
	if err := spell(o.Prefix + "x"); err != nil {
		return invalid("option prefix is " + Shown(o.Prefix) + "; " + reason(err))
	}
	return nil
}

// CheckBase refuses the path of a provider URI that no name can have in front of
// it; spell says whether a name can be one.
func (o *Options) CheckBase(base string, spell func(name string) error) error {
	if err := spell(o.Path(strings.TrimSuffix(base, "/") + "/x")); err != nil {
		return invalid("nothing can be read below the path of the URI: " + reason(err))
	}
	return nil
}

// reason is the text of an error of class ErrInvalid, without the class.
func reason(err error) string {
	_, text, _ := strings.Cut(err.Error(), ": ")
	return text
}

// ParseBool sets value from an option that is true or false, if it is there.
func ParseBool(options map[string]string, name string, value *bool) error {
	s, ok := options[name]
	if !ok {
		return nil
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		return invalid("option " + name + " is " + Shown(s) + "; it is true or false" + hintBool(s))
	}
	*value = b
	return nil
}

// hintBool names the truth value that somebody may have meant.
func hintBool(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	switch s {
	case "yes", "y", "on", "enabled":
		s = "true"
	case "no", "n", "off", "disabled":
		s = "false"
	}
	return nearest.Hint(s, []string{"true", "false"})
}
