package ssm

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/fault"
)

// largestTree is the most that the children of a name may hold together, in
// bytes.
const largestTree = 4 << 20

// children reads the parameters one level below a name as one JSON object,
// keyed by the last segment of their names. They have versions of their own
// and the object has none: the resolver derives it. Parameter Store has no
// read of several pages at one moment: above ten children, two of them may be
// from before and after a change.
func (p *Provider) children(ctx context.Context, d *document, v *secrets.Value) error {
	path := d.name
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	object := make(map[string]string)
	where, size := "", 0
	err := p.session.Pages(ctx, "Parameter Store, the parameters below "+strconv.Quote(path), func(c *conn, token *string) (*string, int, bool, error) {
		region, err := c.In(d.region, p.session.Options)
		if err != nil {
			return nil, 0, false, err
		}
		where = region
		of := call("GetParametersByPath", &document{name: path}, region)
		out, err := client(c).GetParametersByPath(ctx, &ssm.GetParametersByPathInput{
			Path: aws.String(path), WithDecryption: aws.Bool(true), MaxResults: aws.Int32(10), NextToken: token,
		}, callOptions(c, region))
		if err != nil {
			return nil, 0, false, of.Fail(c, err)
		}
		for _, child := range out.Parameters {
			key, below := strings.CutPrefix(aws.ToString(child.Name), path+"/")
			if below && !strings.Contains(key, "/") && child.Value != nil {
				object[key] = *child.Value
				size += len(key) + len(*child.Value)
			}
		}
		if size > largestTree {
			return nil, 0, false, fault.New(secrets.ErrInvalid, of.Where()+": the parameters below it are more than 4 MiB together; ask for one by its name", nil)
		}
		return out.NextToken, len(out.Parameters), true, nil
	})
	if err != nil {
		return err
	}
	if len(object) == 0 {
		return missing(d, where)
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
