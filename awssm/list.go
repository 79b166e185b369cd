package awssm

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// List yields the names of the secrets that start with prefix, without those
// that are scheduled for deletion. It needs secretsmanager:ListSecrets, which
// can be granted on * only. A page holds 100 names. Values are not read.
func (p *Provider) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		start := p.session.Options.Prefix
		full := p.session.Options.Path(prefix)
		if full != "" && spell(full) != nil {
			if strings.HasPrefix(full, "arn:") {
				yield("", errors.ErrUnsupported) // the service lists no ARNs by their start
			}
			return // no secret has such a name
		}
		var filters []types.Filter
		if full != "" && full[0] != '!' { // where ! would mean "not"
			filters = []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{full}}}
		}
		err := p.session.Pages(ctx, "Secrets Manager's list", func(c *conn, token *string) (*string, int, bool, error) {
			region, err := c.In("", p.session.Options)
			if err != nil {
				return nil, 0, false, err
			}
			out, err := client(c).ListSecrets(ctx, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(100), Filters: filters, NextToken: token}, callOptions(c, region))
			if err != nil {
				return nil, 0, false, call("ListSecrets", &document{id: full, stage: current}, region).Fail(c, err)
			}
			for _, s := range out.SecretList {
				name := aws.ToString(s.Name)
				if s.DeletedDate == nil && strings.HasPrefix(name, full) && !yield(strings.TrimPrefix(name, start), nil) {
					return nil, 0, false, nil
				}
			}
			return out.NextToken, len(out.SecretList), true, nil
		})
		if err != nil {
			yield("", err)
		}
	}
}
