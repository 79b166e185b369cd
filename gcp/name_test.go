package gcp

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/asked"
)

func TestNamesBecomeIDs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		separator string
		ref       secrets.Ref
		resource  string
	}{
		"slashes become hyphens":                        {"-", named("a/b/c"), "projects/my-project/secrets/a-b-c/versions/latest"},
		"slashes become the separator":                  {"__", named("a/b"), "projects/my-project/secrets/a__b/versions/latest"},
		"hyphens and underscores stay":                  {"-", named("a-b_c"), "projects/my-project/secrets/a-b_c/versions/latest"},
		"an id may have 255 characters":                 {"-", named(strings.Repeat("x", 255)), "projects/my-project/secrets/" + strings.Repeat("x", 255) + "/versions/latest"},
		"a name cannot choose a location":               {"-", secrets.Ref{Base: "projects/p1", Path: "locations/x/y"}, "projects/p1/secrets/locations-x-y/versions/latest"},
		"a name cannot choose a project":                {"-", secrets.Ref{Base: "p1", Path: "projects/p2/secrets/s"}, "projects/p1/secrets/projects-p2-secrets-s/versions/latest"},
		"a name cannot choose a version":                {"-", secrets.Ref{Base: "p1", Path: "s/versions/2"}, "projects/p1/secrets/s-versions-2/versions/latest"},
		"a project may be a number":                     {"-", secrets.Ref{Base: "123456", Path: "s"}, "projects/123456/secrets/s/versions/latest"},
		"a project may have a domain":                   {"-", secrets.Ref{Base: "example.com:p1", Path: "s"}, "projects/example.com:p1/secrets/s/versions/latest"},
		"a base may have a location":                    {"-", secrets.Ref{Base: "projects/p1/locations/europe-west1", Path: "s"}, "projects/p1/locations/europe-west1/secrets/s/versions/latest"},
		"a reference may have a location":               {"-", secrets.Ref{Path: "projects/p1/locations/europe-west1/secrets/s/versions/4"}, "projects/p1/locations/europe-west1/secrets/s/versions/4"},
		"a reference may have slashes like a name":      {"-", secrets.Ref{Path: "p1/a/b"}, "projects/p1/secrets/a-b/versions/latest"},
		"what stands behind the project goes in front":  {"-", secrets.Ref{Base: "p1/prod", Path: "db"}, "projects/p1/secrets/prod-db/versions/latest"},
		"so it does where the base reads projects/…":    {"-", secrets.Ref{Base: "projects/p1/prod", Path: "db"}, "projects/p1/secrets/prod-db/versions/latest"},
		"a secret may be called secrets":                {"-", secrets.Ref{Path: "p1/secrets"}, "projects/p1/secrets/secrets/versions/latest"},
		"secrets is a plain segment behind a short one": {"-", secrets.Ref{Path: "p1/secrets/s"}, "projects/p1/secrets/secrets-s/versions/latest"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider()
			p.separator = tt.separator
			at, err := p.locate(tt.ref)
			require.NoError(t, err)
			assert.Equal(t, tt.resource, at.resource())
		})
	}
}

func TestNamesThatNoSecretCanHave(t *testing.T) {
	t.Parallel()
	for what, name := range map[string]string{
		"a dot":                    "tls.crt",
		"a colon":                  "a:b",
		"a space":                  "a b",
		"a percent sign":           "a%2fb",
		"a letter beyond ASCII":    "schlüssel",
		"more than 255 characters": strings.Repeat("x", 256),
		"an empty segment":         "a//b",
		"a dot segment":            "a/../b",
	} {
		t.Run(what, func(t *testing.T) {
			_, err := newProvider().locate(named(name))
			onlyClass(t, err, secrets.ErrInvalid)
			var spelling interface{ Unspellable() bool }
			require.ErrorAs(t, err, &spelling)
			assert.True(t, spelling.Unspellable(), "so that the search goes on to the parent")
		})
	}
	t.Run("a project with no secret behind it", func(t *testing.T) {
		_, err := newProvider().locate(secrets.Ref{Path: "my-project"})
		onlyClass(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "gcp://PROJECT/SECRET")
	})
}

