package ssm

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

func list(t *testing.T, p *Provider, prefix string) ([]string, error) {
	t.Helper()
	var names []string
	for name, err := range p.List(t.Context(), prefix) {
		if err != nil {
			return names, err
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func TestAListHasTheNamesThatStartWithThePrefix(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.ParameterStore{"/prod/a": "", "/prod/b": "", "/production": "", "/test/a": "", "prodigy": ""}.Handle)
	p := over(t, s)
	for prefix, want := range map[string][]string{
		"/prod/": {"/prod/a", "/prod/b"}, // with a leading slash if the prefix has one
		"prod/":  {"prod/a", "prod/b"},
		"prod":   {"prod/a", "prod/b", "prodigy", "production"},
		"/test":  {"/test/a"},
		"none":   nil,
	} {
		names, err := list(t, p, prefix)
		require.NoError(t, err)
		assert.Equal(t, want, names, prefix)
	}
	names, err := list(t, over(t, s, WithPrefix("/prod/")), "")
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, names, "without the provider's own prefix")
}

func TestAListFollowsEmptyPagesAndReadsNoValue(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		if r.Text("NextToken") == "" {
			return awstest.OK(map[string]any{"Parameters": []any{}, "NextToken": "2"})
		}
		return awstest.OK(map[string]any{"Parameters": []any{map[string]any{"Name": "/a"}}})
	})
	names, err := list(t, over(t, s), "/")
	require.NoError(t, err)
	assert.Equal(t, []string{"/a"}, names)
	assert.Equal(t, []string{"DescribeParameters", "DescribeParameters"}, s.Calls())
}

func TestAListThatIsDeniedSaysWhatToAllow(t *testing.T) {
	t.Parallel()
	_, err := list(t, over(t, answer(t, awstest.Fail(400, "AccessDeniedException", "no"))), "/prod/")
	require.ErrorIs(t, err, secrets.ErrPermission)
	assert.Contains(t, err.Error(), "allow ssm:DescribeParameters")
}
