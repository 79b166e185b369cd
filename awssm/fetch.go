package awssm

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
)

// Fetch reads one version of one secret, the current one if ref has neither
// stage nor version. The package's page tells how ref names it, and the errors.
func (p *Provider) Fetch(ctx context.Context, ref secrets.Ref) (v secrets.Value, err error) {
	d, err := p.locate(ref)
	if err != nil {
		return v, err
	}
	err = p.session.Call(ctx, func(c *conn) (err error) {
		v, err = p.read(ctx, c, &d)
		return err
	})
	if err == nil {
		p.gate.Confirm()
	}
	return v, err
}

// read reads a document, once more if the answer is not what was asked for.
func (p *Provider) read(ctx context.Context, c *conn, d *document) (v secrets.Value, err error) {
	region, err := c.In(d.region, p.session.Options)
	if err != nil {
		return v, err
	}
	for range 2 {
		out, err := client(c).GetSecretValue(ctx, d.input(), callOptions(c, region))
		if err != nil {
			f := call("GetSecretValue", d, region).Fail(c, err)
			if d.lacksSuffix() && (f.Class == secrets.ErrNotFound || f.Class == secrets.ErrPermission) {
				f.Msg += "; the ARN lacks the hyphen and the six characters that Secrets Manager appends (prod/db-AbCdEf): write it whole"
			}
			return v, f
		}
		e := &types.SecretValueEntry{
			VersionId: out.VersionId, VersionStages: out.VersionStages, CreatedDate: out.CreatedDate,
			SecretString: out.SecretString, SecretBinary: out.SecretBinary,
		}
		if d.bears(e) && fill(&v, e) {
			return v, nil
		}
	}
	return v, wrongVersion(d, region)
}

// call describes a call for the message of its failure.
func call(operation string, d *document, region string) *awsapi.Call {
	return &awsapi.Call{
		Service: "Secrets Manager", Action: "secretsmanager:" + operation,
		Subject: d.String(), Region: region, Selected: d.selects(),
		// The words are the only sign of a secret that is scheduled for
		// deletion: its code is that of any request out of place.
		NotFound: func(code, message string) bool {
			m := strings.ToLower(message)
			return code == "InvalidRequestException" && (strings.Contains(m, "marked for deletion") ||
				strings.Contains(m, "marked deleted") || strings.Contains(m, "scheduled for deletion"))
		},
		MissingKMS: func(code, message string) bool {
			return code == "DecryptionFailure" || strings.Contains(message, "KMS")
		},
	}
}
