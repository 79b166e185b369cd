package vault_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
)

func TestAVersion2SecretIsReadWithItsNumberAndTime(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "prod/db", map[string]any{"user": "app", "password": "first"})
	put(t, shared, kv, 2, "prod/db", map[string]any{"user": "app", "password": "second"})
	r := asRoot(t, shared, kv+"/prod")

	s, err := r.Get(t.Context(), "db#password")
	require.NoError(t, err)
	assert.Equal(t, "second", s.Reveal())
	assert.Equal(t, "2", s.Version())
	assert.Equal(t, "app", reveal(t, r, "db/user"))
	assert.JSONEq(t, `{"user":"app","password":"second"}`, reveal(t, r, "db"))
}

func TestAVersion1SecretIsRead(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 1)
	put(t, shared, kv, 1, "prod/db", map[string]any{"password": "one", "ttl": "1h"})
	r := asRoot(t, shared, kv)

	s, err := r.Get(t.Context(), "prod/db#password")
	require.NoError(t, err)
	assert.Equal(t, "one", s.Reveal())
	assert.NotEmpty(t, s.Version())
	assert.True(t, s.ExpiresAt().IsZero(), "the lease_duration of version 1 is a hint, and no lease")
}

func TestAMountOfSeveralSegmentsIsFound(t *testing.T) {
	t.Parallel()
	for version, engine := range map[int]string{1: "one", 2: "two"} {
		mount := unique("team") + "/deep/" + engine
		mountEngine(t, shared, mount, "kv", map[string]string{"version": map[int]string{1: "1", 2: "2"}[version]})
		put(t, shared, mount, version, "a/b", map[string]any{"value": engine})
		assert.Equal(t, engine, reveal(t, asRoot(t, shared, mount+"/a"), "b"))
	}
}

func TestTheKeyValueStandsForTheDocument(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"value": "plain", "note": "n"})
	r := asRoot(t, shared, kv)
	assert.Equal(t, "plain", reveal(t, r, "k"))
	assert.Equal(t, "n", reveal(t, r, "k#note"))
}

func TestNumbersAndObjectsComeBackAsTheyAre(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"n": 9007199254740991, "f": 0.1, "o": map[string]any{"a": []int{1, 2}}, "b": true, "": "empty key", "a.b": "dot", "/x": "slash"})
	r := asRoot(t, shared, kv)
	for field, want := range map[string]string{"n": "9007199254740991", "f": "0.1", "o": `{"a":[1,2]}`, "b": "true", "a.b": "dot", "/o/a/1": "2", "/x": "slash"} {
		assert.Equal(t, want, reveal(t, r, "k#"+field), field)
	}
}

