package awssm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/awsapi"
	"github.com/go-secrets/secrets/internal/awsapi/awstest"
)

const account = "arn:aws:secretsmanager:eu-west-1:999999999999:secret:"

// accounts is a service on which two accounts have secrets of the same name.
// What is asked for by its ARN is the other account's.
func accounts(t *testing.T, own, others map[string]string) *awstest.Server {
	entry := func(id string) map[string]any {
		if value, ok := own[id]; ok {
			return awstest.SecretEntry(id, value)
		}
		for name, value := range others {
			if arn := account + name + "-XyZabc"; id == arn || id == account+name {
				e := awstest.SecretEntry(name, value)
				e["ARN"] = arn
				return e
			}
		}
		return nil
	}
	return awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		if r.Operation == singly {
			return awstest.OK(entry(r.Text("SecretId")))
		}
		ids := r.Texts("SecretIdList")
		var values []any
		for n := range ids { // the last that was asked for comes first
			values = append(values, entry(ids[len(ids)-1-n]))
		}
		return awstest.OK(map[string]any{"SecretValues": values})
	})
}

func TestASecretOfAnotherAccountNeverAnswersForOursOfTheSameName(t *testing.T) {
	t.Parallel()
	s := accounts(t, map[string]string{"prod/db": "ours", "prod/a": "a", "prod/b": "b"}, map[string]string{"prod/db": "theirs"})
	p := over(t, s)
	for _, shared := range []string{account + "prod/db-XyZabc", account + "prod/db"} {
		for _, paths := range [][]string{
			{shared, "prod/db", "prod/a", "prod/b"},
			{"prod/a", "prod/db", shared, "prod/b"},
			{"prod/db", "prod/a", "prod/b", shared},
		} {
			results := p.FetchBatch(t.Context(), references(paths...))
			for i, path := range paths {
				require.NoError(t, results[i].Err)
				want := strings.TrimPrefix(path, "prod/")
				switch path {
				case "prod/db":
					want = "ours"
				case shared:
					want = "theirs"
				}
				assert.Equal(t, want, string(results[i].Value.Data), "%s among %v", path, paths)
			}
		}
	}
	for _, r := range s.Requests() {
		arns := 0
		ids := r.Texts("SecretIdList")
		for _, id := range ids {
			if awsapi.IsARN(id) {
				arns++
			}
		}
		assert.True(t, arns == 0 || arns == len(ids), "names and ARNs in one call: %v", ids)
	}
}

func TestTwoSecretsOfWhichOneIsNamedAsTheOthersARNEndsAreToldApart(t *testing.T) {
	t.Parallel()
	// The ARN of db, whole, is the ARN without its suffix of a secret db-XyZabc.
	const whole, partial = account + "db-XyZabc", account + "db"
	s := awstest.NewServer(t, func(r awstest.Request) awstest.Reply {
		var values []any
		for _, id := range append(r.Texts("SecretIdList"), r.Text("SecretId")) {
			if id != "" {
				e := awstest.SecretEntry("db", "value of "+id)
				e["ARN"] = map[string]string{partial: whole, whole: whole}[id]
				if e["ARN"] == nil || e["ARN"] == "" {
					e["ARN"] = id
				}
				values = append(values, e)
			}
		}
		if r.Operation == singly {
			return awstest.OK(values[0].(map[string]any))
		}
		return awstest.OK(map[string]any{"SecretValues": values})
	})
	refs := references(whole, partial, account+"x-AbCdEf", account+"y-AbCdEf", account+"z-AbCdEf")
	requireAll(t, refs, over(t, s).FetchBatch(t.Context(), refs))
	for _, r := range s.Requests() {
		ids := fmt.Sprint(r.Texts("SecretIdList"))
		assert.False(t, strings.Contains(ids, whole) && strings.Contains(ids, partial+" "), ids)
	}
}

func TestAResultThatNothingSettlesIsAnError(t *testing.T) {
	t.Parallel()
	b := awsapi.NewBatch(references("a", "b"), func(ref secrets.Ref) (string, error) { return ref.Path, nil })
	for _, r := range b.ReadLeft(nil) {
		assert.ErrorIs(t, r.Err, secrets.ErrUnavailable)
	}
}
