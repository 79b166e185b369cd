package gcp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/googleapis/gax-go/v2/apierror"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

var classes = []error{secrets.ErrNotFound, secrets.ErrPermission, secrets.ErrUnauthenticated, secrets.ErrUnavailable, secrets.ErrThrottled, secrets.ErrInvalid, secrets.ErrClosed}

// onlyClass asserts that an error is of one class and no other.
func onlyClass(t *testing.T, err, class error) {
	t.Helper()
	for _, c := range classes {
		assert.Equal(t, c == class, errors.Is(err, c), "%v is %v", err, c)
	}
}

func answer(t *testing.T, code codes.Code, text string, details ...protoadapt.MessageV1) error {
	t.Helper()
	st, err := status.New(code, text).WithDetails(details...)
	require.NoError(t, err)
	return st.Err()
}

func reason(r string) protoadapt.MessageV1 {
	return &errdetails.ErrorInfo{Reason: r, Domain: "googleapis.com"}
}

func TestEveryAnswerHasOneClass(t *testing.T) {
	t.Parallel()
	s := server(t)
	p := provider(t, s)
	s.Put(global("db"), []byte("v"))
	for name, tt := range map[string]struct {
		answer error
		class  error
		says   string
	}{
		"UNAVAILABLE is unavailable":                                     {answer(t, codes.Unavailable, "The service is currently unavailable."), secrets.ErrUnavailable, "currently unavailable"},
		"INTERNAL is unavailable":                                        {answer(t, codes.Internal, "Internal error."), secrets.ErrUnavailable, "Internal error"},
		"UNKNOWN is unavailable":                                         {answer(t, codes.Unknown, ""), secrets.ErrUnavailable, ""},
		"ABORTED is unavailable":                                         {answer(t, codes.Aborted, ""), secrets.ErrUnavailable, ""},
		"DATA_LOSS is unavailable":                                       {answer(t, codes.DataLoss, ""), secrets.ErrUnavailable, ""},
		"UNIMPLEMENTED is unavailable":                                   {answer(t, codes.Unimplemented, "unknown method"), secrets.ErrUnavailable, ""},
		"a server's DEADLINE_EXCEEDED is unavailable":                    {answer(t, codes.DeadlineExceeded, ""), secrets.ErrUnavailable, "in time"},
		"RESOURCE_EXHAUSTED is throttled":                                {answer(t, codes.ResourceExhausted, "Quota exceeded"), secrets.ErrThrottled, "quota"},
		"UNAUTHENTICATED is unauthenticated":                             {answer(t, codes.Unauthenticated, "invalid authentication credentials"), secrets.ErrUnauthenticated, "gcloud auth application-default login"},
		"INVALID_ARGUMENT is invalid":                                    {answer(t, codes.InvalidArgument, "bad"), secrets.ErrInvalid, "bad"},
		"NOT_FOUND is not found":                                         {answer(t, codes.NotFound, ""), secrets.ErrNotFound, "no secret db in project my-project"},
		"FAILED_PRECONDITION is not found":                               {answer(t, codes.FailedPrecondition, "…"), secrets.ErrNotFound, "disabled or destroyed"},
		"FAILED_PRECONDITION for a disabled KMS key is permission":       {answer(t, codes.FailedPrecondition, "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1 is not enabled, current state is: DISABLED."), secrets.ErrPermission, "Cloud KMS"},
		"PERMISSION_DENIED is permission, and names what to grant":       {answer(t, codes.PermissionDenied, "Permission denied"), secrets.ErrPermission, "roles/secretmanager.secretAccessor"},
		"SERVICE_DISABLED is permission, with the command to enable it":  {answer(t, codes.PermissionDenied, "…", reason("SERVICE_DISABLED")), secrets.ErrPermission, "gcloud services enable secretmanager.googleapis.com --project my-project"},
		"BILLING_DISABLED is permission, and says so":                    {answer(t, codes.PermissionDenied, "…", reason("BILLING_DISABLED")), secrets.ErrPermission, "billing"},
		"USER_PROJECT_DENIED is permission, and names the quota project": {answer(t, codes.PermissionDenied, "…", reason("USER_PROJECT_DENIED")), secrets.ErrPermission, "quota_project"},
		"a missing scope is permission, and named":                       {answer(t, codes.PermissionDenied, "…", reason("ACCESS_TOKEN_SCOPE_INSUFFICIENT")), secrets.ErrPermission, "scope"},
		"VPC Service Controls are permission, and named":                 {answer(t, codes.PermissionDenied, "…", reason("SECURITY_POLICY_VIOLATED")), secrets.ErrPermission, "VPC Service Controls"},
	} {
		t.Run(name, func(t *testing.T) {
			s.OnCall(func(context.Context, string, string) error { return tt.answer })
			before := s.Calls("AccessSecretVersion")
			began := time.Now()
			_, err := p.Fetch(soon(t), named("db"))
			require.Error(t, err)
			onlyClass(t, err, tt.class)
			assert.ErrorContains(t, err, tt.says)
			assert.Contains(t, err.Error(), "secret db in project my-project", "the error says where it looked")
			assert.NotContains(t, err.Error(), "\n")

			var sdk *apierror.APIError
			require.ErrorAs(t, err, &sdk, "the client's error is within reach")
			assert.Equal(t, status.Code(tt.answer), sdk.GRPCStatus().Code())

			assert.Equal(t, 1, s.Calls("AccessSecretVersion")-before, "the client does not try again on its own")
			assert.Less(t, time.Since(began), 2*time.Second)
		})
	}
}

