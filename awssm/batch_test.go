package awssm

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

const (
	singly  = "GetSecretValue"
	batched = "BatchGetSecretValue"
)

// store returns n secrets, and refs to them.
func store(n int) (awstest.SecretsManager, []secrets.Ref) {
	m := make(awstest.SecretsManager)
	names := awstest.Names("secret", n)
	for _, name := range names {
		m[name] = "value of " + name
	}
	return m, references(names...)
}

// requireAll checks that each ref got its own value.
func requireAll(t *testing.T, refs []secrets.Ref, results []secrets.Result) {
	t.Helper()
	require.Len(t, results, len(refs))
	for i, r := range results {
		require.NoError(t, r.Err)
		require.Equal(t, "value of "+refs[i].Path, string(r.Value.Data))
	}
}

func count(calls []string, operation string) (n int) {
	for _, c := range calls {
		if c == operation {
			n++
		}
	}
	return n
}

func TestFortyFiveSecretsAreReadInThreeCalls(t *testing.T) {
	t.Parallel()
	m, refs := store(45)
	s := awstest.NewServer(t, m.Handle)
	requireAll(t, refs, over(t, s).FetchBatch(t.Context(), refs))
	assert.Equal(t, []string{batched, batched, batched}, s.Calls())
	for _, r := range s.Requests() {
		assert.LessOrEqual(t, len(r.Texts("SecretIdList")), 20)
	}
}

func TestFewerThanThreeSecretsAreReadSingly(t *testing.T) {
	t.Parallel()
	m, refs := store(2)
	s := awstest.NewServer(t, m.Handle)
	requireAll(t, refs, over(t, s).FetchBatch(t.Context(), refs))
	assert.Equal(t, []string{singly, singly}, s.Calls())
}

func TestASecretAskedForTwiceIsReadOnce(t *testing.T) {
	t.Parallel()
	m, refs := store(3)
	refs = append(refs, refs...)
	s := awstest.NewServer(t, m.Handle)
	results := over(t, s).FetchBatch(t.Context(), refs)
	requireAll(t, refs, results)
	assert.Len(t, s.Requests()[0].Texts("SecretIdList"), 3)
	results[0].Value.Data[0] = 'X'
	assert.Equal(t, byte('v'), results[3].Value.Data[0], "results share no memory")
}

func TestMissingSecretsOfABatchAreNotFoundAndTheOthersAreThere(t *testing.T) {
	t.Parallel()
	m, refs := store(5)
	delete(m, refs[2].Path)
	s := awstest.NewServer(t, m.Handle)
	results := over(t, s).FetchBatch(t.Context(), refs)
	require.ErrorIs(t, results[2].Err, secrets.ErrNotFound)
	assert.Contains(t, results[2].Err.Error(), refs[2].Path)
	rest, restRefs := slices.Delete(slices.Clone(results), 2, 3), slices.Delete(slices.Clone(refs), 2, 3)
	requireAll(t, restRefs, rest)
	assert.Equal(t, []string{batched}, s.Calls())
}

func TestStagesAndVersionsGoSingly(t *testing.T) {
	t.Parallel()
	m, refs := store(3)
	s := awstest.NewServer(t, m.Handle)
	refs = append(refs, referenced("secret-000", "version", awstest.SecretVersion), referenced("secret-001", "stage", "AWSPREVIOUS"))
	results := over(t, s).FetchBatch(t.Context(), refs)
	requireAll(t, refs[:4], results[:4])
	assert.ErrorIs(t, results[4].Err, secrets.ErrUnavailable, "the store has no previous version")
	assert.Equal(t, 1, count(s.Calls(), batched))
	assert.Equal(t, 3, count(s.Calls(), singly), "one for the version, two for the stage that the answer does not bear")
}

func TestSecretsAreMatchedByNameByARNAndByARNWithoutItsSuffix(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		require.Equal(t, batched, r.Operation)
		return awstest.OK(map[string]any{"SecretValues": []any{ // in an order of its own
			awstest.SecretEntry("c", "value c"), awstest.SecretEntry("a", "value a"), awstest.SecretEntry("b", "value b"),
		}})
	})
	results := over(t, s).FetchBatch(t.Context(), references("a", arn+"b-AbCdEf", arn+"c", arn+"a-AbCdEf"))
	for i, want := range []string{"value a", "value b", "value c", "value a"} {
		require.NoError(t, results[i].Err)
		assert.Equal(t, want, string(results[i].Value.Data))
	}
}

func TestRegionsAreBatchedApart(t *testing.T) {
	t.Parallel()
	var paths []string
	m := awstest.SecretsManager{}
	for _, region := range []string{"eu-west-1", "us-west-2"} {
		for _, name := range awstest.Names("s", 3) {
			arn := "arn:aws:secretsmanager:" + region + ":123456789012:secret:" + name
			paths = append(paths, arn)
			m[arn] = "value of " + arn
		}
	}
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		for _, id := range r.Texts("SecretIdList") {
			assert.Contains(t, id, r.Region)
		}
		return m.Handle(r)
	})
	requireAll(t, references(paths...), over(t, s).FetchBatch(t.Context(), references(paths...)))
	assert.Equal(t, []string{batched, batched}, s.Calls())
}

