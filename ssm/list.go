package ssm

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/go-secrets/secrets/internal/awsapi"
)

// List yields the names of the parameters that start with prefix, with a
// leading slash if prefix has one. It needs ssm:DescribeParameters, which can
// be granted on * only. A page holds 50 names. Values are not read.
func (p *Provider) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if awsapi.IsARN(prefix) {
			yield("", errors.ErrUnsupported) // the service lists no ARNs by their start
			return
		}
		start := p.session.Options.Prefix
		full := p.session.Options.Path(prefix)
		var filters []types.ParameterStringFilter
		if f := filter(full); f != nil {
			filters = []types.ParameterStringFilter{*f}
		}
		err := p.session.Pages(ctx, "Parameter Store's list", func(c *conn, token *string) (*string, int, bool, error) {
			region, err := c.In("", p.session.Options)
			if err != nil {
				return nil, 0, false, err
			}
			out, err := client(c).DescribeParameters(ctx, &ssm.DescribeParametersInput{MaxResults: aws.Int32(50), ParameterFilters: filters, NextToken: token}, callOptions(c, region))
			if err != nil {
				return nil, 0, false, call("DescribeParameters", &document{name: full}, region).Fail(c, err)
			}
			for _, parameter := range out.Parameters {
				name := aws.ToString(parameter.Name)
				if !strings.HasPrefix(full, "/") {
					name = strings.TrimPrefix(name, "/")
				}
				if strings.HasPrefix(name, full) && !yield(strings.TrimPrefix(name, start), nil) {
					return nil, 0, false, nil
				}
			}
			return out.NextToken, len(out.Parameters), true, nil
		})
		if err != nil {
			yield("", err)
		}
	}
}

// filter narrows a listing to names that start with prefix, with or without a
// leading slash; nil: all.
func filter(prefix string) *types.ParameterStringFilter {
	trimmed := strings.TrimPrefix(prefix, "/")
	if trimmed == "" {
		return nil
	}
	values := []string{"/" + trimmed}
	if prefix == trimmed && !strings.Contains(trimmed, "/") {
		values = append(values, trimmed)
	}
	return &types.ParameterStringFilter{Key: aws.String("Name"), Option: aws.String("BeginsWith"), Values: values}
}
