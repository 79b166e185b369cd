package ssm

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/foreign"
)

// A document is a parameter, in the version that is asked for.
type document struct {
	name     string // with its leading slash, if it has one, or an ARN
	region   string // of the ARN; empty: the client's
	selector string // a version or a label; empty: the newest version
	loose    bool   // if there is no parameter of that name, the one without the leading slash is meant
}

// locate reads a reference, or a name under its base.
func (p *Provider) locate(ref secrets.Ref) (document, error) {
	return locate(p.session.Options, ref)
}

func locate(o *awsapi.Options, ref secrets.Ref) (document, error) {
	if ref.IsName() && strings.Contains(ref.Path, ":") {
		return document{}, unspellable("a name has no : in it; a version or label is asked for in a reference (?version=, ?label=)")
	}
	d := document{name: ref.Join()}
	if awsapi.IsARN(d.name) {
		arn, err := awsapi.ParseARN(d.name, "ssm")
		if err != nil {
			return document{}, err
		}
		if !strings.HasPrefix(arn.Resource, "parameter/") {
			return document{}, fault.New(secrets.ErrInvalid, "the ARN of a parameter reads arn:partition:ssm:region:account:parameter/name", nil)
		}
		d.region = arn.Region
	} else {
		d.name = o.Path(d.name)
	}
	if err := d.cutSelector(ref.Options); err != nil {
		return document{}, err
	}
	if d.region != "" {
		return d, nil
	}
	return d, d.spell(ref.IsName())
}

// cutSelector takes the selector from the name (after the last slash: an ARN
// has colons before it) or from the options.
func (d *document) cutSelector(options map[string]string) error {
	last := strings.LastIndexByte(d.name, '/') + 1
	base, selector, has := strings.Cut(d.name[last:], ":")
	d.name = d.name[:last] + base
	given := 0
	if has {
		given++
		d.selector = selector
		if selector == "" || strings.Contains(selector, ":") {
			return fault.New(secrets.ErrInvalid, "a parameter's selector reads name:version or name:label", nil)
		}
	}
	if version, ok := options["version"]; ok {
		given++
		n, err := strconv.ParseUint(version, 10, 63)
		if err != nil || n == 0 {
			return badVersion(version)
		}
		d.selector = strconv.FormatUint(n, 10)
	}
	if label, ok := options["label"]; ok {
		given++
		d.selector = label
		if err := checkLabel(label); err != nil {
			return err
		}
	}
	if given > 1 {
		return fault.New(secrets.ErrInvalid, "a parameter is asked for by one of :selector, ?version= and ?label=", nil)
	}
	return nil
}

func badVersion(version string) error {
	shown := awsapi.Shown(version)
	text := "option version is " + shown + "; it is the number of a parameter's version, 1 or more, and without the option the newest is read"
	if checkLabel(version) == nil && shown == strconv.Quote(version) && !strings.EqualFold(version, "latest") {
		text += "; did you mean label=" + version + "?"
	}
	return fault.New(secrets.ErrInvalid, text, nil)
}

// labelText is what a label can be, but for what it cannot begin with.
//
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html
const labelText = foreign.Lower + foreign.Upper + foreign.Digits + "_.-"

// checkLabel refuses what no version can have for a label.
func checkLabel(label string) error {
	lower := strings.ToLower(label)
	switch {
	case label == "" || len(label) > 100 || !foreign.Only(label, labelText):
	case strings.HasPrefix(lower, "aws"), strings.HasPrefix(lower, "ssm"), label[0] >= '0' && label[0] <= '9':
	default:
		return nil
	}
	text := "option label is " + awsapi.Shown(label) + "; a label has 1 to 100 ASCII letters, digits and _.-, and begins with no digit, aws or ssm"
	if n, err := strconv.ParseUint(label, 10, 63); err == nil && n > 0 {
		text += "; did you mean version=" + label + "?"
	}
	return fault.New(secrets.ErrInvalid, text, nil)
}

// spell checks that Parameter Store can hold a parameter of that name. It
// gives a name its leading slash, and a reference with levels too, since there
// is no parameter with levels and without the slash. A name of one level may
// stand for one without.
func (d *document) spell(name bool) error {
	levels := strings.Contains(d.name, "/")
	switch {
	case d.name == "" || d.name == "/":
		return unspellable("the name of the parameter is empty")
	case strings.HasPrefix(d.name, "/"):
	case levels || name:
		d.name = "/" + d.name
		d.loose = !levels
	}
	if len(d.name) > 1011 {
		return unspellable("a parameter's name has at most 1011 characters")
	}
	if !foreign.Only(d.name, foreign.Lower+foreign.Upper+foreign.Digits+"/_.-") {
		return unspellable("a parameter's name has ASCII letters, digits and /_.- only")
	}
	if secret, ok := strings.CutPrefix(d.name, "/aws/reference/secretsmanager/"); ok {
		return fault.New(secrets.ErrInvalid, "a secret of Secrets Manager is not read through Parameter Store, which would lose its versions; write awssm://"+secret, nil)
	}
	return nil
}

func unspellable(msg string) error {
	return &fault.Error{Class: secrets.ErrInvalid, Msg: msg, CannotSpell: true}
}

// String is the document as the service is asked for it, and as errors name it.
func (d *document) String() string {
	if d.selector == "" {
		return d.name
	}
	return d.name + ":" + d.selector
}

// slashless is the document that a loose one may stand for.
func (d *document) slashless() *document {
	return &document{name: strings.TrimPrefix(d.name, "/"), region: d.region, selector: d.selector}
}

// fill makes v what a parameter holds; it reports false if that is nothing.
// The version counts from 1 again after a delete and create, so the date
// belongs to it.
func fill(v *secrets.Value, p *types.Parameter) bool {
	if p.Value == nil || p.Version == 0 {
		return false
	}
	v.Data, v.Version = []byte(*p.Value), strconv.FormatInt(p.Version, 10)
	if p.LastModifiedDate != nil {
		v.Created = *p.LastModifiedDate
		v.Version += "@" + p.LastModifiedDate.UTC().Format(time.RFC3339Nano)
	}
	return true
}

// answers reports whether a parameter that the service returned is the one
// that was asked for. Its name comes without the selector, which has a field of
// its own, and without the rest of an ARN.
func (d *document) answers(p *types.Parameter) bool {
	if n, err := strconv.ParseInt(d.selector, 10, 64); err == nil && p.Version != n {
		return false
	}
	if p.Selector != nil && strings.TrimPrefix(*p.Selector, ":") != d.selector {
		return false
	}
	if awsapi.IsARN(d.name) {
		return d.name == aws.ToString(p.ARN)
	}
	return d.name == aws.ToString(p.Name)
}