func TestPagesOfABatchAreFollowedAlsoWhenEmpty(t *testing.T) {
	t.Parallel()
	m, refs := store(3)
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		switch r.Text("NextToken") {
		case "":
			return awstest.OK(map[string]any{"SecretValues": []any{}, "NextToken": "one"})
		case "one":
			return awstest.OK(map[string]any{"SecretValues": []any{awstest.SecretEntry("secret-000", m["secret-000"])}, "NextToken": "two"})
		}
		return m.Handle(r)
	})
	requireAll(t, refs, over(t, s).FetchBatch(t.Context(), refs))
	assert.Equal(t, []string{batched, batched, batched}, s.Calls())
}

func TestATokenThatLeadsNowhereEndsInSingleReads(t *testing.T) {
	t.Parallel()
	m, refs := store(3)
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		if r.Operation == batched {
			return awstest.OK(map[string]any{"NextToken": "again"})
		}
		return m.Handle(r)
	})
	requireAll(t, refs, over(t, s).FetchBatch(t.Context(), refs))
	assert.LessOrEqual(t, count(s.Calls(), batched), 4)
}

func TestADeniedBatchFallsBackToSinglesIsRememberedAndSaidOnce(t *testing.T) {
	t.Parallel()
	m, refs := store(45)
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		if r.Operation == batched {
			return awstest.Fail(400, "AccessDeniedException", "User: x is not authorized to perform: secretsmanager:BatchGetSecretValue")
		}
		return m.Handle(r)
	})
	var log bytes.Buffer
	p := over(t, s, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	requireAll(t, refs, p.FetchBatch(t.Context(), refs))
	assert.Equal(t, 3, count(s.Calls(), batched))
	assert.Equal(t, 45, count(s.Calls(), singly))

	s.Reset()
	requireAll(t, refs, p.FetchBatch(t.Context(), refs))
	assert.Equal(t, 0, count(s.Calls(), batched), "it is remembered")
	assert.Equal(t, 1, strings.Count(log.String(), "\n"), "it is said once: %s", &log)
	assert.Contains(t, log.String(), "secretsmanager:BatchGetSecretValue")
}

func TestAPerItemDenialIsFinalForThatItemOnly(t *testing.T) {
	t.Parallel()
	m, refs := store(4)
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		reply := m.Handle(r)
		body := reply.Body.(map[string]any)
		body["SecretValues"] = body["SecretValues"].([]any)[1:]
		body["Errors"] = []any{map[string]any{"SecretId": "secret-000", "ErrorCode": "AccessDeniedException", "Message": "not authorized"}}
		return reply
	})
	p := over(t, s)
	results := p.FetchBatch(t.Context(), refs)
	require.ErrorIs(t, results[0].Err, secrets.ErrPermission)
	var permission interface{ Permission() string }
	require.ErrorAs(t, results[0].Err, &permission)
	assert.Equal(t, "secretsmanager:GetSecretValue", permission.Permission())
	requireAll(t, refs[1:], results[1:])
	assert.Equal(t, []string{batched}, s.Calls(), "it is not read singly")
	p.FetchBatch(t.Context(), refs)
	assert.Equal(t, []string{batched, batched}, s.Calls(), "batches go on")
}

func TestAnEntryOfTheWrongStageIsReadSingly(t *testing.T) {
	t.Parallel()
	m, refs := store(3)
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		reply := m.Handle(r)
		if r.Operation == batched {
			stale := awstest.SecretEntry("secret-001", "the value before")
			stale["VersionStages"] = []string{"AWSPREVIOUS"}
			reply.Body.(map[string]any)["SecretValues"].([]any)[1] = stale
		}
		return reply
	})
	requireAll(t, refs, over(t, s).FetchBatch(t.Context(), refs))
	assert.Equal(t, []string{batched, singly}, s.Calls())
}

func TestACallRefusedForOneOfItsNamesIsReadSingly(t *testing.T) {
	t.Parallel()
	m, refs := store(3)
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		if r.Operation == batched {
			return awstest.Fail(400, "ValidationException", "1 validation error detected")
		}
		return m.Handle(r)
	})
	requireAll(t, refs, over(t, s).FetchBatch(t.Context(), refs))
}

func TestAThrottledBatchIsNotAnsweredWithMoreCalls(t *testing.T) {
	t.Parallel()
	_, refs := store(30)
	for code, class := range map[string]error{"ThrottlingException": secrets.ErrThrottled, "InternalServiceError": secrets.ErrUnavailable, "ExpiredTokenException": secrets.ErrUnauthenticated} {
		s := answer(t, awstest.Fail(400, code, ""))
		for _, r := range over(t, s).FetchBatch(t.Context(), refs) {
			assert.ErrorIs(t, r.Err, class)
		}
		assert.Equal(t, []string{batched, batched}, s.Calls())
	}
}

func TestWithBatchFalseEveryResultSaysUnsupported(t *testing.T) {
	t.Parallel()
	m, refs := store(5)
	s := awstest.NewServer(t, m.Handle)
	for _, p := range []*Provider{over(t, s, WithoutBatch()), fromURI(t, map[string]string{"batch": "false"})} {
		for _, r := range p.FetchBatch(t.Context(), refs) {
			assert.ErrorIs(t, r.Err, errors.ErrUnsupported)
		}
	}
	assert.Empty(t, s.Calls())
}

func TestARefThatCannotBeReadFailsNoOther(t *testing.T) {
	t.Parallel()
	m, refs := store(3)
	s := awstest.NewServer(t, m.Handle)
	results := over(t, s).FetchBatch(t.Context(), append(refs, referenced("with space")))
	requireAll(t, refs, results[:3])
	assert.ErrorIs(t, results[3].Err, secrets.ErrInvalid)
}
