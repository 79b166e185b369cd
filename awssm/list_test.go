package awssm

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
	s := awstest.NewServer(t, awstest.SecretsManager{"prod/a": "", "prod/b": "", "production": "", "test/a": ""}.Handle)
	names, err := list(t, over(t, s), "prod/")
	require.NoError(t, err)
	assert.Equal(t, []string{"prod/a", "prod/b"}, names)
	names, err = list(t, over(t, s, WithPrefix("prod/")), "")
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, names, "without the provider's own prefix, as Get takes them")
	names, err = list(t, over(t, s), "no such")
	require.NoError(t, err)
	assert.Empty(t, names)
}

func TestAListFollowsItsPagesAndReadsNoneAhead(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		switch r.Text("NextToken") {
		case "":
			return awstest.OK(map[string]any{"SecretList": []any{}, "NextToken": "2"})
		case "2":
			return awstest.OK(map[string]any{"SecretList": []any{map[string]any{"Name": "a"}, map[string]any{"Name": "gone", "DeletedDate": 1700000000}}, "NextToken": "3"})
		}
		return awstest.OK(map[string]any{"SecretList": []any{map[string]any{"Name": "b"}}})
	})
	p := over(t, s)
	names, err := list(t, p, "")
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, names)
	s.Reset()
	for range p.List(t.Context(), "") {
		break
	}
	assert.Len(t, s.Calls(), 2)
}

func TestAListThatIsDeniedSaysWhatToAllow(t *testing.T) {
	t.Parallel()
	p := over(t, answer(t, awstest.Fail(400, "AccessDeniedException", "no")))
	_, err := list(t, p, "prod/")
	require.ErrorIs(t, err, secrets.ErrPermission)
	assert.Contains(t, err.Error(), "allow secretsmanager:ListSecrets")
}
