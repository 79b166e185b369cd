package ssm

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

func TestWithTreeTheParametersOneLevelBelowAreOneDocument(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.ParameterStore{"/prod/db/user": "app", "/prod/db/password": "<&>", "/prod/db/deep/down": "x", "/prod/db2": "y"}.Handle)
	p := over(t, s, WithTree())
	v, err := p.Fetch(t.Context(), named("db"))
	require.NoError(t, err)
	assert.Equal(t, `{"password":"<&>","user":"app"}`, string(v.Data))
	assert.Empty(t, v.Version, "the resolver derives it")
	assert.Equal(t, true, s.Requests()[1].Body["WithDecryption"])

	results := p.FetchBatch(t.Context(), []secrets.Ref{named("db"), named("db2"), named("none")})
	require.NoError(t, results[0].Err)
	assert.Equal(t, v, results[0].Value)
	assert.Equal(t, "y", string(results[1].Value.Data))
	assert.ErrorIs(t, results[2].Err, secrets.ErrNotFound)
}

func TestAParameterGoesBeforeItsChildren(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.ParameterStore{"/prod/db": "itself", "/prod/db/user": "app"}.Handle)
	got, err := fetch(t, over(t, s, WithTree()), named("db"))
	require.NoError(t, err)
	assert.Equal(t, "itself", got)
}

func TestWithoutTreeChildrenAreNoDocument(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.ParameterStore{"/prod/db/user": "app"}.Handle)
	_, err := fetch(t, over(t, s), named("db"))
	require.ErrorIs(t, err, secrets.ErrNotFound)
	assert.Equal(t, []string{"GetParameter"}, s.Calls())
}

func TestTreeIsAnOptionOfTheURI(t *testing.T) {
	s := awstest.NewServer(t, awstest.ParameterStore{"/prod/db/user": "app"}.Handle)
	awstest.Environment(t, awstest.Keys...)
	got, err := fetch(t, fromURI(t, map[string]string{"tree": "true", "endpoint": s.URL}), named("db"))
	require.NoError(t, err)
	assert.Equal(t, `{"user":"app"}`, got)
	_, err = open(t.Context(), secrets.Ref{Options: map[string]string{"tree": "perhaps"}})
	assert.ErrorIs(t, err, secrets.ErrInvalid)
}

func TestAnEmptyPageWithATokenIsNotTheEnd(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		switch {
		case r.Operation == "GetParameter":
			return awstest.Fail(400, "ParameterNotFound", "")
		case r.Text("NextToken") == "":
			return awstest.OK(map[string]any{"Parameters": []any{}, "NextToken": "more"})
		}
		return awstest.OK(map[string]any{"Parameters": []any{awstest.Parameter("/prod/db/user", "app", 1)}})
	})
	got, err := fetch(t, over(t, s, WithTree()), named("db"))
	require.NoError(t, err)
	assert.Equal(t, `{"user":"app"}`, got)
}

func TestChildrenThatAPolicyGrantsAreFoundWhereTheirParentIsDenied(t *testing.T) {
	t.Parallel()
	m := awstest.ParameterStore{"/prod/db/user": "app"}
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		if r.Operation == "GetParameter" {
			return awstest.Fail(400, "AccessDeniedException", "no")
		}
		return m.Handle(r)
	})
	p := over(t, s, WithTree())
	got, err := fetch(t, p, named("db"))
	require.NoError(t, err)
	assert.Equal(t, `{"user":"app"}`, got)
	_, err = fetch(t, p, named("other"))
	assert.ErrorIs(t, err, secrets.ErrPermission, "with no children it is the denial that counts")
}
