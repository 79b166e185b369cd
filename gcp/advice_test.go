package gcp

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/gcpfake"
)

func info(reason string, metadata map[string]string) protoadapt.MessageV1 {
	return &errdetails.ErrorInfo{Reason: reason, Domain: "googleapis.com", Metadata: metadata}
}

func TestARefusalAdvisesWhatMendsIt(t *testing.T) {
	t.Parallel()
	s := server(t)
	p := provider(t, s)
	for name, tt := range map[string]struct {
		answer    error
		says      []string
		not       []string
		permision string
	}{
		"the API is disabled in the project that is charged, which is not the secret's": {
			answer(t, codes.PermissionDenied, "…", info("SERVICE_DISABLED", map[string]string{"service": "secretmanager.googleapis.com", "consumer": "projects/764086051850"})),
			[]string{"gcloud services enable secretmanager.googleapis.com --project 764086051850", "?quota_project="}, []string{"--project my-project", "secretAccessor"}, ""},
		"another API is disabled": {
			answer(t, codes.PermissionDenied, "…", info("SERVICE_DISABLED", map[string]string{"service": "cloudkms.googleapis.com", "consumer": "projects/1"})),
			[]string{"gcloud services enable cloudkms.googleapis.com --project 1"}, nil, ""},
		"the project that is charged does not exist": {
			answer(t, codes.PermissionDenied, "…", info("CONSUMER_INVALID", map[string]string{"consumer": "projects/no-such"})),
			[]string{"no-such", "CONSUMER_INVALID", "quota_project_id"}, []string{"secretAccessor"}, ""},
		"the permission is missing": {
			answer(t, codes.PermissionDenied, "…", info("IAM_PERMISSION_DENIED", map[string]string{"permission": "secretmanager.versions.access"})),
			[]string{"roles/secretmanager.secretAccessor"}, nil, "secretmanager.versions.access"},
		"an organisation's policy": {
			answer(t, codes.PermissionDenied, "Request is disallowed by organization's constraints/gcp.restrictServiceUsage constraint.", info("ORG_RESTRICTION_VIOLATION", nil)),
			[]string{"ORG_RESTRICTION_VIOLATION", "constraints/gcp.restrictServiceUsage"}, []string{"secretAccessor"}, ""},
		"a reason that nobody knows yet": {
			answer(t, codes.PermissionDenied, "The words of the service.", info("A_NEW_REASON", nil)),
			[]string{"A_NEW_REASON: The words of the service."}, []string{"secretAccessor"}, ""},
		"metadata that is no project is not repeated": {
			answer(t, codes.PermissionDenied, "…", info("SERVICE_DISABLED", map[string]string{"service": "x; rm -rf /", "consumer": "projects/$(reboot)"})),
			[]string{"gcloud services enable secretmanager.googleapis.com --project my-project"}, []string{"reboot", "rm -rf"}, ""},
		"an account that is disabled": {
			answer(t, codes.Unauthenticated, "The service account is disabled.", info("ACCOUNT_STATE_INVALID", nil)),
			[]string{"ACCOUNT_STATE_INVALID: The service account is disabled."}, nil, ""},
		"a secret that has no version": {
			answer(t, codes.NotFound, "Secret [projects/1/secrets/db] not found or has no versions."),
			[]string{"no secret db in project my-project, or it has no version yet"}, nil, ""},
		"a version that does not exist": {
			answer(t, codes.NotFound, "Secret Version [projects/1/secrets/db/versions/7] not found."),
			[]string{"no secret db in project my-project"}, []string{"no version yet"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s.OnCall(func(context.Context, string, string) error { return tt.answer })
			_, err := p.Fetch(soon(t), named("db"))
			require.Error(t, err)
			for _, says := range tt.says {
				assert.ErrorContains(t, err, says)
			}
			for _, not := range tt.not {
				assert.NotContains(t, err.Error(), not)
			}
			var missing interface{ Permission() string }
			require.ErrorAs(t, err, &missing)
			assert.Equal(t, tt.permision, missing.Permission())
		})
	}
}

func TestNoNameChoosesAProject(t *testing.T) {
	t.Parallel()
	s := server(t)
	s.Put("projects/payments/secrets/key", []byte("v"))
	t.Run("under a URI", func(t *testing.T) {
		t.Parallel()
		r, err := secrets.Open(t.Context(), "gcp://?endpoint="+s.Addr())
		if err == nil {
			t.Cleanup(func() { _ = r.Close() })
			_, err = r.Get(soon(t), "payments/key")
		}
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.ErrorContains(t, err, "gcp://PROJECT")
		assert.Zero(t, s.Calls("AccessSecretVersion"))
	})
	t.Run("but a reference does, and a name over a client of one's own", func(t *testing.T) {
		t.Parallel()
		s := server(t)
		s.Put("projects/payments/secrets/key", []byte("v"))
		v, err := provider(t, s).Fetch(soon(t), reference(t, "gcp://payments/key"))
		require.NoError(t, err)
		assert.Equal(t, "v", string(v.Data))
		r := secrets.New(New(usersClient(t, s)))
		t.Cleanup(func() { _ = r.Close() })
		got, err := r.Get(soon(t), "payments/key")
		require.NoError(t, err)
		assert.Equal(t, "v", got.Reveal())
	})
}

func TestCredentialsThatAreRefusedAreReadAgainOnce(t *testing.T) {
	t.Parallel()
	cert, ca := certify(t, "secretmanager.googleapis.com")
	s, err := gcpfake.Start(grpc.Creds(credentials.NewServerTLSFromCert(&cert)))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	proxy, _ := tunnel(t, s.Addr())
	s.Put(global("db"), []byte("v"))
	env := []string{"HTTPS_PROXY=http://" + proxy, "SSL_CERT_FILE=" + ca, "GOOGLE_APPLICATION_CREDENTIALS=" + serviceAccount(t, t.TempDir())}
	var calls atomic.Int32
	refused := func(these ...int32) func(context.Context, string, string) error {
		calls.Store(0)
		return func(context.Context, string, string) error {
			n := calls.Add(1)
			for _, refuse := range these {
				if n == refuse {
					return status.Error(codes.Unauthenticated, "invalid authentication credentials")
				}
			}
			return nil
		}
	}
	// The token that the first read got is refused at the second.
	s.OnCall(refused(2))
	outcomes, log := inChild(t, env, "gcp://my-project", "gcp://my-project/db", "gcp://my-project/db")
	assert.Empty(t, outcomes[1].Error, log)
	assert.EqualValues(t, 3, calls.Load())
	// A fresh one is not replaced: the credentials themselves are refused.
	s.OnCall(refused(1, 2))
	outcomes, log = inChild(t, env, "gcp://my-project", "gcp://my-project/db")
	assert.True(t, outcomes[0].Unauthenticated, log)
	assert.EqualValues(t, 1, calls.Load())
}