func TestAMissingSecretAndAMissingVersionAreNotFound(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	p := provider(t, s)
	_, err := p.Fetch(soon(t), named("missing"))
	onlyClass(t, err, secrets.ErrNotFound)
	assert.ErrorContains(t, err, "no secret missing in project my-project")
	_, err = p.Fetch(soon(t), named("db", "version=7"))
	onlyClass(t, err, secrets.ErrNotFound)
	assert.ErrorContains(t, err, "version 7")
	_, err = p.Fetch(soon(t), named("db", "version=prod"))
	onlyClass(t, err, secrets.ErrNotFound)
	assert.ErrorContains(t, err, "version prod")
}

func TestADeniedCallNamesThePermission(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put(global("db"), []byte("v"))
	p := provider(t, s)
	s.OnCall(func(context.Context, string, string) error { return answer(t, codes.PermissionDenied, "no") })
	var missing interface{ Permission() string }

	_, err := p.Fetch(soon(t), named("db"))
	require.ErrorAs(t, err, &missing)
	assert.Equal(t, "secretmanager.versions.access", missing.Permission())

	for _, err := range p.List(soon(t), project) {
		require.ErrorIs(t, err, secrets.ErrPermission)
		require.ErrorAs(t, err, &missing)
		assert.Equal(t, "secretmanager.secrets.list", missing.Permission())
	}

	s.OnCall(func(_ context.Context, method, _ string) error {
		if method == "AccessSecretVersion" {
			return answer(t, codes.FailedPrecondition, "Secret Version is in DISABLED state.")
		}
		return answer(t, codes.PermissionDenied, "no")
	})
	_, err = p.Fetch(soon(t), named("db", "latest=enabled"))
	require.ErrorIs(t, err, secrets.ErrPermission)
	require.ErrorAs(t, err, &missing)
	assert.Equal(t, "secretmanager.versions.list", missing.Permission())
}

func TestThrottlingTellsWhenToAskAgain(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.OnCall(func(context.Context, string, string) error {
		return answer(t, codes.ResourceExhausted, "Quota exceeded", &errdetails.RetryInfo{RetryDelay: durationpb.New(7 * time.Second)})
	})
	_, err := provider(t, s).Fetch(soon(t), named("db"))
	var retry interface{ RetryAfter() time.Duration }
	require.ErrorAs(t, err, &retry)
	assert.Equal(t, 7*time.Second, retry.RetryAfter())
}

