package ssm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

const (
	ownARN   = "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db"
	otherARN = "arn:aws:ssm:eu-west-1:999999999999:parameter/prod/db"
)

// selecting is a service that returns bare names, with the selector in a field
// of its own, in an order of its own. Each value says what it answers.
func selecting(t *testing.T) *awstest.Server {
	parameter := func(asked string) map[string]any {
		last := strings.LastIndexByte(asked, '/') + 1
		base, selector, selected := strings.Cut(asked[last:], ":")
		name, version := asked[:last]+base, 3
		p := awstest.Parameter(name, "value of "+asked, version)
		if awsapi.IsARN(name) {
			p["ARN"], p["Name"] = name, "/prod/db"
		}
		if selected {
			p["Selector"] = ":" + selector
			if selector == "2" {
				p["Version"] = 2
			}
		}
		return p
	}
	return awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		if r.Operation == single {
			return awstest.OK(map[string]any{"Parameter": parameter(r.Text("Name"))})
		}
		names := r.Texts("Names")
		var found []any
		for n := range names {
			found = append(found, parameter(names[len(names)-1-n]))
		}
		return awstest.OK(map[string]any{"Parameters": found})
	})
}

func TestAParameterIsMatchedByNameARNAndSelector(t *testing.T) {
	t.Parallel()
	s := selecting(t)
	p := over(t, s)
	asked := map[string]secrets.Ref{
		"/prod/db":           referenced("/prod/db"),
		"/prod/db:2":         referenced("/prod/db", "version", "02"),
		"/prod/db:blue":      referenced("/prod/db", "label", "blue"),
		"/prod/other":        referenced("/prod/other"),
		ownARN:               referenced(ownARN),
		ownARN + ":2":        referenced(ownARN, "version", "2"),
		otherARN:             referenced(otherARN),
		otherARN + ":blue":   referenced(otherARN, "label", "blue"),
		otherARN + "-backup": referenced(otherARN + "-backup"),
	}
	for range 20 { // maps go through their keys in any order
		var names []string
		var refs []secrets.Ref
		for name, ref := range asked {
			names, refs = append(names, name), append(refs, ref)
		}
		results := p.FetchBatch(t.Context(), refs)
		for i, name := range names {
			require.NoError(t, results[i].Err)
			assert.Equal(t, "value of "+name, string(results[i].Value.Data))
		}
	}
	for _, r := range s.Requests() {
		kinds, documents := map[bool]bool{}, map[string]bool{}
		for _, name := range r.Texts("Names") {
			kinds[awsapi.IsARN(name)] = true
			last := strings.LastIndexByte(name, '/') + 1
			base, _, _ := strings.Cut(name[last:], ":")
			assert.False(t, documents[name[:last]+base], "one parameter twice in %v", r.Texts("Names"))
			documents[name[:last]+base] = true
		}
		assert.Len(t, kinds, min(1, len(documents)), "names and ARNs in one call: %v", r.Texts("Names"))
	}
}