func TestReferencesThatCannotBeRight(t *testing.T) {
	t.Parallel()
	p := newProvider()
	p.location = "europe-west1"
	for name, tt := range map[string]struct {
		ref  secrets.Ref
		says string
	}{
		"a project with capitals":                   {secrets.Ref{Base: "My_Project", Path: "db"}, "project"},
		"a location that is a host":                 {secrets.Ref{Path: "projects/p/locations/evil.example%2f/secrets/s"}, "location"},
		"a location against the option":             {secrets.Ref{Path: "projects/p/locations/us-east1/secrets/s"}, "option location"},
		"a version that is a path":                  {named("db", "version=1/../2"), "version"},
		"an empty version":                          {named("db", "version="), "version"},
		"a version against that of the name":        {secrets.Ref{Path: "projects/p/secrets/s/versions/1", Options: map[string]string{"version": "2"}}, "version"},
		"latest with another value than enabled":    {named("db", "latest=newest"), "enabled"},
		"latest=enabled with a version of its own":  {named("db", "latest=enabled", "version=3"), "latest"},
		"a full name with a version that is a path": {secrets.Ref{Path: "projects/p/secrets/s/versions/1%0a"}, "version"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.locate(tt.ref)
			onlyClass(t, err, secrets.ErrInvalid)
			assert.ErrorContains(t, err, tt.says)
			var spelling interface{ Unspellable() bool }
			assert.False(t, assertAs(err, &spelling) && spelling.Unspellable(), "the name is not what is wrong")
		})
	}
}

func assertAs(err error, target *interface{ Unspellable() bool }) bool {
	for _, e := range tree(err) {
		if s, ok := e.(interface{ Unspellable() bool }); ok {
			*target = s
			return true
		}
	}
	return false
}

func TestOptionsThatCannotBeRight(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"an empty separator":               "separator=",
		"a separator that no id can hold":  "separator=.",
		"an empty location":                "location=",
		"a location that is a host":        "location=evil.example",
		"a location that is a path":        "location=x%2Fy",
		"an endpoint with a path":          "endpoint=127.0.0.1:9090/v1",
		"an endpoint URL with a path":      "endpoint=http://127.0.0.1:9090/v1",
		"an endpoint of another scheme":    "endpoint=grpc://127.0.0.1:9090",
		"an unknown transport":             "transport=soap",
		"an unclear allow_http":            "allow_http=1",
		"an endpoint without a host":       "endpoint=:9090",
		"an endpoint with a port of words": "endpoint=localhost:http",
		"an endpoint with port 0":          "endpoint=localhost:0",
		"an empty endpoint":                "endpoint=",
		"a quota project with a space":     "quota_project=my%20project",
	} {
		t.Run(name, func(t *testing.T) {
			ref := reference(t, "gcp://my-project?"+options)
			_, err := open(context.Background(), ref)
			onlyClass(t, err, secrets.ErrInvalid)
		})
	}
}

func TestEachLocationHasItsEndpoint(t *testing.T) {
	t.Parallel()
	var google target
	assert.Equal(t, "secretmanager.googleapis.com", google.host(""))
	assert.Equal(t, "secretmanager.europe-west1.rep.googleapis.com", google.host("europe-west1"))
}

