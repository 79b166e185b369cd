package gcp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

// usersClient returns a client as a user makes it, retries included.
func usersClient(t testing.TB, s *gcpfake.Server) *secretmanager.Client {
	t.Helper()
	conn, err := grpc.NewClient(s.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	client, err := secretmanager.NewClient(context.Background(), option.WithGRPCConn(conn))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestFetchReadsTheVersionThatWasAskedFor(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db-password"), []byte("one"))
	s.Put(global("db-password"), []byte("two"))
	s.Put(global("db-password"), []byte("three"))
	s.SetAlias(global("db-password"), "prod", 2)
	p := provider(t, s)

	for name, tt := range map[string]struct {
		ref           secrets.Ref
		data, version string
	}{
		"a name without options is the newest version":  {named("db/password"), "three", "3"},
		"latest is the newest version":                  {named("db/password", "version=latest"), "three", "3"},
		"a number is that version":                      {named("db/password", "version=1"), "one", "1"},
		"an alias is the version that it stands for":    {named("db/password", "version=prod"), "two", "2"},
		"a reference names the project and the secret":  {reference(t, "gcp://my-project/db-password?version=2"), "two", "2"},
		"a reference may be the service's own name":     {reference(t, "gcp://projects/my-project/secrets/db-password"), "three", "3"},
		"a reference may be the name of a version":      {reference(t, "gcp://projects/my-project/secrets/db-password/versions/1"), "one", "1"},
		"a base may end in a slash":                     {secrets.Ref{Base: "my-project/", Path: "db/password"}, "three", "3"},
		"a base may read projects/PROJECT":              {secrets.Ref{Base: "projects/my-project", Path: "db/password"}, "three", "3"},
		"what stands behind the project goes in front":  {secrets.Ref{Base: "my-project/db", Path: "password"}, "three", "3"},
		"latest=enabled is latest while it is enabled":  {named("db/password", "latest=enabled"), "three", "3"},
		"a field plays no part in the read":             {secrets.Ref{Base: project, Path: "db/password", Field: "user"}, "three", "3"},
		"a reference is no name, and has a project":     {secrets.Ref{Path: "my-project/db/password"}, "three", "3"},
		"a version option may repeat that of the name":  {reference(t, "gcp://projects/my-project/secrets/db-password/versions/1?version=1"), "one", "1"},
		"the alias is read in a full name as elsewhere": {reference(t, "gcp://projects/my-project/secrets/db-password/versions/prod"), "two", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := p.Fetch(soon(t), tt.ref)
			require.NoError(t, err)
			assert.Equal(t, tt.data, string(v.Data))
			assert.Equal(t, tt.version, v.Version)
		})
	}
}

func TestTheProjectNumberInTheReturnedNameIsNoMismatch(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	var returned string
	s.OnAnswer(func(a *secretmanagerpb.AccessSecretVersionResponse) { returned = a.Name })
	v, err := provider(t, s).Fetch(soon(t), named("db", "version=1"))
	require.NoError(t, err)
	assert.Equal(t, "1", v.Version)
	s.OnAnswer(nil) // takes the lock that guards returned
	assert.Equal(t, "projects/"+gcpfake.ProjectNumber+"/secrets/db/versions/1", returned)
}

func TestAnAnswerForSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	for name, returned := range map[string]string{
		"another version": "projects/1/secrets/db/versions/2",
		"another secret":  "projects/1/secrets/other/versions/1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			s.Put(global("db"), []byte("v"))
			s.OnAnswer(func(a *secretmanagerpb.AccessSecretVersionResponse) { a.Name = returned })
			_, err := provider(t, s).Fetch(soon(t), named("db", "version=1"))
			require.ErrorIs(t, err, secrets.ErrUnavailable)
		})
	}
}

func TestAServerThatEchoesLatestLeavesTheVersionToTheResolver(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	s.OnAnswer(func(a *secretmanagerpb.AccessSecretVersionResponse) { a.Name = global("db") + "/versions/latest" })
	v, err := provider(t, s).Fetch(soon(t), named("db"))
	require.NoError(t, err)
	assert.Empty(t, v.Version)
}

func TestDataComesByteForByte(t *testing.T) {
	t.Parallel()
	s := server(t)
	p := provider(t, s)
	for name, data := range map[string][]byte{
		"binary":                {0, 0xff, '\n', 0x80},
		"64 KiB, what it holds": []byte(strings.Repeat("x", 64<<10)),
		"a trailing newline":    []byte("v\n"),
		"empty":                 {},
	} {
		id := strings.NewReplacer(" ", "-", ",", "").Replace(name)
		s.Put(global(id), data)
		v, err := p.Fetch(soon(t), named(id))
		require.NoError(t, err, name)
		assert.Equal(t, data, v.Data, name)
	}
}

