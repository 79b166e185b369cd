package gcp

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/go-secrets/secrets"
)

func list(t *testing.T, p *Provider, prefix string) []string {
	t.Helper()
	var all []string
	for path, err := range p.List(soon(t), prefix) {
		require.NoError(t, err)
		all = append(all, path)
	}
	slices.Sort(all)
	return all
}

func TestListYieldsPathsThatStartWithThePrefix(t *testing.T) {
	t.Parallel()
	s := server(t)
	for _, id := range []string{"db", "db-password", "db-user-name", "dbx", "other"} {
		s.Put(global(id), []byte("v"))
	}
	s.Put("projects/my-project/locations/europe-west1/secrets/regional", []byte("v"))
	s.Put("projects/another/secrets/db", []byte("v"))
	p := provider(t, s)

	for name, tt := range map[string]struct {
		prefix string
		want   []string
	}{
		"a project alone lists its global secrets":   {"my-project", []string{"my-project/db", "my-project/db-password", "my-project/db-user-name", "my-project/dbx", "my-project/other"}},
		"a slash behind it changes nothing":          {"my-project/", []string{"my-project/db", "my-project/db-password", "my-project/db-user-name", "my-project/dbx", "my-project/other"}},
		"a prefix is one of characters":              {"my-project/db", []string{"my-project/db", "my-project/db-password", "my-project/db-user-name", "my-project/dbx"}},
		"a slash in it stands for the separator":     {"my-project/db/", []string{"my-project/db/password", "my-project/db/user-name"}},
		"the separator may be written itself":        {"my-project/db-", []string{"my-project/db-password", "my-project/db-user-name"}},
		"a full name of the project stays as it is":  {"projects/my-project/o", []string{"projects/my-project/other"}},
		"a location in the prefix lists that one":    {"projects/my-project/locations/europe-west1", []string{"projects/my-project/locations/europe-west1/regional"}},
		"nothing is listed where nothing fits":       {"my-project/nothing", nil},
		"what no id can hold is the start of nobody": {"my-project/a.b", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := list(t, p, tt.prefix)
			assert.Equal(t, tt.want, got)
			for _, path := range got {
				_, err := provider(t, s).Fetch(soon(t), secrets.Ref{Path: path})
				assert.NoError(t, err, "%s is a name that can be read", path)
			}
		})
	}
	t.Run("the option location lists that one", func(t *testing.T) {
		assert.Equal(t, []string{"my-project/regional"}, list(t, provider(t, s, "location=europe-west1"), "my-project"))
	})
	t.Run("no value is read", func(t *testing.T) {
		before := s.Calls("AccessSecretVersion")
		list(t, p, "my-project")
		assert.Equal(t, before, s.Calls("AccessSecretVersion"))
	})
}

func TestEachPageIsReadOnceAndWhenItIsNeeded(t *testing.T) {
	t.Parallel()
	s := server(t)
	for i := range 2*pageSize + 1 {
		s.Put(global(fmt.Sprintf("key-%d", i)), []byte("v"))
	}
	p := provider(t, s)
	assert.Len(t, list(t, p, "my-project"), 2*pageSize+1)
	assert.Equal(t, 3, s.Calls("ListSecrets"))
	for range p.List(soon(t), "my-project") {
		break
	}
	assert.Equal(t, 4, s.Calls("ListSecrets"), "who stops at the first name has read one page")
}

func TestAnErrorIsYieldedLastWithAnEmptyPath(t *testing.T) {
	t.Parallel()
	s := server(t)
	for i := range pageSize + 1 {
		s.Put(global(fmt.Sprintf("key-%d", i)), []byte("v"))
	}
	s.OnCall(func(context.Context, string, string) error {
		if s.Calls("ListSecrets") == 2 {
			return status.Error(codes.Unavailable, "down")
		}
		return nil
	})
	var paths int
	var last error
	for path, err := range provider(t, s).List(soon(t), "my-project") {
		require.NoError(t, last, "nothing comes after an error")
		if err != nil {
			assert.Empty(t, path)
			last = err
			continue
		}
		paths++
	}
	assert.Equal(t, pageSize, paths)
	onlyClass(t, last, secrets.ErrUnavailable)

	for _, err := range provider(t, s).List(soon(t), "") {
		onlyClass(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "gcp://PROJECT")
	}
}
