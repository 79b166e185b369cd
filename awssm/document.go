package awssm

import (
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
	"github.com/go-secrets/secrets/internal/fault"
	"github.com/go-secrets/secrets/internal/foreign"
	"github.com/go-secrets/secrets/internal/nearest"
)

// current is the stage of the version that is in use.
const current = "AWSCURRENT"

// A document is a secret, in the version that is asked for.
type document struct {
	id      string // name or ARN
	region  string // of the ARN; empty: the client's
	stage   string // empty: version alone decides
	version string // VersionId; empty: the stage decides
}

// locate reads a reference, or a name under its base.
func (p *Provider) locate(ref secrets.Ref) (document, error) {
	return locate(p.session.Options, ref)
}

func locate(o *awsapi.Options, ref secrets.Ref) (document, error) {
	if ref.IsName() && awsapi.IsARN(ref.Path) {
		return document{}, unspellable("a name does not start with arn: (a reference may)")
	}
	if err := checkVersion(ref.Options); err != nil {
		return document{}, err
	}
	d := document{id: ref.Join(), stage: ref.Options["stage"], version: ref.Options["version"]}
	if d.stage == "" && d.version == "" {
		d.stage = current
	}
	if awsapi.IsARN(d.id) {
		arn, err := awsapi.ParseARN(d.id, "secretsmanager")
		if err != nil {
			return document{}, err
		}
		if !strings.HasPrefix(arn.Resource, "secret:") {
			return document{}, invalid("the ARN of a secret reads arn:partition:secretsmanager:region:account:secret:name")
		}
		d.region = arn.Region
		return d, nil
	}
	d.id = o.Path(d.id)
	return d, spell(d.id)
}

// stages are the staging labels that the service sets itself.
var stages = []string{current, "AWSPENDING", "AWSPREVIOUS"}

// checkVersion refuses a stage and a version that no secret can have. A label of
// one's own may be anything, so of those that the service sets only a misspelt
// one is known to be wrong.
//
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
func checkVersion(options map[string]string) error {
	stage, ok := options["stage"]
	near := nearest.Hint(strings.ToUpper(stage), stages)
	switch {
	case !ok, slices.Contains(stages, stage):
	case stage == "" || len(stage) > 256 || strings.ContainsFunc(stage, unicode.IsControl):
		return invalid("option stage is " + awsapi.Shown(stage) + "; a staging label has 1 to 256 characters, and the service's own are AWSCURRENT, AWSPREVIOUS and AWSPENDING")
	case strings.HasPrefix(strings.ToUpper(stage), "AWS") && near != "":
		return invalid("option stage is " + awsapi.Shown(stage) + "; the service's own are AWSCURRENT, AWSPREVIOUS and AWSPENDING" + near)
	}
	version, ok := options["version"]
	const least, most = 32, 64
	switch {
	case !ok || len(version) >= least && len(version) <= most && foreign.Only(version, foreign.Lower+foreign.Upper+foreign.Digits+"-"):
		return nil
	case slices.Contains(stages, strings.ToUpper(version)):
		return invalid("option version is " + awsapi.Shown(version) + ", which is a stage; did you mean stage=" + strings.ToUpper(version) + "?")
	}
	hint := ""
	if strings.HasPrefix(version, "uuid/") { // as the External Secrets Operator writes it
		hint = "; leave out uuid/"
	}
	return invalid("option version is " + awsapi.Shown(version) + "; a VersionId has 32 to 64 letters, digits and hyphens (aws secretsmanager list-secret-version-ids), and without the option the current version is read" + hint)
}

func invalid(msg string) error { return fault.New(secrets.ErrInvalid, msg, nil) }

