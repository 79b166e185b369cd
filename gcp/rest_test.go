package gcp

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/googleapis/gax-go/v2/apierror"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"context"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

// restProvider opens a provider on a server that speaks REST only.
func restProvider(t *testing.T, handler http.Handler) *Provider {
	t.Helper()
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	return openURI(t, "gcp://my-project?transport=rest&endpoint="+web.Listener.Addr().String())
}

func TestAnEmulatorThatSpeaksRESTOnlyIsRead(t *testing.T) {
	t.Parallel()
	s := server(t)
	for _, v := range []string{"one", "two", "three"} {
		s.Put(global("db-password"), []byte(v))
	}
	s.SetState(global("db-password"), 3, secretmanagerpb.SecretVersion_DISABLED)
	s.Put(global("big"), make([]byte, 64<<10))
	p := restProvider(t, s.REST())

	v, err := p.Fetch(soon(t), named("db/password", "version=1"))
	require.NoError(t, err)
	assert.Equal(t, "one", string(v.Data))
	assert.Equal(t, "1", v.Version)
	v, err = p.Fetch(soon(t), named("db/password", "latest=enabled"))
	require.NoError(t, err)
	assert.Equal(t, "two", string(v.Data))
	v, err = p.Fetch(soon(t), named("big"))
	require.NoError(t, err)
	assert.Len(t, v.Data, 64<<10)
	_, err = p.Fetch(soon(t), named("db/password"))
	onlyClass(t, err, secrets.ErrNotFound)
	assert.ErrorContains(t, err, "is disabled")
	_, err = p.Fetch(soon(t), named("missing"))
	onlyClass(t, err, secrets.ErrNotFound)
	assert.ElementsMatch(t, []string{"my-project/big", "my-project/db-password"}, list(t, p, project))
	assert.Empty(t, s.Headers().Get("authorization"), "an emulator gets no credentials")
}

func TestEveryAnswerOverRESTHasTheClassThatItHasOverGRPC(t *testing.T) {
	t.Parallel()
	s := server(t)
	p := restProvider(t, s.REST())
	for name, tt := range map[string]struct {
		code  codes.Code
		text  string
		class error
	}{
		"NOT_FOUND":                      {codes.NotFound, "no", secrets.ErrNotFound},
		"FAILED_PRECONDITION, which 400": {codes.FailedPrecondition, "is in DISABLED state", secrets.ErrNotFound},
		"INVALID_ARGUMENT, also 400":     {codes.InvalidArgument, "bad", secrets.ErrInvalid},
		"PERMISSION_DENIED":              {codes.PermissionDenied, "no", secrets.ErrPermission},
		"UNAUTHENTICATED":                {codes.Unauthenticated, "no", secrets.ErrUnauthenticated},
		"RESOURCE_EXHAUSTED":             {codes.ResourceExhausted, "slow down", secrets.ErrThrottled},
		"UNAVAILABLE":                    {codes.Unavailable, "later", secrets.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s.OnCall(func(context.Context, string, string) error { return status.Error(tt.code, tt.text) })
			_, err := p.Fetch(soon(t), named("db"))
			onlyClass(t, err, tt.class)
			var sdk *apierror.APIError
			require.ErrorAs(t, err, &sdk)
		})
	}
}

func TestWhatIsNoAnswerOfSecretManagersOverRESTIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]int{"a page": 200, "a missing page": 404, "a forbidden page": 403, "a login page": 401, "a redirect": 302} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := restProvider(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://user:"+canary+"@127.0.0.1:1/")
				w.WriteHeader(code)
				_, _ = w.Write([]byte("<html>" + canary + "</html>"))
			}))
			_, err := p.Fetch(soon(t), named("db"))
			onlyClass(t, err, secrets.ErrUnavailable)
			noCanary(t, err)
		})
	}
	t.Run("nor is a port where nobody listens", func(t *testing.T) {
		t.Parallel()
		_, err := openURI(t, "gcp://my-project?transport=rest&endpoint="+refusedAddr(t)).Fetch(soon(t), named("db"))
		onlyClass(t, err, secrets.ErrUnavailable)
		assert.ErrorContains(t, err, "refused")
	})
}

func TestAnEmulatorThatSpeaksRESTIsToldFromOneThatSpeaksGRPC(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(server(t).REST())
	t.Cleanup(web.Close)
	_, err := openURI(t, "gcp://my-project?endpoint="+web.Listener.Addr().String()).Fetch(soon(t), named("db"))
	onlyClass(t, err, secrets.ErrUnavailable)
	assert.ErrorContains(t, err, "?transport=rest")
}

func TestGooglesEndpointsAreReadOverRESTWithCredentials(t *testing.T) {
	t.Parallel()
	cert, ca := certify(t, "secretmanager.googleapis.com")
	s, err := gcpfake.Start()
	require.NoError(t, err)
	t.Cleanup(s.Close)
	s.Put(global("db"), []byte("v"))
	web := httptest.NewUnstartedServer(s.REST())
	web.TLS = &tls.Config{Certificates: []tls.Certificate{cert}} // #nosec G402 -- a test's
	web.StartTLS()
	t.Cleanup(web.Close)
	proxy, _ := tunnel(t, web.Listener.Addr().String())
	outcomes, log := inChild(t, []string{"HTTPS_PROXY=http://" + proxy, "SSL_CERT_FILE=" + ca, "GOOGLE_APPLICATION_CREDENTIALS=" + serviceAccount(t, t.TempDir())},
		"gcp://my-project?transport=rest", "gcp://my-project/db")
	require.Empty(t, outcomes[0].Error, log)
	assert.Equal(t, "v", outcomes[0].Data)
	assert.Len(t, s.Headers().Get("authorization"), 1)
	assert.Equal(t, []string{"quota-of-the-file"}, s.Headers().Get("x-goog-user-project"))
}
