package awssm

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

func TestANameIsTheSecretOfThatNameBelowTheBase(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.SecretsManager{"prod/db/password": "hunter2"}.Handle)
	v, err := over(t, s).Fetch(t.Context(), named("db/password"))
	require.NoError(t, err)
	assert.Equal(t, "hunter2", string(v.Data))
	assert.Equal(t, awstest.SecretVersion, v.Version)
	assert.Equal(t, time.Unix(1700000000, 25e7).UTC(), v.Created.UTC())
	assert.Equal(t, "AWSCURRENT", s.Requests()[0].Text("VersionStage"), "the stage is always asked for")
}

func TestAPrefixStandsBeforeEveryNameAndBeforeNoARN(t *testing.T) {
	t.Parallel()
	arn := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf"
	s := awstest.NewServer(t, awstest.SecretsManager{"team-prod/db": "by name", arn: "by ARN"}.Handle)
	p := over(t, s, WithPrefix("team-"))
	got, err := fetch(t, p, named("db"))
	require.NoError(t, err)
	assert.Equal(t, "by name", got)
	got, err = fetch(t, p, referenced(arn))
	require.NoError(t, err)
	assert.Equal(t, "by ARN", got)
}

func TestAnARNIsReadInItsOwnRegionInEveryPartition(t *testing.T) {
	t.Parallel()
	for arn, region := range map[string]string{
		"arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/db-AbCdEf":            "us-west-2",
		"arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:db-AbCdEf":             "cn-north-1",
		"arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:db-AbCdEf":      "us-gov-west-1",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!cluster-0a1b2c-AbCdEf": "eu-west-1",
	} {
		s := awstest.NewServer(t, awstest.SecretsManager{arn: "a value"}.Handle)
		got, err := fetch(t, over(t, s), referenced(arn))
		require.NoError(t, err, arn)
		assert.Equal(t, "a value", got)
		assert.Equal(t, region, s.Requests()[0].Region, "the call is signed for the ARN's region")
	}
}

func TestAnARNIsReadFromTheEndpointOfItsRegion(t *testing.T) {
	t.Parallel()
	for arn, host := range map[string]string{
		"arn:aws:secretsmanager:us-west-2:123456789012:secret:db-AbCdEf":            "secretsmanager.us-west-2.amazonaws.com",
		"arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:db-AbCdEf":        "secretsmanager.cn-north-1.amazonaws.com.cn",
		"arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:db-AbCdEf": "secretsmanager.us-gov-west-1.amazonaws.com",
		"db": "secretsmanager.eu-west-1.amazonaws.com",
	} {
		var asked string
		client := clientOf(&awstest.Server{}, func(o *secretsmanager.Options) {
			o.BaseEndpoint = nil
			o.HTTPClient = doer(func(r *http.Request) (*http.Response, error) {
				asked = r.URL.Host
				return nil, errors.New("no network in a test")
			})
		})
		_, err := fetch(t, New(client), referenced(arn))
		require.ErrorIs(t, err, secrets.ErrUnavailable)
		assert.Equal(t, host, asked)
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func TestANameThatSecretsManagerCannotHoldIsUnspellableAndNotAskedFor(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.SecretsManager{}.Handle)
	p := over(t, s)
	for _, ref := range []secrets.Ref{
		named("with space"), named("per%cent"), named("colon:here"), named("ünïcode"), named("nul\x00"),
		named(strings.Repeat("x", 513)), named("arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"), referenced(""),
	} {
		_, err := p.Fetch(t.Context(), ref)
		require.ErrorIs(t, err, secrets.ErrInvalid, "%q", ref.Path)
		var u interface{ Unspellable() bool }
		require.ErrorAs(t, err, &u)
		assert.True(t, u.Unspellable(), "%q", ref.Path)
	}
	assert.Empty(t, s.Calls())
}

func TestAnARNIsNoNameAlsoWithoutABase(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.SecretsManager{}.Handle)
	r := secrets.New(over(t, s))
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	_, err := r.Get(t.Context(), "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.Empty(t, s.Calls())
}

func TestTheARNOfSomethingElseIsInvalid(t *testing.T) {
	t.Parallel()
	p := over(t, awstest.NewServer(t, awstest.SecretsManager{}.Handle))
	for _, arn := range []string{
		"arn:aws:ssm:eu-west-1:123456789012:parameter/x", "arn:aws:secretsmanager:eu-west-1", "arn:aws:secretsmanager:eu-west-1:123456789012:rotation:x",
	} {
		_, err := p.Fetch(t.Context(), referenced(arn))
		assert.ErrorIs(t, err, secrets.ErrInvalid, arn)
	}
}

func TestABinarySecretComesBackByteForByte(t *testing.T) {
	t.Parallel()
	data := []byte{0, 1, 0xff, 0xfe, '\n', 0}
	e := awstest.SecretEntry("key", "")
	delete(e, "SecretString")
	e["SecretBinary"] = base64.StdEncoding.EncodeToString(data)
	v, err := over(t, answer(t, awstest.OK(e))).Fetch(t.Context(), referenced("key"))
	require.NoError(t, err)
	assert.Equal(t, data, v.Data)
}

func TestStageAndVersionAreAskedForAndCheckedInTheAnswer(t *testing.T) {
	t.Parallel()
	const old = "22222222-2222-4222-8222-222222222222"
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		e := awstest.SecretEntry("db", "old")
		e["VersionId"], e["VersionStages"] = old, []string{"AWSPREVIOUS"}
		return awstest.OK(e)
	})
	p := over(t, s)
	for _, ref := range []secrets.Ref{referenced("db", "stage", "AWSPREVIOUS"), referenced("db", "version", old), referenced("db", "version", old, "stage", "AWSPREVIOUS")} {
		s.Reset()
		got, err := fetch(t, p, ref)
		require.NoError(t, err)
		assert.Equal(t, "old", got)
		r := s.Requests()[0]
		assert.Equal(t, ref.Options["stage"], r.Text("VersionStage"))
		assert.Equal(t, ref.Options["version"], r.Text("VersionId"))
	}
}

