package aws

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/awssm"
)

// create makes a secret and returns its ARN and version.
func create(t testing.TB, name, text string) (arn, version string) {
	t.Helper()
	sm, _ := administrator(region)
	out, err := sm.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &text})
	require.NoError(t, err)
	return *out.ARN, *out.VersionId
}

func put(t testing.TB, name, text string, stages ...string) (version string) {
	t.Helper()
	sm, _ := administrator(region)
	out, err := sm.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &text, VersionStages: stages})
	require.NoError(t, err)
	return *out.VersionId
}

// provider is one over a client that counts its calls.
func provider(t testing.TB, calls map[string]int, opts ...awssm.Option) *awssm.Provider {
	t.Helper()
	sm, _ := administrator(region)
	o := sm.Options()
	o.APIOptions = append(o.APIOptions, counting(calls))
	p := awssm.New(secretsmanager.New(o), opts...)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// counting counts the calls of a client by operation, also of several at once.
func counting(calls map[string]int) func(*middleware.Stack) error {
	var lock sync.Mutex
	return func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("count", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			lock.Lock()
			calls[middleware.GetOperationName(ctx)]++
			lock.Unlock()
			return next.HandleInitialize(ctx, in)
		}), middleware.Before)
	}
}

func TestSecretsManagerByNameAndByParentAndField(t *testing.T) {
	create(t, "byname/db/password", "hunter2")
	create(t, "byname/mq", `{"password":"from the parent"}`)
	r := resolver(t, "awssm://byname", "")
	got, err := get(t, r, "db/password")
	require.NoError(t, err)
	assert.Equal(t, "hunter2", got)
	got, err = get(t, r, "mq/password")
	require.NoError(t, err)
	assert.Equal(t, "from the parent", got)
	got, err = get(t, r, "mq#password")
	require.NoError(t, err)
	assert.Equal(t, "from the parent", got)
}

func TestSecretsManagerByARN(t *testing.T) {
	arn, version := create(t, "byarn/db", `{"password":"by ARN"}`)
	t.Setenv("AWS_ENDPOINT_URL", server.URL) // an ARN has no place for options
	t.Setenv("AWS_REGION", "")               // it has its region
	r, err := secrets.Open(t.Context(), "awssm://", secrets.WithReferences(map[string]string{
		"bare":     arn,
		"ecs":      arn + ":password::" + version,
		"uri":      "awssm://" + arn + "?version=" + version + "#password",
		"parented": "awssm://" + arn,
	}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	for name, want := range map[string]string{"bare": `{"password":"by ARN"}`, "ecs": "by ARN", "uri": "by ARN", "parented#password": "by ARN"} {
		got, err := get(t, r, name)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
}

func TestSecretsManagerAnARNOfAnotherRegionIsReadThere(t *testing.T) {
	sm, _ := administrator(other)
	out, err := sm.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("elsewhere"), SecretString: aws.String("far away")})
	require.NoError(t, err)
	v, err := provider(t, map[string]int{}).Fetch(t.Context(), secrets.Ref{Scheme: "awssm", Path: *out.ARN})
	require.NoError(t, err)
	assert.Equal(t, "far away", string(v.Data))
}

func TestSecretsManagerMissing(t *testing.T) {
	_, err := get(t, resolver(t, "awssm://nowhere", ""), "db/password")
	require.ErrorIs(t, err, secrets.ErrNotFound)
	assert.Contains(t, err.Error(), "nowhere/db/password")
}

func TestSecretsManagerBinary(t *testing.T) {
	sm, _ := administrator(region)
	data := []byte{0, 0xff, '\n', 7}
	_, err := sm.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("binary"), SecretBinary: data})
	require.NoError(t, err)
	s, err := resolver(t, "awssm://", "").Get(t.Context(), "binary")
	require.NoError(t, err)
	assert.Equal(t, data, s.Bytes())
}

func TestSecretsManagerNoValueYet(t *testing.T) {
	sm, _ := administrator(region)
	_, err := sm.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("novalue")})
	require.NoError(t, err)
	_, err = get(t, resolver(t, "awssm://", ""), "novalue")
	assert.ErrorIs(t, err, secrets.ErrNotFound)
}

