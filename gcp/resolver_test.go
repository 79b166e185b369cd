package gcp_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/googleapis/gax-go/v2/apierror"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/gcp"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

const parent = "projects/my-project/secrets/"

func start(t testing.TB) *gcpfake.Server {
	t.Helper()
	s, err := gcpfake.Start()
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func resolver(t testing.TB, s *gcpfake.Server, opts ...secrets.Option) *secrets.Resolver {
	t.Helper()
	r, err := secrets.Open(context.Background(), "gcp://my-project?endpoint="+s.Addr(), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func TestANameFindsItsSecret(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Put(parent+"api-key", []byte("whole"))
	s.Put(parent+"db", []byte(`{"user":"app","password":"p1"}`))
	s.Put(parent+"tls", []byte(`{"tls.crt":"CERT"}`))
	// A least-privilege account is denied every name that it was not granted.
	s.OnCall(func(_ context.Context, _, name string) error {
		if name == parent+"db-password/versions/latest" {
			return status.Error(codes.PermissionDenied, "denied")
		}
		return nil
	})
	for name, want := range map[string]string{
		"api/key":     "whole",                          // the secret of that name
		"db/user":     "app",                            // not found: field of the parent
		"db/password": "p1",                             // denied: field of the parent
		"tls/tls.crt": "CERT",                           // no id has a dot: field of the parent
		"db#user":     "app",                            // said outright
		"db":          `{"user":"app","password":"p1"}`, // the document
	} {
		t.Run(name, func(t *testing.T) {
			got, err := resolver(t, s).Get(t.Context(), name)
			require.NoError(t, err)
			assert.Equal(t, want, got.Reveal())
			assert.Equal(t, "1", got.Version())
		})
	}
	t.Run("a name that no secret can have and no parent has is an error that tells both", func(t *testing.T) {
		_, err := resolver(t, s).Get(t.Context(), "db/a.b")
		require.Error(t, err)
		assert.ErrorContains(t, err, "a.b")
	})
}

func TestAReferenceReachesOtherProjectsLocationsAndVersions(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Put("projects/other-project/locations/europe-west1/secrets/db-password", []byte("v1"))
	s.Put("projects/other-project/locations/europe-west1/secrets/db-password", []byte("v2"))
	r := resolver(t, s, secrets.WithReferences(map[string]string{
		"pinned":  "gcp://other-project/db-password?location=europe-west1&version=1&endpoint=" + s.Addr(),
		"by-name": "gcp://projects/other-project/locations/europe-west1/secrets/db-password?endpoint=" + s.Addr(),
	}))
	for name, want := range map[string]string{"pinned": "v1", "by-name": "v2"} {
		got, err := r.Get(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, want, got.Reveal())
	}
}

func TestARotationIsReadAtARefresh(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Put(parent+"db", []byte("one"))
	r := resolver(t, s)
	first, err := r.Get(t.Context(), "db")
	require.NoError(t, err)
	s.Put(parent+"db", []byte("two"))
	second, err := r.Refresh(t.Context(), "db")
	require.NoError(t, err)
	assert.Equal(t, "two", second.Reveal())
	assert.Equal(t, []string{"1", "2"}, []string{first.Version(), second.Version()})
}

func TestTheLastAnswerIsToldWhenEveryTryFailed(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.OnCall(func(context.Context, string, string) error {
		return status.Error(codes.Unavailable, "the cause")
	})
	_, err := resolver(t, s, secrets.WithTimeout(2*time.Second)).Get(t.Context(), "db")
	require.ErrorIs(t, err, secrets.ErrUnavailable)
	assert.ErrorContains(t, err, "the cause")
	var sdk *apierror.APIError
	require.ErrorAs(t, err, &sdk)
	assert.Equal(t, codes.Unavailable, sdk.GRPCStatus().Code())
}

func TestOneTransientFailureIsNoFailure(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Put(parent+"db", []byte("v"))
	s.OnCall(func(context.Context, string, string) error {
		if s.Calls("AccessSecretVersion") == 1 {
			return status.Error(codes.Unavailable, "moment")
		}
		return nil
	})
	_, err := resolver(t, s).Get(t.Context(), "db")
	require.NoError(t, err)
}

func TestUnknownOptionsAreRefusedBeforeAnythingIsOpened(t *testing.T) {
	t.Parallel()
	_, err := secrets.Open(t.Context(), "gcp://my-project?region=europe-west1")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.ErrorContains(t, err, "region")
}

func TestPreloadOf100NamesKeepsToEightCalls(t *testing.T) {
	t.Parallel()
	s := start(t)
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("key-%d", i)
		s.Put(parent+names[i], []byte("v"))
	}
	s.SetLatency(time.Millisecond)
	require.NoError(t, resolver(t, s).Preload(t.Context(), names...))
	assert.Equal(t, 100, s.Calls("AccessSecretVersion"))
	assert.LessOrEqual(t, s.Peak(), 8)
}

func TestNamesOfAListCanBeRead(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Put(parent+"db-password", []byte("v"))
	s.Put(parent+"other", []byte("v"))
	r := resolver(t, s)
	var names []string
	for name, err := range r.List(t.Context(), "db/") {
		require.NoError(t, err)
		names = append(names, name)
	}
	require.Equal(t, []string{"db/password"}, names)
	_, err := r.Get(t.Context(), names[0])
	require.NoError(t, err)
}