func TestASecretThatIsDisabled(t *testing.T) {
	t.Parallel()
	const disabled, destroyed = secretmanagerpb.SecretVersion_DISABLED, secretmanagerpb.SecretVersion_DESTROYED
	s := server(t)
	for range 3 {
		s.Put(global("db"), []byte("enabled"))
		s.Put(global("dead"), []byte("gone"))
	}
	s.SetState(global("db"), 1, destroyed)
	s.SetState(global("db"), 3, disabled)
	for n := range 3 {
		s.SetState(global("dead"), n+1, disabled)
	}
	p := provider(t, s)

	t.Run("a disabled version is not found, and the error says so", func(t *testing.T) {
		_, err := p.Fetch(soon(t), named("db", "version=3"))
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.ErrorContains(t, err, "disabled")
	})
	t.Run("a destroyed version is not found, and the error says so", func(t *testing.T) {
		_, err := p.Fetch(soon(t), named("db", "version=1"))
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.ErrorContains(t, err, "destroyed")
	})
	t.Run("latest is not found while the newest version is disabled, and the error names the option", func(t *testing.T) {
		_, err := p.Fetch(soon(t), named("db"))
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.ErrorContains(t, err, "?latest=enabled")
		assert.Zero(t, s.Calls("ListSecretVersions"))
	})
	t.Run("latest=enabled takes the newest version that is enabled", func(t *testing.T) {
		v, err := p.Fetch(soon(t), named("db", "latest=enabled"))
		require.NoError(t, err)
		assert.Equal(t, "2", v.Version)
	})
	t.Run("latest=enabled finds nothing where no version is enabled", func(t *testing.T) {
		_, err := p.Fetch(soon(t), named("dead", "latest=enabled"))
		require.ErrorIs(t, err, secrets.ErrNotFound)
		assert.ErrorContains(t, err, "no version")
	})
}

func TestTheNewestEnabledVersionIsFoundOnALaterPage(t *testing.T) {
	t.Parallel()
	s := server(t)
	const versions = 600
	for range versions {
		s.Put(global("db"), []byte("v"))
	}
	s.SetState(global("db"), versions, secretmanagerpb.SecretVersion_DISABLED)
	v, err := provider(t, s).Fetch(soon(t), named("db", "latest=enabled"))
	require.NoError(t, err)
	assert.Equal(t, "599", v.Version)
}

func TestChecksum(t *testing.T) {
	t.Parallel()
	wrong := int64(1)
	for name, tt := range map[string]struct {
		change func(read int, a *secretmanagerpb.AccessSecretVersionResponse)
		class  error
		reads  int
	}{
		"one that fits is one read": {func(int, *secretmanagerpb.AccessSecretVersionResponse) {}, nil, 1},
		"one that is absent is one read": {func(_ int, a *secretmanagerpb.AccessSecretVersionResponse) {
			a.Payload.DataCrc32C = nil
		}, nil, 1},
		"one that does not fit is read once more": {func(read int, a *secretmanagerpb.AccessSecretVersionResponse) {
			if read == 1 {
				a.Payload.DataCrc32C = &wrong
			}
		}, nil, 2},
		"bytes that changed on the way are read once more": {func(read int, a *secretmanagerpb.AccessSecretVersionResponse) {
			if read == 1 {
				a.Payload.Data[0] ^= 1
			}
		}, nil, 2},
		"one that does not fit twice is unavailable": {func(_ int, a *secretmanagerpb.AccessSecretVersionResponse) {
			a.Payload.DataCrc32C = &wrong
		}, secrets.ErrUnavailable, 2},
		"an answer without a payload is unavailable": {func(_ int, a *secretmanagerpb.AccessSecretVersionResponse) {
			a.Payload = nil
		}, secrets.ErrUnavailable, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			s.Put(global("db"), []byte(canary))
			reads := 0
			s.OnAnswer(func(a *secretmanagerpb.AccessSecretVersionResponse) {
				reads++
				tt.change(reads, a)
			})
			v, err := provider(t, s).Fetch(soon(t), named("db"))
			assert.Equal(t, tt.reads, s.Calls("AccessSecretVersion"))
			if tt.class != nil {
				require.ErrorIs(t, err, tt.class)
				assert.NotContains(t, err.Error(), canary)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, canary, string(v.Data))
		})
	}
}