func TestSecretsManagerPendingIsInvisibleAndPromotedIsSeen(t *testing.T) {
	_, old := create(t, "rotated", "old")
	r := resolver(t, "awssm://", "")
	pending := put(t, "rotated", "new", "AWSPENDING")
	got, err := get(t, r, "rotated")
	require.NoError(t, err)
	assert.Equal(t, "old", got, "AWSPENDING is invisible")

	got, err = get(t, resolver(t, "awssm://", "&stage=AWSPENDING"), "rotated")
	require.NoError(t, err)
	assert.Equal(t, "new", got, "unless it is asked for by name")

	sm, _ := administrator(region)
	_, err = sm.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String("rotated"), VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &pending, RemoveFromVersionId: &old,
	})
	require.NoError(t, err)
	s, err := r.Refresh(t.Context(), "rotated")
	require.NoError(t, err)
	assert.Equal(t, "new", s.Reveal(), "the promoted version is seen")
	assert.Equal(t, pending, s.Version())

	got, err = get(t, resolver(t, "awssm://", "&stage=AWSPREVIOUS"), "rotated")
	require.NoError(t, err)
	assert.Equal(t, "old", got, "AWSPREVIOUS by stage")

	// The emulator's batch still gives the version before, which bears the
	// wrong stage by now: it is read again, singly.
	calls := map[string]int{}
	create(t, "rotated-b", "b")
	create(t, "rotated-c", "c")
	results := provider(t, calls).FetchBatch(t.Context(), refs("rotated", "rotated-b", "rotated-c"))
	require.NoError(t, results[0].Err)
	assert.Equal(t, "new", string(results[0].Value.Data))
	assert.Equal(t, map[string]int{"BatchGetSecretValue": 1, "GetSecretValue": 1}, calls)
}

func TestSecretsManagerUnknownVersionID(t *testing.T) {
	create(t, "versions", "x")
	_, err := get(t, resolver(t, "awssm://", "&version=99999999-9999-4999-8999-999999999999"), "versions")
	assert.ErrorIs(t, err, secrets.ErrNotFound)
}

func TestSecretsManagerScheduledDeletionAndRestore(t *testing.T) {
	create(t, "deleted", "x")
	sm, _ := administrator(region)
	r := resolver(t, "awssm://", "")
	_, err := get(t, r, "deleted")
	require.NoError(t, err)
	_, err = sm.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("deleted"), RecoveryWindowInDays: aws.Int64(7)})
	require.NoError(t, err)
	_, err = r.Refresh(t.Context(), "deleted")
	require.ErrorIs(t, err, secrets.ErrNotFound)
	_, err = sm.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: aws.String("deleted")})
	require.NoError(t, err)
	s, err := r.Refresh(t.Context(), "deleted")
	require.NoError(t, err)
	assert.Equal(t, "x", s.Reveal())
}

func TestSecretsManagerFortyFiveSecretsInThreeCallsWithMissingOnes(t *testing.T) {
	var paths []string
	for i := range 45 {
		name := fmt.Sprintf("batch/%02d", i)
		paths = append(paths, name)
		if i%10 != 3 {
			create(t, name, "value of "+name)
		}
	}
	calls := map[string]int{}
	for i, r := range provider(t, calls).FetchBatch(t.Context(), refs(paths...)) {
		if i%10 == 3 {
			assert.ErrorIs(t, r.Err, secrets.ErrNotFound)
			continue
		}
		require.NoError(t, r.Err)
		assert.Equal(t, "value of "+paths[i], string(r.Value.Data))
	}
	assert.Equal(t, map[string]int{"BatchGetSecretValue": 3}, calls)
}

func TestSecretsManagerList(t *testing.T) {
	create(t, "list/a", "x")
	create(t, "list/b/c", "x")
	create(t, "listing", "x")
	var names []string
	for name, err := range provider(t, map[string]int{}).List(t.Context(), "list/") {
		require.NoError(t, err)
		names = append(names, name)
	}
	assert.ElementsMatch(t, []string{"list/a", "list/b/c"}, names)
}

func refs(paths ...string) []secrets.Ref {
	refs := make([]secrets.Ref, len(paths))
	for i, path := range paths {
		refs[i] = secrets.Ref{Path: path}
	}
	return refs
}
