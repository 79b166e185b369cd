package ssm

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
	single  = "GetParameter"
	batched = "GetParameters"
)

// store returns n parameters, and refs to them.
func store(n int) (awstest.ParameterStore, []secrets.Ref) {
	m := make(awstest.ParameterStore)
	names := awstest.Names("/prod/p", n)
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

// denying is a store in which some calls are denied.
func denying(m awstest.ParameterStore, denied func(awstest.Request) bool) func(awstest.Request) awstest.Reply {
	return func(r awstest.Request) awstest.Reply {
		if denied(r) {
			return awstest.Fail(400, "AccessDeniedException", "User: x is not authorized to perform: ssm:"+r.Operation+" on resource: y")
		}
		return m.Handle(r)
	}
}

func TestTwentyFiveParametersAreReadInThreeCalls(t *testing.T) {
	t.Parallel()
	m, refs := store(25)
	s := awstest.NewServer(t, m.Handle)
	requireAll(t, refs, over(t, s).FetchBatch(t.Context(), refs))
	assert.Equal(t, []string{batched, batched, batched}, s.Calls())
	for _, r := range s.Requests() {
		assert.LessOrEqual(t, len(r.Texts("Names")), 10)
		assert.Equal(t, true, r.Body["WithDecryption"])
	}
}

func TestOneParameterIsReadSingly(t *testing.T) {
	t.Parallel()
	m, refs := store(1)
	s := awstest.NewServer(t, m.Handle)
	requireAll(t, refs, over(t, s).FetchBatch(t.Context(), refs))
	assert.Equal(t, []string{single}, s.Calls())
}

func TestMissingParametersOfABatchAreNotFoundWithoutAnotherCall(t *testing.T) {
	t.Parallel()
	m, refs := store(5)
	delete(m, refs[2].Path)
	s := awstest.NewServer(t, m.Handle)
	results := over(t, s).FetchBatch(t.Context(), refs)
	require.ErrorIs(t, results[2].Err, secrets.ErrNotFound)
	assert.Contains(t, results[2].Err.Error(), refs[2].Path)
	requireAll(t, slices.Delete(slices.Clone(refs), 2, 3), slices.Delete(slices.Clone(results), 2, 3))
	assert.Equal(t, []string{batched}, s.Calls())
}

func TestVersionsAndLabelsGoIntoBatchesButNoNameTwiceInACall(t *testing.T) {
	t.Parallel()
	m, refs := store(3)
	s := awstest.NewServer(t, m.Handle)
	refs = append(refs, referenced(refs[0].Path, "version", "1"), referenced(refs[1].Path, "label", "blue"), referenced(refs[2].Path, "version", "7"))
	results := over(t, s).FetchBatch(t.Context(), refs)
	requireAll(t, refs[:5], results[:5])
	assert.ErrorIs(t, results[5].Err, secrets.ErrNotFound)
	assert.Equal(t, []string{batched, batched}, s.Calls())
	for _, r := range s.Requests() {
		seen := map[string]bool{}
		for _, name := range r.Texts("Names") {
			name, _, _ = strings.Cut(name, ":")
			assert.False(t, seen[name], name)
			seen[name] = true
		}
	}
}

func TestPreloadFindsSlashlessNamesToo(t *testing.T) {
	t.Parallel()
	s := awstest.NewServer(t, awstest.ParameterStore{"a": "value of a", "/b": "value of b"}.Handle)
	r := secrets.New(over(t, s))
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	err := r.Preload(t.Context(), "a", "b", "c")
	require.ErrorIs(t, err, secrets.ErrNotFound)
	for _, name := range []string{"a", "b"} {
		got, err := r.Get(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, "value of "+name, got.Reveal())
	}
}

func TestABatchDeniedForOneNameFallsBackToSinglesThatNameTheCulprit(t *testing.T) {
	t.Parallel()
	m, refs := store(5)
	s := awstest.NewServer(t, denying(m, func(r awstest.Request) bool {
		return r.Text("Name") == refs[2].Path || slices.Contains(r.Texts("Names"), refs[2].Path)
	}))
	results := over(t, s).FetchBatch(t.Context(), refs)
	require.ErrorIs(t, results[2].Err, secrets.ErrPermission)
	assert.Contains(t, results[2].Err.Error(), refs[2].Path)
	var permission interface{ Permission() string }
	require.ErrorAs(t, results[2].Err, &permission)
	assert.Equal(t, "ssm:GetParameter", permission.Permission())
	requireAll(t, slices.Delete(slices.Clone(refs), 2, 3), slices.Delete(slices.Clone(results), 2, 3))
}

func TestADeniedGetParametersFallsBackToSinglesIsRememberedAndSaidOnce(t *testing.T) {
	t.Parallel()
	m, refs := store(25)
	s := awstest.NewServer(t, denying(m, func(r awstest.Request) bool { return r.Operation == batched }))
	var log bytes.Buffer
	p := over(t, s, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	requireAll(t, refs, p.FetchBatch(t.Context(), refs))
	assert.Equal(t, 3, count(s.Calls(), batched))
	assert.Equal(t, 25, count(s.Calls(), single))

	s.Reset()
	requireAll(t, refs, p.FetchBatch(t.Context(), refs))
	assert.Equal(t, 0, count(s.Calls(), batched), "it is remembered")
	assert.Equal(t, 1, strings.Count(log.String(), "\n"), "it is said once: %s", &log)
	assert.Contains(t, log.String(), "ssm:GetParameters")
}

func TestABatchThatRefusesARNsIsReadSingly(t *testing.T) {
	t.Parallel()
	m, refs := store(3)
	arn := "arn:aws:ssm:eu-west-1:123456789012:parameter/shared"
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		switch {
		case r.Operation == batched:
			return awstest.Fail(400, "ValidationException", "Invalid parameter name")
		case r.Text("Name") == arn:
			return awstest.OK(map[string]any{"Parameter": awstest.Parameter(arn, "value of "+arn, 1)})
		}
		return m.Handle(r)
	})
	refs = append(refs, referenced(arn))
	requireAll(t, refs, over(t, s).FetchBatch(t.Context(), refs))
}

func TestAnARNThatABatchDoesNotFindIsReadSingly(t *testing.T) {
	t.Parallel()
	arn := "arn:aws:ssm:eu-west-1:123456789012:parameter/shared"
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		if r.Operation == batched {
			return awstest.OK(map[string]any{"InvalidParameters": r.Texts("Names")})
		}
		return awstest.OK(map[string]any{"Parameter": awstest.Parameter(arn, "value of "+r.Text("Name"), 1)})
	})
	refs := references(arn, arn+"-2")
	requireAll(t, refs, over(t, s).FetchBatch(t.Context(), refs))
}

func TestAThrottledBatchIsNotAnsweredWithMoreCalls(t *testing.T) {
	t.Parallel()
	_, refs := store(20)
	for code, class := range map[string]error{"ThrottlingException": secrets.ErrThrottled, "InternalServerError": secrets.ErrUnavailable, "ExpiredTokenException": secrets.ErrUnauthenticated} {
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