func TestASecretThatWasMadeAgainHasAnotherVersion(t *testing.T) {
	t.Parallel()
	s := server(t)
	p := provider(t, s)
	read := func() string {
		v, err := p.Fetch(soon(t), named("db"))
		require.NoError(t, err)
		return v.Version
	}
	s.Put(global("db"), []byte("one"))
	first := read()
	assert.Equal(t, "1", first)
	assert.Equal(t, first, read(), "the same bytes are the same version")

	s.Delete(global("db"))
	s.Put(global("db"), []byte("another"))
	second := read()
	assert.NotEqual(t, first, second, "the number is 1 again, the bytes are others")
	assert.Equal(t, second, read())
	assert.NotContains(t, second, "another")
}

func TestAUsersClient(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put("projects/my-project/locations/europe-west1/secrets/db__password", []byte("v"))
	client := usersClient(t, s)

	p := New(client, WithSeparator("__"), WithLocation("europe-west1"))
	v, err := p.Fetch(soon(t), named("db/password"))
	require.NoError(t, err)
	assert.Equal(t, "v", string(v.Data))

	t.Run("stays open when the provider is closed", func(t *testing.T) {
		require.NoError(t, p.Close())
		_, err := client.AccessSecretVersion(soon(t), &secretmanagerpb.AccessSecretVersionRequest{
			Name: "projects/my-project/locations/europe-west1/secrets/db__password/versions/1"})
		assert.NoError(t, err)
	})
	t.Run("is called with the routing header that its own method sends", func(t *testing.T) {
		assert.Equal(t, []string{"name=projects%2Fmy-project%2Flocations%2Feurope-west1%2Fsecrets%2Fdb__password%2Fversions%2Flatest"},
			func() []string {
				_, err := p.Fetch(soon(t), named("db/password"))
				require.NoError(t, err)
				return s.Headers().Get("x-goog-request-params")
			}())
	})
	for name, p := range map[string]*Provider{
		"a separator that no id can hold": New(client, WithSeparator(".")),
		"an empty separator":              New(client, WithSeparator("")),
		"a location that is a host":       New(client, WithLocation("evil.example/")),
		"no client":                       New(nil),
	} {
		t.Run(name+" is invalid in every method", func(t *testing.T) {
			_, err := p.Fetch(soon(t), named("db"))
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.ErrorIs(t, p.FetchBatch(soon(t), []secrets.Ref{named("db")})[0].Err, secrets.ErrInvalid)
			for _, err := range p.List(soon(t), project) {
				assert.ErrorIs(t, err, secrets.ErrInvalid)
			}
		})
	}
}

func TestAUsersClientThatTalksREST(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/v1/projects/my-project/secrets/db/versions/latest:access":
			_, _ = w.Write([]byte(`{"name":"projects/1/secrets/db/versions/4","payload":{"data":"dmFsdWU="}}`))
		case "/v1/projects/my-project/secrets":
			_, _ = w.Write([]byte(`{"secrets":[{"name":"projects/1/secrets/db"}]}`))
		case "/v1/projects/my-project/secrets/denied/versions/latest:access":
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"error":{"code":403,"status":"PERMISSION_DENIED","message":"denied","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED","domain":"googleapis.com"}]}}`))
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error":{"code":404,"status":"NOT_FOUND","message":"no"}}`))
		}
	}))
	t.Cleanup(web.Close)
	client, err := secretmanager.NewRESTClient(t.Context(), option.WithEndpoint(web.URL), option.WithoutAuthentication(), option.WithHTTPClient(web.Client()))
	require.NoError(t, err)
	p := New(client)

	v, err := p.Fetch(soon(t), named("db"))
	require.NoError(t, err)
	assert.Equal(t, "value", string(v.Data))
	assert.Equal(t, "4", v.Version)
	_, err = p.Fetch(soon(t), named("missing"))
	onlyClass(t, err, secrets.ErrNotFound)
	_, err = p.Fetch(soon(t), named("denied"))
	onlyClass(t, err, secrets.ErrPermission)
	assert.ErrorContains(t, err, "gcloud services enable")
	assert.Equal(t, []string{"my-project/db"}, list(t, p, project))
}

func TestAClosedProviderSaysSo(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	p := provider(t, s)
	_, err := p.Fetch(soon(t), named("db"))
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.NoError(t, p.Close(), "closing twice is no error")
	_, err = p.Fetch(soon(t), named("db"))
	require.ErrorIs(t, err, secrets.ErrClosed)
}
