package aws

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/ssm"
)

func parameter(t testing.TB, name, text string, kind types.ParameterType) {
	t.Helper()
	_, s := administrator(region)
	_, err := s.PutParameter(t.Context(), &awsssm.PutParameterInput{Name: &name, Value: &text, Type: kind, Overwrite: aws.Bool(true)})
	require.NoError(t, err)
}

func parameters(t testing.TB, calls map[string]int, opts ...ssm.Option) *ssm.Provider {
	t.Helper()
	_, s := administrator(region)
	o := s.Options()
	o.APIOptions = append(o.APIOptions, counting(calls))
	p := ssm.New(awsssm.New(o), opts...)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestParameterStoreStringSecureStringAndStringList(t *testing.T) {
	parameter(t, "/kinds/string", "plain", types.ParameterTypeString)
	parameter(t, "/kinds/secure", "hunter2", types.ParameterTypeSecureString)
	parameter(t, "/kinds/list", "a,b,c", types.ParameterTypeStringList)
	r := resolver(t, "ssm://kinds", "")
	for name, want := range map[string]string{"string": "plain", "secure": "hunter2", "list": "a,b,c"} {
		got, err := get(t, r, name)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestParameterStoreByParentAndField(t *testing.T) {
	parameter(t, "/parent/db", `{"password":"hunter2"}`, types.ParameterTypeSecureString)
	got, err := get(t, resolver(t, "ssm:///parent", ""), "db/password")
	require.NoError(t, err)
	assert.Equal(t, "hunter2", got)
}

func TestParameterStoreVersionsAndLabels(t *testing.T) {
	for i := range 3 {
		parameter(t, "/versioned/p", fmt.Sprintf("value %d", i+1), types.ParameterTypeSecureString)
	}
	_, s := administrator(region)
	_, err := s.LabelParameterVersion(t.Context(), &awsssm.LabelParameterVersionInput{Name: aws.String("/versioned/p"), ParameterVersion: aws.Int64(2), Labels: []string{"blue"}})
	require.NoError(t, err)
	p := parameters(t, map[string]int{})
	for _, c := range []struct {
		path    string
		options map[string]string
		want    string
	}{
		{"/versioned/p", nil, "value 3"},
		{"/versioned/p:1", nil, "value 1"},
		{"/versioned/p:blue", nil, "value 2"},
		{"/versioned/p", map[string]string{"version": "1"}, "value 1"},
		{"/versioned/p", map[string]string{"label": "blue"}, "value 2"},
	} {
		ref := secrets.Ref{Path: c.path, Options: c.options}
		v, err := p.Fetch(t.Context(), ref)
		require.NoError(t, err, c.path)
		assert.Equal(t, c.want, string(v.Data))
		r := p.FetchBatch(t.Context(), []secrets.Ref{ref, {Path: "/versioned/none"}})
		require.NoError(t, r[0].Err)
		assert.Equal(t, c.want, string(r[0].Value.Data))
		assert.Equal(t, v.Version, r[0].Value.Version, "one version, read singly or in a batch")
	}
	_, err = p.Fetch(t.Context(), secrets.Ref{Path: "/versioned/p:9"})
	assert.ErrorIs(t, err, secrets.ErrNotFound, "a missing version")
	_, err = p.Fetch(t.Context(), secrets.Ref{Path: "/versioned/p:green"})
	assert.ErrorIs(t, err, secrets.ErrNotFound, "a missing label")
}

func TestParameterStoreTwentyFiveNamesInThreeCallsWithMissingOnes(t *testing.T) {
	var paths []string
	for i := range 25 {
		name := fmt.Sprintf("/batch/%02d", i)
		paths = append(paths, name)
		if i%10 != 3 {
			parameter(t, name, "value of "+name, types.ParameterTypeSecureString)
		}
	}
	calls := map[string]int{}
	for i, r := range parameters(t, calls).FetchBatch(t.Context(), refs(paths...)) {
		if i%10 == 3 {
			assert.ErrorIs(t, r.Err, secrets.ErrNotFound)
			continue
		}
		require.NoError(t, r.Err)
		assert.Equal(t, "value of "+paths[i], string(r.Value.Data))
	}
	assert.Equal(t, map[string]int{"GetParameters": 3}, calls)
}

func TestParameterStoreADeleteAndCreateIsSeen(t *testing.T) {
	parameter(t, "/recreated", "one", types.ParameterTypeSecureString)
	r := resolver(t, "ssm:///", "")
	first, err := r.Get(t.Context(), "recreated")
	require.NoError(t, err)
	_, s := administrator(region)
	_, err = s.DeleteParameter(t.Context(), &awsssm.DeleteParameterInput{Name: aws.String("/recreated")})
	require.NoError(t, err)
	_, err = r.Refresh(t.Context(), "recreated")
	require.ErrorIs(t, err, secrets.ErrNotFound)
	parameter(t, "/recreated", "two", types.ParameterTypeSecureString)
	second, err := r.Refresh(t.Context(), "recreated")
	require.NoError(t, err)
	assert.Equal(t, "two", second.Reveal())
	assert.NotEqual(t, first.Version(), second.Version())
	assert.True(t, strings.HasPrefix(second.Version(), "1@"), "it counts from 1 again: %s", second.Version())
}

func TestParameterStoreSlashlessNames(t *testing.T) {
	parameter(t, "slashless", "x", types.ParameterTypeSecureString)
	parameter(t, "/slashed", "y", types.ParameterTypeSecureString)
	r := resolver(t, "ssm://", "")
	for name, want := range map[string]string{"slashless": "x", "slashed": "y"} {
		got, err := get(t, r, name)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestParameterStoreFullARN(t *testing.T) {
	parameter(t, "/arn/db", "by ARN", types.ParameterTypeSecureString)
	_, s := administrator(region)
	out, err := s.GetParameter(t.Context(), &awsssm.GetParameterInput{Name: aws.String("/arn/db")})
	require.NoError(t, err)
	ref := secrets.Ref{Path: *out.Parameter.ARN}
	p := parameters(t, map[string]int{})
	v, err := p.Fetch(t.Context(), ref)
	require.NoError(t, err)
	assert.Equal(t, "by ARN", string(v.Data))
	// The emulator refuses ARNs in a batch, or does not find them.
	for _, r := range p.FetchBatch(t.Context(), []secrets.Ref{ref, {Path: "/arn/db"}}) {
		require.NoError(t, r.Err)
		assert.Equal(t, "by ARN", string(r.Value.Data))
	}
}

func TestParameterStoreRefusesASecretBehindItWithAPointer(t *testing.T) {
	create(t, "behind", "x")
	_, err := parameters(t, map[string]int{}).Fetch(t.Context(), secrets.Ref{Path: "/aws/reference/secretsmanager/behind"})
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.Contains(t, err.Error(), "awssm://behind")
}

func TestParameterStoreTree(t *testing.T) {
	for i := range 25 {
		parameter(t, fmt.Sprintf("/tree/db/k%02d", i), fmt.Sprint(i), types.ParameterTypeSecureString)
	}
	parameter(t, "/tree/db/deep/down", "x", types.ParameterTypeString)
	r := resolver(t, "ssm://tree", "&tree=true")
	s, err := r.Get(t.Context(), "db")
	require.NoError(t, err)
	var object map[string]string
	require.NoError(t, s.Decode(&object))
	assert.Len(t, object, 25, "over three pages, without what is deeper")
	got, err := get(t, r, "db#k07")
	require.NoError(t, err)
	assert.Equal(t, "7", got)
}

func TestParameterStoreList(t *testing.T) {
	for i := range 12 {
		parameter(t, fmt.Sprintf("/listed/p%02d", i), "x", types.ParameterTypeString)
	}
	parameter(t, "/listedtoo", "x", types.ParameterTypeString)
	p := parameters(t, map[string]int{})
	for prefix, n := range map[string]int{"/listed/": 12, "listed/": 12, "/listed": 13} {
		var names []string
		for name, err := range p.List(t.Context(), prefix) {
			require.NoError(t, err)
			names = append(names, name)
		}
		assert.Len(t, names, n, prefix)
		for _, name := range names {
			assert.True(t, strings.HasPrefix(name, prefix), name)
		}
	}
}
