package ssm

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
	"github.com/go-secrets/secrets/internal/fault"
)

// Fetch reads one version of one parameter, decrypted, the newest one if ref
// has neither version nor label. The package's page tells how ref names it,
// and the errors.
func (p *Provider) Fetch(ctx context.Context, ref secrets.Ref) (v secrets.Value, err error) {
	d, err := p.locate(ref)
	if err != nil {
		return v, err
	}
	err = p.session.Call(ctx, func(c *conn) (err error) {
		v, err = p.read(ctx, c, &d)
		return err
	})
	return v, err
}

// read reads a document: the parameter of its name, or of its name without
// the leading slash, or else, with tree=true, its children.
func (p *Provider) read(ctx context.Context, c *conn, d *document) (v secrets.Value, err error) {
	err = p.get(ctx, c, d, &v)
	if d.loose && errors.Is(err, secrets.ErrNotFound) {
		if second := p.get(ctx, c, d.slashless(), &v); !errors.Is(second, secrets.ErrNotFound) {
			err = second
		}
	}
	// Children stand for a parameter that is not there, or that a policy for
	// its children does not grant.
	if !p.tree || d.selector != "" || awsapi.IsARN(d.name) ||
		!errors.Is(err, secrets.ErrNotFound) && !errors.Is(err, secrets.ErrPermission) {
		return v, err
	}
	second := p.children(ctx, d, &v)
	if second != nil && (errors.Is(second, secrets.ErrNotFound) || errors.Is(err, secrets.ErrPermission)) {
		return v, err
	}
	return v, second
}

// get reads one parameter into v.
func (p *Provider) get(ctx context.Context, c *conn, d *document, v *secrets.Value) error {
	region, err := c.In(d.region, p.session.Options)
	if err != nil {
		return err
	}
	out, err := client(c).GetParameter(ctx, &ssm.GetParameterInput{
		Name:           aws.String(d.String()),
		WithDecryption: aws.Bool(true), // else a SecureString comes as ciphertext, and no error
	}, callOptions(c, region))
	if err != nil {
		return call("GetParameter", d, region).Fail(c, err)
	}
	if out.Parameter == nil || !fill(v, out.Parameter) {
		return fault.New(secrets.ErrUnavailable, call("GetParameter", d, region).Where()+": the answer holds no parameter: a proxy or captive portal?", nil)
	}
	return nil
}

// missing is the error of a parameter that a batch reported as not there.
func missing(d *document, region string) error {
	return fault.New(secrets.ErrNotFound, "Parameter Store in "+region+" has no "+strconv.Quote(d.String()), nil)
}

// call describes a call for the message of its failure.
func call(operation string, d *document, region string) *awsapi.Call {
	return &awsapi.Call{
		Service: "Parameter Store", Action: "ssm:" + operation,
		Subject: d.String(), Region: region, Selected: d.selector != "",
		MissingKMS: func(code, message string) bool {
			return code == "InvalidKeyId" || strings.Contains(message, "KMS") || strings.Contains(message, "kms:")
		},
	}
}