// spell checks that Secrets Manager can hold a secret of that name: 1 to 512
// of the characters that CreateSecret documents, and the ! in the names of
// secrets that other services manage (rds!cluster-…).
func spell(name string) error {
	if name == "" {
		return unspellable("the name of the secret is empty")
	}
	if len(name) > 512 {
		return unspellable("a secret's name has at most 512 characters")
	}
	if !foreign.Only(name, foreign.Lower+foreign.Upper+foreign.Digits+"/_+=.@-!") {
		return unspellable("a secret's name has ASCII letters, digits and /_+=.@-! only")
	}
	return nil
}

func unspellable(msg string) error {
	return &fault.Error{Class: secrets.ErrInvalid, Msg: msg, CannotSpell: true}
}

// lacksSuffix reports whether an ARN ends without what the service appends.
// A name may end alike, so this is a guess.
func (d *document) lacksSuffix() bool {
	const suffix = len("-AbCdEf")
	at := len(d.id) - suffix
	return awsapi.IsARN(d.id) && (d.id[at] != '-' || !foreign.Only(d.id[at+1:], foreign.Lower+foreign.Upper+foreign.Digits))
}

// selects reports whether the document is in another version than the
// current one, which a batch cannot ask for.
func (d *document) selects() bool { return d.version != "" || d.stage != current }

func (d *document) input() *secretsmanager.GetSecretValueInput {
	in := &secretsmanager.GetSecretValueInput{SecretId: aws.String(d.id)}
	if d.stage != "" {
		in.VersionStage = aws.String(d.stage)
	}
	if d.version != "" {
		in.VersionId = aws.String(d.version)
	}
	return in
}

// String is the document as errors name it.
func (d *document) String() string {
	s := d.id
	if d.version != "" {
		s += " version " + d.version
	}
	if d.stage != "" && d.stage != current {
		s += " stage " + d.stage
	}
	return s
}

// apart reports whether an answer to a call that asks for both documents tells
// which of them each entry belongs to. An entry has a name and an ARN, and says
// nothing of how it was asked for. Another account may have a secret of the same
// name, so names and ARNs do not go together, nor do two ARNs of which one
// could be the other without the suffix that the service appends.
func (d *document) apart(other *document) bool {
	arn := awsapi.IsARN(d.id)
	if arn != awsapi.IsARN(other.id) {
		return false
	}
	return !arn || !strings.HasPrefix(d.id, other.id+"-") && !strings.HasPrefix(other.id, d.id+"-")
}

// names reports whether an entry is of the secret that the document asks for:
// by its name, by its ARN, or by its ARN without the hyphen and the six
// characters that the service appends.
func (d *document) names(e *types.SecretValueEntry) bool {
	if !awsapi.IsARN(d.id) {
		return d.id == aws.ToString(e.Name)
	}
	const suffix = len("-AbCdEf")
	rest, ok := strings.CutPrefix(aws.ToString(e.ARN), d.id)
	return ok && (rest == "" || len(rest) == suffix && rest[0] == '-')
}

// bears reports whether an entry is what the document asks for. Reads are
// eventually consistent: the version that was current a moment ago may come
// back, without the stage.
func (d *document) bears(e *types.SecretValueEntry) bool {
	return e.VersionId != nil && (d.version == "" || *e.VersionId == d.version) &&
		(d.stage == "" || slices.Contains(e.VersionStages, d.stage))
}

// fill makes v what an entry holds; it reports false if that is nothing.
func fill(v *secrets.Value, e *types.SecretValueEntry) bool {
	switch {
	case e.SecretString != nil:
		v.Data = []byte(*e.SecretString)
	case e.SecretBinary != nil:
		v.Data = e.SecretBinary
	default:
		return false
	}
	v.Version = *e.VersionId
	v.Created = aws.ToTime(e.CreatedDate)
	return true
}

// wrongVersion is the error of an answer that is not what was asked for,
// twice.
func wrongVersion(d *document, region string) error {
	return fault.New(secrets.ErrUnavailable, call("GetSecretValue", d, region).Where()+": the answer is not the version that was asked for (reads are eventually consistent)", nil)
}
