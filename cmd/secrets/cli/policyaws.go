package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
)

// An awsPolicy gathers the resources of an IAM policy.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
type awsPolicy struct {
	secrets    []string // ARNs
	batched    int      // of these, those that go in batches
	parameters []string
	trees      []string // parameters whose children are read
	single     bool     // ssm with batch=false
}

// An iamDocument is a policy as IAM takes it.
type iamDocument struct {
	Version   string         `json:"Version"`
	Statement []iamStatement `json:"Statement"`
}

type iamStatement struct {
	Effect   string   `json:"Effect"`
	Action   []string `json:"Action"`
	Resource []string `json:"Resource"`
}

func (p *awsPolicy) empty() bool { return len(p.secrets)+len(p.parameters) == 0 }

// batchFrom is how many secrets awssm reads with one call rather than singly.
const batchFrom = 3

func (p *awsPolicy) add(w *policyWriter, c candidate) {
	options := c.at.Options
	if role := options["role"]; role != "" {
		w.note("The AWS policy is for the role %s; what assumes it needs sts:AssumeRole on it.", role)
	}
	path := c.at.Path
	if !strings.HasPrefix(path, "arn:") {
		if strings.HasSuffix(options["prefix"], "/") {
			path = strings.TrimPrefix(path, "/")
		}
		path = options["prefix"] + path
	}
	if c.at.Scheme == "awssm" {
		before := len(p.secrets)
		p.secrets = insert(p.secrets, secretARN(path, options))
		single := options["batch"] == "false" || options["stage"] != "" || options["version"] != ""
		if len(p.secrets) > before && !single {
			p.batched++
		}
		return
	}
	arn := parameterARN(path, options)
	p.parameters = insert(p.parameters, arn)
	p.single = p.single || options["batch"] == "false"
	if options["tree"] == "true" {
		p.trees = insert(insert(p.trees, arn), arn+"/*")
	}
}

// suffix is what Secrets Manager puts behind a name to make an ARN.
var suffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// secretARN returns the ARN of a secret, its six random characters as six
// question marks unless they are known.
func secretARN(path string, options map[string]string) string {
	if strings.HasPrefix(path, "arn:") {
		if suffix.MatchString(path) {
			return path
		}
		return path + "-??????"
	}
	return arn("secretsmanager", options) + ":secret:" + path + "-??????"
}

// parameterARN returns the ARN of a parameter, which has one slash before its
// name whether the name has one or not.
func parameterARN(path string, options map[string]string) string {
	if strings.HasPrefix(path, "arn:") {
		return path
	}
	name, _, _ := strings.Cut(path, ":") // a version or a label
	return arn("ssm", options) + ":parameter/" + strings.TrimPrefix(name, "/")
}

// arn returns the start of an ARN: partition, service, region and account, as
// far as the configuration tells them.
func arn(service string, options map[string]string) string {
	region, account := options["region"], "*"
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if region == "" {
			region = os.Getenv(name)
		}
	}
	partition := "aws"
	if role := strings.Split(options["role"], ":"); len(role) > 4 {
		partition, account = role[1], role[4]
	}
	switch {
	case strings.HasPrefix(region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		partition = "aws-us-gov"
	case region == "":
		region = "*"
	}
	return strings.Join([]string{"arn", partition, service, region, account}, ":")
}

func (p *awsPolicy) document(w *policyWriter) iamDocument {
	d := iamDocument{Version: "2012-10-17"}
	allow := func(resources []string, actions ...string) {
		if len(resources) > 0 {
			d.Statement = append(d.Statement, iamStatement{"Allow", actions, resources})
		}
	}
	allow(p.secrets, "secretsmanager:GetSecretValue")
	if p.batched >= batchFrom {
		allow([]string{"*"}, "secretsmanager:BatchGetSecretValue")
		w.note("secretsmanager:BatchGetSecretValue can be granted on * only, and opens no secret by itself; without it secrets are read singly.")
	}
	actions := []string{"ssm:GetParameter"}
	if len(p.parameters) > 1 && !p.single {
		actions = append(actions, "ssm:GetParameters")
	}
	allow(p.parameters, actions...)
	allow(p.trees, "ssm:GetParametersByPath")
	w.note("For what a key of your own encrypts, add kms:Decrypt on that key.")
	if strings.Contains(strings.Join(p.secrets, " ")+strings.Join(p.parameters, " "), ":*:") {
		w.note("A * in an ARN stands for a region or account that the configuration does not tell; put yours there.")
	}
	return d
}

func (p *awsPolicy) text(w *policyWriter) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(p.document(w)); err != nil {
		return ""
	}
	return b.String()
}
