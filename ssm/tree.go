package ssm

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// children reads the parameters one level below a name as one JSON object,
// keyed by the last segment of their names. They have versions of their own
// and the object has none: the resolver derives it. Parameter Store has no
// read of several pages at one moment: above ten children, two of them may be
// from before and after a change.
func (p *Provider) children(ctx context.Context, c *conn, d *document, v *secrets.Value) error {
	region, err := c.In(d.region, p.session.Options)
	if err != nil {
		return err
	}
	path := d.name
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	in := &ssm.GetParametersByPathInput{Path: aws.String(path), WithDecryption: aws.Bool(true), MaxResults: aws.Int32(10)}
	object := make(map[string]string)
	for {
		out, err := client(c).GetParametersByPath(ctx, in, callOptions(c, region))
		if err != nil {
			return p.fail(c, call("GetParametersByPath", &document{name: path}, region), err)
		}
		for _, child := range out.Parameters {
			key, below := strings.CutPrefix(aws.ToString(child.Name), path+"/")
			if below && !strings.Contains(key, "/") && child.Value != nil {
				object[key] = *child.Value
			}
		}
		if aws.ToString(out.NextToken) == "" { // a page before the last may be empty
			break
		}
		in.NextToken = out.NextToken
	}
	if len(object) == 0 {
		return missing(d, region)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(object) != nil {
		return fault.New(secrets.ErrInvalid, "the parameters below the name make no JSON object", nil)
	}
	v.Data = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	return nil
}