func TestTwoNamesForOneSecret(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db-password"), []byte("v"))
	ctx := soon(t)

	t.Run("the one asked for later is invalid, and both are named", func(t *testing.T) {
		t.Parallel()
		p := provider(t, s)
		_, err := p.Fetch(ctx, named("db/password"))
		require.NoError(t, err)
		_, err = p.Fetch(ctx, named("db-password"))
		onlyClass(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, `"db/password"`)
		assert.ErrorContains(t, err, `"db-password"`)
		var spelling interface{ Unspellable() bool }
		require.True(t, assertAs(err, &spelling))
		assert.False(t, spelling.Unspellable(), "the search must not go on to the parent")

		_, err = p.Fetch(ctx, named("db/password", "version=1"))
		assert.NoError(t, err, "the first one stays, whatever its version")
	})
	t.Run("the program's own takes the secret from one that may be input, and keeps it", func(t *testing.T) {
		t.Parallel()
		p := provider(t, s)
		_, err := p.Fetch(ctx, named("db-password"))
		require.NoError(t, err)
		_, err = p.Fetch(asked.ByProgram(ctx), named("db/password"))
		require.NoError(t, err)
		_, err = p.Fetch(ctx, named("db-password"))
		onlyClass(t, err, secrets.ErrInvalid)
		_, err = p.Fetch(asked.ByProgram(ctx), named("db-password"))
		onlyClass(t, err, secrets.ErrInvalid)
		_, err = p.Fetch(ctx, named("db/password"))
		assert.NoError(t, err)
	})
	t.Run("the order decides in a batch", func(t *testing.T) {
		t.Parallel()
		results := provider(t, s).FetchBatch(ctx, []secrets.Ref{named("db-password"), named("db/password"), named("db-password", "version=1")})
		assert.NoError(t, results[0].Err)
		onlyClass(t, results[1].Err, secrets.ErrInvalid)
		assert.NoError(t, results[2].Err)
	})
	t.Run("a provider knows of no other's names", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"db/password", "db-password"} {
			_, err := provider(t, s).Fetch(ctx, named(name))
			assert.NoError(t, err)
		}
	})
	t.Run("a name that was not found claims nothing", func(t *testing.T) {
		t.Parallel()
		p := provider(t, s)
		_, err := p.Fetch(ctx, named("a/b"))
		onlyClass(t, err, secrets.ErrNotFound)
		_, err = p.Fetch(ctx, named("a-b"))
		onlyClass(t, err, secrets.ErrNotFound)
		assert.Empty(t, p.claims.by, "names that are input must not fill the memory")
	})
	t.Run("a reference that writes the id out is no name", func(t *testing.T) {
		t.Parallel()
		p := provider(t, s)
		_, err := p.Fetch(ctx, named("db/password"))
		require.NoError(t, err)
		_, err = p.Fetch(ctx, reference(t, "gcp://my-project/db-password"))
		assert.NoError(t, err)
	})
	t.Run("another separator tells them apart", func(t *testing.T) {
		t.Parallel()
		s.Put(global("db_password"), []byte("other"))
		p := provider(t, s, "separator=_")
		for _, name := range []string{"db/password", "db-password"} {
			_, err := p.Fetch(ctx, named(name))
			assert.NoError(t, err)
		}
	})
}

func TestGrammars(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("a", n) }
	for name, tt := range map[string]struct {
		valid     func(string) bool
		good, bad []string
	}{
		"project": {validProject,
			[]string{"p", "my-project-1", "123456", long(63), "example.com:p1", "a.b-c:0", long(200) + ":p", "p-"},
			[]string{"", "-p", long(64), "P1", "p_1", "p/1", "p.1", ":p", "a:", "a:-p", "a:b:c", "A:p", long(201) + ":p", "p1\n", "prójekt"}},
		"location": {validLocation,
			[]string{"eu", "europe-west1", "us-central1", "a" + long(62), "e1"},
			[]string{"", "e", "1eu", "-eu", "eu-", "Europe", long(64), "eu.evil.example", "eu/1", "eu_1", "eu\n"}},
		"version": {validVersion,
			[]string{"1", "latest", "my-alias_2", "A", "_", "-", long(63)},
			[]string{"", long(64), "a/b", "a.b", "a b", "1\n", "é"}},
	} {
		for _, s := range tt.good {
			assert.True(t, tt.valid(s), "%s %q", name, s)
		}
		for _, s := range tt.bad {
			assert.False(t, tt.valid(s), "%s %q", name, s)
		}
	}
}

func FuzzANameNeverLeavesItsProject(f *testing.F) {
	for _, s := range []string{"db/password", "projects/x/secrets/y", "../x", "a/versions/1", "locations/l/secrets/s", "%2e%2e", "a\nb", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		at, err := newProvider().locate(secrets.Ref{Base: "p1", Path: name})
		if err != nil {
			return
		}
		id, ok := strings.CutPrefix(at.resource(), "projects/p1/secrets/")
		require.True(t, ok, at.resource())
		id, ok = strings.CutSuffix(id, "/versions/latest")
		require.True(t, ok, at.resource())
		require.NotEmpty(t, id)
		require.LessOrEqual(t, len(id), maxID)
		require.Regexp(t, `^[A-Za-z0-9_-]*$`, id)
	})
}