func TestAnAnswerOfTheWrongStageIsReadAgain(t *testing.T) {
	t.Parallel()
	stages := []string{"AWSPENDING"}
	s := awstest.NewServer(t, nil)
	s.Handle(func(awstest.Request) awstest.Reply {
		e := awstest.SecretEntry("db", "value of "+stages[0])
		e["VersionStages"] = stages
		stages = []string{"AWSCURRENT"}
		return awstest.OK(e)
	})
	got, err := fetch(t, over(t, s), referenced("db"))
	require.NoError(t, err)
	assert.Equal(t, "value of AWSCURRENT", got)
	assert.Len(t, s.Calls(), 2)
}

func TestAPendingVersionIsNeverServedUnlessItIsAskedFor(t *testing.T) {
	t.Parallel()
	e := awstest.SecretEntry("db", "half a rotation")
	e["VersionStages"] = []string{"AWSPENDING"}
	s := answer(t, awstest.OK(e))
	p := over(t, s)
	v, err := p.Fetch(t.Context(), referenced("db"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.Empty(t, v.Data)
	assert.Len(t, s.Calls(), 2, "read once more, not for ever")
	got, err := fetch(t, p, referenced("db", "stage", "AWSPENDING"))
	require.NoError(t, err)
	assert.Equal(t, "half a rotation", got)
}

func TestAnAnswerWithNoValueIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, body := range []any{"", "{}", map[string]any{"ARN": "x", "Name": "db"}} {
		_, err := fetch(t, over(t, answer(t, awstest.Reply{Body: body})), referenced("db"))
		assert.ErrorIs(t, err, secrets.ErrUnavailable)
	}
}

func TestAReadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := over(t, answer(t, awstest.Reply{Hang: true}))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := p.Fetch(ctx, referenced("db"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.Less(t, time.Since(start), time.Second)
}

func TestAServerThatAnswersLateIsWaitedForAsLongAsTheReadMay(t *testing.T) {
	t.Parallel()
	m := awstest.SecretsManager{"db": "a value"}
	s := awstest.NewServer(t, m.Handle)
	s.Latency = 4 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
	defer cancel()
	start := time.Now()
	v, err := over(t, s).Fetch(ctx, referenced("db"))
	require.NoError(t, err)
	assert.Equal(t, "a value", string(v.Data))
	assert.InDelta(t, 7, time.Since(start).Seconds(), 1, "it was asked once more after three seconds")
	assert.Equal(t, []string{singly, singly}, s.Calls())
}

func TestAHungServerIsGivenUpWhenTheTimeIsUp(t *testing.T) {
	t.Parallel()
	s := answer(t, awstest.Reply{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	_, err := over(t, s).Fetch(ctx, referenced("db"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.Contains(t, err.Error(), "no answer in time")
	assert.Equal(t, []string{singly, singly}, s.Calls())
}

func TestAClosedProviderSaysSo(t *testing.T) {
	t.Parallel()
	p := over(t, awstest.NewServer(t, awstest.SecretsManager{"db": "x"}.Handle))
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	_, err := fetch(t, p, referenced("db"))
	assert.ErrorIs(t, err, secrets.ErrClosed)
}