// hang makes calls last until they are given up.
func hang(s *gcpfake.Server) (called <-chan struct{}) {
	c := make(chan struct{}, 100)
	s.OnCall(func(ctx context.Context, _, _ string) error {
		c <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	return c
}

func TestAReadThatIsGivenUpIsAContextError(t *testing.T) {
	t.Parallel()
	t.Run("a deadline is found by errors.Is", func(t *testing.T) {
		t.Parallel()
		s := server(t)
		hang(s)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := provider(t, s).Fetch(ctx, named("db"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		onlyClass(t, err, secrets.ErrUnavailable)
		var sdk *apierror.APIError
		require.ErrorAs(t, err, &sdk)
	})
	t.Run("a cancellation is found by errors.Is", func(t *testing.T) {
		t.Parallel()
		s := server(t)
		called := hang(s)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			<-called
			cancel()
		}()
		_, err := provider(t, s).Fetch(ctx, named("db"))
		require.ErrorIs(t, err, context.Canceled)
		onlyClass(t, err, secrets.ErrUnavailable)
	})
	t.Run("a context that is done is not read with", func(t *testing.T) {
		t.Parallel()
		s := server(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := provider(t, s).Fetch(ctx, named("db"))
		require.ErrorIs(t, err, context.Canceled)
		assert.Zero(t, s.Calls("AccessSecretVersion"))
	})
	t.Run("a call without an answer names the server", func(t *testing.T) {
		t.Parallel()
		s := server(t)
		hang(s)
		_, err := provider(t, s).Fetch(within(t, 100*time.Millisecond), named("db"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		onlyClass(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, s.Addr())
	})
}

func TestTheCauseSurvivesTheRetriesOfAUsersClient(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		code  codes.Code
		class error
	}{
		"UNAVAILABLE":        {codes.Unavailable, secrets.ErrUnavailable},
		"RESOURCE_EXHAUSTED": {codes.ResourceExhausted, secrets.ErrThrottled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			s.OnCall(func(context.Context, string, string) error { return status.Error(tt.code, "the cause") })
			// The client waits up to two seconds before its first retry.
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := New(usersClient(t, s)).Fetch(ctx, named("db"))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			onlyClass(t, err, tt.class)
			assert.ErrorContains(t, err, "the cause")
			var sdk *apierror.APIError
			require.ErrorAs(t, err, &sdk)
			assert.Equal(t, tt.code, sdk.GRPCStatus().Code())
		})
	}
}

func TestARefusedConnectionIsUnavailableAtOnceAndHeals(t *testing.T) {
	t.Parallel()
	s, err := gcpfake.Start()
	require.NoError(t, err)
	addr := s.Addr()
	s.Close()
	p := openURI(t, "gcp://my-project?endpoint="+addr)
	began := time.Now()
	_, err = p.Fetch(soon(t), named("db"))
	onlyClass(t, err, secrets.ErrUnavailable)
	assert.ErrorContains(t, err, "connection refused")
	assert.Less(t, time.Since(began), 2*time.Second)

	// Nobody else gets a port that was just released, as a rule; if somebody
	// did, there is nothing to heal.
	again, err := gcpfake.StartAt(addr)
	if err != nil {
		t.Skip("the port is taken")
	}
	defer again.Close()
	again.Put(global("db"), []byte("v"))
	require.Eventually(t, func() bool {
		_, err := p.Fetch(soon(t), named("db"))
		return err == nil
	}, 5*time.Second, 20*time.Millisecond)
}

func TestAnAnswerThatIsNotSecretManagersIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]int{
		"403, which gRPC takes for PERMISSION_DENIED": http.StatusForbidden,
		"401, which gRPC takes for UNAUTHENTICATED":   http.StatusUnauthorized,
		"404": http.StatusNotFound,
		"200": http.StatusOK,
		"503": http.StatusServiceUnavailable,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(code)
				_, _ = w.Write([]byte("<html>" + canary + "</html>"))
			}))
			web.Config.Protocols = new(http.Protocols)
			web.Config.Protocols.SetUnencryptedHTTP2(true)
			web.Start()
			defer web.Close()
			_, err := openURI(t, "gcp://my-project?endpoint="+web.Listener.Addr().String()).Fetch(soon(t), named("db"))
			onlyClass(t, err, secrets.ErrUnavailable)
			assert.ErrorContains(t, err, "proxy")
			for _, e := range tree(err) {
				assert.NotContains(t, e.Error(), canary, "%T quotes the body", e)
			}
		})
	}
}

// tree returns an error and all that it wraps.
func tree(err error) []error {
	all := []error{err}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			all = append(all, tree(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, tree(inner)...)
		}
	}
	return all
}

func TestAServerThatSpeaksNoHTTP2IsUnavailable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n" + strings.Repeat("x", 100)))
			_ = conn.Close()
		}
	}()
	_, err = openURI(t, "gcp://my-project?endpoint="+listener.Addr().String()).Fetch(soon(t), named("db"))
	onlyClass(t, err, secrets.ErrUnavailable)
}
