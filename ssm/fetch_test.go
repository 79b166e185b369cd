package ssm

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

func TestANameIsTheParameterOfThatNameBelowTheBase(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.ParameterStore{"/prod/db/password": "hunter2"}.Handle)
	v, err := over(t, s).Fetch(t.Context(), named("db/password"))
	require.NoError(t, err)
	assert.Equal(t, "hunter2", string(v.Data))
	assert.Equal(t, "1@2023-11-14T22:13:20.25Z", v.Version, "the version and the date: a delete and create starts at 1 again")
	assert.Equal(t, true, s.Requests()[0].Body["WithDecryption"], "else a SecureString comes as ciphertext")
}

func TestANameIsSpelledAsParameterStoreHasIt(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:ssm:us-west-2:123456789012:parameter/prod/db"
	for _, c := range []struct {
		ref  secrets.Ref
		want string
	}{
		{referenced("/prod/db"), "/prod/db"},
		{referenced("prod/db"), "/prod/db"}, // a name with levels has a leading slash
		{referenced("db-password"), "db-password"},
		{secrets.Ref{Base: "prod", Path: "db"}, "/prod/db"},
		{secrets.Ref{Base: "/prod/", Path: "db"}, "/prod/db"},
		{secrets.Ref{Base: "/", Path: "db"}, "/db"},
		{referenced("/prod/db:3"), "/prod/db:3"},
		{referenced("/prod/db:blue"), "/prod/db:blue"},
		{referenced("/prod/db", "version", "3"), "/prod/db:3"},
		{referenced("/prod/db", "label", "blue"), "/prod/db:blue"},
		{referenced(arn), arn},
		{referenced(arn + ":3"), arn + ":3"},
		{referenced(arn, "label", "blue"), arn + ":blue"},
		{secrets.Ref{Base: "arn:aws:ssm:us-west-2:123456789012:parameter/prod", Path: "db"}, arn},
	} {
		var asked string
		s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
			asked = r.Text("Name")
			return awstest.OK(map[string]any{"Parameter": awstest.Parameter("x", "a value", 1)})
		})
		_, err := fetch(t, over(t, s), c.ref)
		require.NoError(t, err)
		assert.Equal(t, c.want, asked)
	}
}

func TestAnARNIsReadInItsOwnRegionInEveryPartition(t *testing.T) {
	t.Parallel()
	for arn, region := range map[string]string{
		"arn:aws:ssm:us-west-2:123456789012:parameter/prod/db":           "us-west-2",
		"arn:aws-cn:ssm:cn-north-1:123456789012:parameter/db":            "cn-north-1",
		"arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/prod/x": "us-gov-west-1",
	} {
		s := awstest.NewServer(t, awstest.ParameterStore{arn: "a value"}.Handle)
		s.Handle(func(r awstest.Request) awstest.Reply {
			return awstest.OK(map[string]any{"Parameter": awstest.Parameter(arn, "a value", 1)})
		})
		_, err := fetch(t, over(t, s), referenced(arn))
		require.NoError(t, err)
		assert.Equal(t, arn, s.Requests()[0].Text("Name"), "shared parameters need the whole ARN")
		assert.Equal(t, region, s.Requests()[0].Region)
	}
}

func TestASlashlessNameIsLiteralInAReferenceAndASecondChoiceForAName(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.ParameterStore{"both": "without", "/both": "with", "bare": "without", "/slashed": "with"}.Handle)
	p := over(t, s)
	for path, want := range map[string]string{"both": "without", "/both": "with", "bare": "without", "/slashed": "with"} {
		got, err := fetch(t, p, referenced(path))
		require.NoError(t, err)
		assert.Equal(t, want, got, path)
	}
	for _, path := range []string{"/bare", "slashed", "none"} {
		_, err := fetch(t, p, referenced(path))
		require.ErrorIs(t, err, secrets.ErrNotFound, path)
	}
	r := secrets.New(p)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	for name, want := range map[string]string{"both": "with", "bare": "without", "slashed": "with"} {
		got, err := r.Get(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, want, got.Reveal(), name)
	}
	_, err := r.Get(t.Context(), "none")
	require.ErrorIs(t, err, secrets.ErrNotFound)
}

func TestASelectorIsRefusedInANameAndNotAskedFor(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.ParameterStore{"/prod/db": "x"}.Handle)
	p := over(t, s)
	_, err := fetch(t, p, named("db:1"))
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.Contains(t, err.Error(), "?version=")
	r := secrets.New(p) // with no base, too
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	_, err = r.Get(t.Context(), "db:1")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.Empty(t, s.Calls())
}

func TestOneSelectorAtMost(t *testing.T) {
	t.Parallel()
	p := over(t, awstest.NewServer(t, awstest.ParameterStore{}.Handle))
	for _, ref := range []secrets.Ref{
		referenced("/db:1", "version", "1"), referenced("/db", "version", "1", "label", "blue"), referenced("/db:1:2"), referenced("/db:"),
		referenced("/db", "version", "blue"), referenced("/db", "version", "0"), referenced("/db", "label", "a:b"), referenced("/db", "label", ""),
	} {
		_, err := fetch(t, p, ref)
		require.ErrorIs(t, err, secrets.ErrInvalid, "%v", ref)
		var u interface{ Unspellable() bool }
		require.ErrorAs(t, err, &u)
		assert.False(t, u.Unspellable(), "it is the selector that is wrong, not the name")
	}
}

func TestANameThatParameterStoreCannotHoldIsUnspellableAndNotAskedFor(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.ParameterStore{}.Handle)
	for _, ref := range []secrets.Ref{named("with space"), named("at@sign"), named("ünïcode"), named("nul\x00"), referenced(""), referenced("/")} {
		_, err := fetch(t, over(t, s), ref)
		require.ErrorIs(t, err, secrets.ErrInvalid)
		var u interface{ Unspellable() bool }
		require.ErrorAs(t, err, &u)
		assert.True(t, u.Unspellable(), "%q", ref.Path)
	}
	assert.Empty(t, s.Calls())
}

func TestASecretBehindParameterStoreIsRefusedWithAPointer(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.ParameterStore{}.Handle)
	_, err := fetch(t, over(t, s), referenced("/aws/reference/secretsmanager/prod/db"))
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.Contains(t, err.Error(), "awssm://prod/db")
	assert.Empty(t, s.Calls())
}

func TestADeleteAndCreateIsANewVersion(t *testing.T) {
	t.Parallel()
	date := 1700000000.25
	s := awstest.NewServer(t, func(awstest.Request) awstest.Reply {
		p := awstest.Parameter("/db", "a value", 1)
		p["LastModifiedDate"] = date
		return awstest.OK(map[string]any{"Parameter": p})
	})
	p := over(t, s)
	first, err := p.Fetch(t.Context(), referenced("/db"))
	require.NoError(t, err)
	date++
	second, err := p.Fetch(t.Context(), referenced("/db"))
	require.NoError(t, err)
	assert.NotEqual(t, first.Version, second.Version)
}

func TestAStringListIsItsRawText(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.ParameterStore{"/list": "a,b, c"}.Handle)
	got, err := fetch(t, over(t, s), referenced("/list"))
	require.NoError(t, err)
	assert.Equal(t, "a,b, c", got)
}