func TestAnExplicitVersionIsRead(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	for _, v := range []string{"a", "b", "c"} {
		put(t, shared, kv, 2, "k", map[string]any{"value": v})
	}
	r := asRoot(t, shared, kv, secrets.WithReferences(map[string]string{
		"old": "vault://" + kv + "/k?version=1&address=" + shared.Addr + "&token_file=" + rootTokenFile(t, shared),
	}))
	assert.Equal(t, "a", reveal(t, r, "old"))
	assert.Equal(t, "c", reveal(t, r, "k"))

	p := provider(t, shared, shared.Addr)
	v, err := p.Fetch(t.Context(), ref(kv+"/k", "version", "2"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"value":"b"}`, string(v.Data))
	assert.Equal(t, "2", v.Version)
	assert.WithinDuration(t, time.Now(), v.Created, time.Minute)
	_, err = p.Fetch(t.Context(), ref(kv+"/k", "version", "9"))
	assert.ErrorIs(t, err, secrets.ErrNotFound)
	_, err = p.Fetch(t.Context(), ref(kv+"/k", "version", "latest"))
	assert.ErrorIs(t, err, secrets.ErrInvalid)
}

func TestMissingDeletedAndDestroyedAreNotFoundAndUndeleteBringsItBack(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	p := provider(t, shared, shared.Addr)
	read := func() error {
		v, err := p.Fetch(t.Context(), ref(kv+"/k"))
		if err != nil {
			assert.Empty(t, v.Data)
		}
		return err
	}

	require.ErrorIs(t, read(), secrets.ErrNotFound)
	put(t, shared, kv, 2, "k", map[string]any{"value": "x"})
	require.NoError(t, read())

	_, err := shared.Client(t).Logical().Delete(kv + "/data/k")
	require.NoError(t, err)
	err = read()
	require.ErrorIs(t, err, secrets.ErrNotFound)
	assert.ErrorContains(t, err, "version 1 was deleted")

	write(t, shared, kv+"/undelete/k", map[string]any{"versions": []int{1}})
	require.NoError(t, read())

	write(t, shared, kv+"/destroy/k", map[string]any{"versions": []int{1}})
	err = read()
	require.ErrorIs(t, err, secrets.ErrNotFound)
	assert.ErrorContains(t, err, "version 1 was destroyed")
	var api *api.ResponseError
	assert.True(t, errors.As(err, &api), "vault/api's own error is within reach")
}

func TestASecretThatStartsOverAtVersion1HasAnotherVersion(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	p := provider(t, shared, shared.Addr)
	put(t, shared, kv, 2, "k", map[string]any{"value": "before"})
	before, err := p.Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)

	_, err = shared.Client(t).Logical().Delete(kv + "/metadata/k")
	require.NoError(t, err)
	put(t, shared, kv, 2, "k", map[string]any{"value": "after"})
	after, err := p.Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)
	assert.Equal(t, "1", before.Version)
	assert.NotEqual(t, before.Version, after.Version)
	again, err := p.Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)
	assert.Equal(t, after.Version, again.Version)
}

func TestADeletionThatLiesAheadIsAnExpiry(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	write(t, shared, kv+"/metadata/k", map[string]any{"delete_version_after": "1h"})
	put(t, shared, kv, 2, "k", map[string]any{"value": "x"})
	v, err := provider(t, shared, shared.Addr).Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(time.Hour), v.Expires, time.Minute)
}

func TestAWrongMountOrVersionIsSaidAndNeverAnEmptyValue(t *testing.T) {
	t.Parallel()
	one, two := kvMount(t, shared, 1), kvMount(t, shared, 2)
	put(t, shared, one, 1, "k", map[string]any{"value": "x"})
	put(t, shared, two, 2, "k", map[string]any{"value": "x"})
	p := provider(t, shared, shared.Addr)

	for name, c := range map[string]struct {
		ref   secrets.Ref
		class error
	}{
		"version 1 taken for 2":     {ref(one+"/k", "mount", one, "kv", "2"), secrets.ErrInvalid},
		"version 2 taken for 1":     {ref(two+"/k", "mount", two, "kv", "1"), secrets.ErrInvalid},
		"KV taken for a database":   {ref(two+"/k", "mount", two, "engine", "database"), secrets.ErrInvalid},
		"a version of version 1":    {ref(one+"/k", "version", "1"), secrets.ErrInvalid},
		"no such mount, as named":   {ref("nowhere/k", "mount", "nowhere", "kv", "2"), secrets.ErrInvalid},
		"no such mount":             {ref("nowhere/k"), secrets.ErrPermission},
		"the mount and no secret":   {ref(two), secrets.ErrInvalid},
		"a path beside the mount":   {ref(two+"x/k", "mount", two, "kv", "2"), secrets.ErrInvalid},
		"a mount without a version": {ref(two+"/k", "mount", two), secrets.ErrInvalid},
	} {
		v, err := p.Fetch(t.Context(), c.ref)
		assert.ErrorIs(t, err, c.class, name)
		assert.Empty(t, v.Data, name)
	}
	for _, right := range []secrets.Ref{
		ref(one+"/k", "mount", one, "kv", "1"), ref(two+"/k", "mount", two, "kv", "2"), ref(one + "/k"), ref(two + "/k"),
		ref(two + "/data/k"),
	} {
		v, err := p.Fetch(t.Context(), right)
		require.NoError(t, err)
		assert.JSONEq(t, `{"value":"x"}`, string(v.Data))
	}
}

func TestANamedMountIsReadWithOneRequest(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"value": "x"})
	g := newGateway(t, shared.Addr)
	p := provider(t, shared, g.URL)
	_, err := p.Fetch(t.Context(), ref(kv+"/k", "mount", kv, "kv", "2"))
	require.NoError(t, err)
	assert.Equal(t, []string{"GET " + kv + "/data/k"}, g.requests)

	_, err = p.Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)
	_, err = p.Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)
	assert.Equal(t, 1, g.count("sys/internal/ui/mounts"), "a mount is asked for once")
}

func TestAMountThatIsReplacedByTheOtherVersionIsNoticed(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 1)
	put(t, shared, kv, 1, "k", map[string]any{"value": "one"})
	p := provider(t, shared, shared.Addr)
	_, err := p.Fetch(t.Context(), ref(kv+"/k"))
	require.NoError(t, err)

	require.NoError(t, shared.Client(t).Sys().Unmount(kv))
	mountEngine(t, shared, kv, "kv", map[string]string{"version": "2"})
	put(t, shared, kv, 2, "k", map[string]any{"value": "two"})
	require.Eventually(t, func() bool {
		v, err := p.Fetch(t.Context(), ref(kv+"/k"))
		return err == nil && string(v.Data) == `{"value":"two"}`
	}, 5*time.Second, 10*time.Millisecond)
}

func TestDotsInAPathSendNoRequest(t *testing.T) {
	t.Parallel()
	g := newGateway(t, shared.Addr)
	p := provider(t, shared, g.URL)
	r := open(t, "secret", g.URL, "token_file="+rootTokenFile(t, shared))
	for _, path := range []string{"data/x/../../../sys/mounts", "..", "a/./b", "a//b", "a/../b", "x\x00y", "x\ny"} {
		_, err := p.Fetch(t.Context(), ref("secret/"+path))
		assert.ErrorIs(t, err, secrets.ErrInvalid, "%q", path)
		if path != "x\ny" {
			_, err = r.Get(t.Context(), path)
			assert.ErrorIs(t, err, secrets.ErrInvalid, "%q", path)
		}
	}
	assert.Empty(t, g.requests)
}

func TestNamesAreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	p := provider(t, shared, shared.Addr)
	for version, kv := range map[int]string{1: kvMount(t, shared, 1), 2: kvMount(t, shared, 2)} {
		for _, name := range []string{"a?b", "a%2Fb", "a+b c", "ä/ö", "a&b=c", "a:b@c", "…", "~x~", "a;b,c"} {
			put(t, shared, kv, version, name, map[string]any{"value": name})
			v, err := p.Fetch(t.Context(), ref(kv+"/"+name))
			require.NoError(t, err, "%q on version %d", name, version)
			assert.Contains(t, string(v.Data), "value")
		}
	}
}

func TestListYieldsTheNamesThatGetTakes(t *testing.T) {
	t.Parallel()
	for version, kv := range map[int]string{1: kvMount(t, shared, 1), 2: kvMount(t, shared, 2)} {
		for _, name := range []string{"prod/db", "prod/db/deep", "prod/api", "production", "dev/db"} {
			put(t, shared, kv, version, name, map[string]any{"value": name})
		}
		p := provider(t, shared, shared.Addr)
		list := func(prefix string) []string {
			var all []string
			for path, err := range p.List(t.Context(), prefix) {
				require.NoError(t, err)
				all = append(all, path)
			}
			slices.Sort(all)
			return all
		}
		assert.Equal(t, []string{kv + "/prod/api", kv + "/prod/db", kv + "/prod/db/deep"}, list(kv+"/prod/"))
		assert.Equal(t, []string{kv + "/prod/api", kv + "/prod/db", kv + "/prod/db/deep", kv + "/production"}, list(kv+"/prod"))
		assert.Empty(t, list(kv+"/none/"))
		assert.Subset(t, list(""), []string{kv + "/dev/db"})
		if version == 2 {
			assert.Equal(t, []string{kv + "/data/dev/db"}, list(kv+"/data/dev/"), "as it was written")
		}

		r := asRoot(t, shared, kv+"/prod")
		var names []string
		for name, err := range r.List(t.Context(), "") {
			require.NoError(t, err)
			names = append(names, name)
		}
		slices.Sort(names)
		require.Equal(t, []string{"api", "db", "db/deep"}, names)
		for _, name := range names {
			assert.Equal(t, "prod/"+name, reveal(t, r, name))
		}
	}
}

func TestListStopsWhenItsReaderDoes(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	for _, name := range []string{"a/x", "b/x", "c/x"} {
		put(t, shared, kv, 2, name, map[string]any{"value": name})
	}
	g := newGateway(t, shared.Addr)
	for _, err := range provider(t, shared, g.URL).List(t.Context(), kv+"/") {
		require.NoError(t, err)
		break
	}
	assert.Equal(t, 2, g.count("/metadata"), "the mount and its first folder")
}

func TestListWithoutTheRightToListSaysSo(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	put(t, shared, kv, 2, "k", map[string]any{"value": "x"})
	pol := policy(t, shared, `path "`+kv+`/data/*" { capabilities = ["read"] }`)
	client := shared.Client(t)
	client.SetToken(token(t, shared, &api.TokenCreateRequest{Policies: []string{pol}}))
	var last error
	for _, err := range newProvider(t, client).List(t.Context(), kv+"/") {
		last = err
	}
	require.ErrorIs(t, last, secrets.ErrPermission)
	assert.ErrorContains(t, last, "list")
}

func TestABatchIsReadInAnyOrderAndAlignedWithWhatWasAsked(t *testing.T) {
	t.Parallel()
	kv := kvMount(t, shared, 2)
	var refs []secrets.Ref
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		put(t, shared, kv, 2, name, map[string]any{"value": name})
		refs = append(refs, ref(kv+"/"+name))
	}
	refs = append(refs, ref(kv+"/missing"))
	results := provider(t, shared, shared.Addr).FetchBatch(t.Context(), refs)
	require.Len(t, results, len(refs))
	for i, res := range results[:10] {
		require.NoError(t, res.Err)
		assert.JSONEq(t, `{"value":"`+string(rune('a'+i))+`"}`, string(res.Value.Data))
	}
	assert.ErrorIs(t, results[10].Err, secrets.ErrNotFound)
}

func TestACancelledReadReturnsAtOnce(t *testing.T) {
	t.Parallel()
	g := newGateway(t, shared.Addr)
	g.set(func(g *gateway) { g.delay = time.Minute })
	p := provider(t, shared, g.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := p.Fetch(ctx, ref("secret/x"))
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(start), 2*time.Second)
}
