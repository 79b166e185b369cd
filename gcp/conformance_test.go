package gcp

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/gcpfake"
	"github.com/go-secrets/secrets/secretstest"
)

// harness is what the conformance suite needs of a server.
func harness(s *gcpfake.Server, parent string, open func(testing.TB) secrets.Provider) secretstest.Harness {
	resource := func(path string) string {
		return parent + "/secrets/" + strings.ReplaceAll(path, "/", "-")
	}
	return secretstest.Harness{
		New:     open,
		Base:    project,
		Put:     func(_ testing.TB, path string, data []byte) { s.Put(resource(path), data) },
		Delete:  func(_ testing.TB, path string) { s.Delete(resource(path)) },
		MaxSize: 64 << 10,
		// Slashes cannot be told from the hyphens of an id, and come back as
		// the prefix writes them, which is up to the last one of it.
		ListPath: foldedPath,
		Stall: func(testing.TB) (resume func()) {
			done := make(chan struct{})
			s.OnCall(func(ctx context.Context, _, _ string) error {
				select {
				case <-ctx.Done():
				case <-done:
				}
				return ctx.Err()
			})
			return func() {
				s.OnCall(nil)
				close(done)
			}
		},
		Provoke: func(_ testing.TB, p secrets.Provider, path string) []error {
			return provoke(s, p, resource(path), path)
		},
	}
}

// foldedPath writes a path with its id as the service has it.
func foldedPath(path string) string {
	project, name, _ := strings.Cut(path, "/")
	return project + "/" + strings.ReplaceAll(name, "/", "-")
}

// provoke brings about every failure of a read while the secret has a value.
func provoke(s *gcpfake.Server, p secrets.Provider, resource, path string) (errs []error) {
	read := func(options map[string]string) {
		_, err := p.Fetch(context.Background(), secrets.Ref{Base: project, Path: path, Options: options})
		errs = append(errs, err)
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		s.OnCall(func(context.Context, string, string) error { return status.Error(code, fmt.Sprintf("answer %d", code)) })
		read(nil)
	}
	s.OnCall(nil)
	for _, change := range []func(*secretmanagerpb.AccessSecretVersionResponse){
		func(a *secretmanagerpb.AccessSecretVersionResponse) { *a.Payload.DataCrc32C++ },
		func(a *secretmanagerpb.AccessSecretVersionResponse) { a.Payload.Data = a.Payload.Data[:5] },
		func(a *secretmanagerpb.AccessSecretVersionResponse) { a.Name = "projects/1/secrets/other/versions/1" },
	} {
		s.OnAnswer(change)
		read(nil)
	}
	s.OnAnswer(nil)
	s.SetState(resource, 1, secretmanagerpb.SecretVersion_DISABLED)
	read(nil)
	read(map[string]string{"latest": "enabled"})
	s.SetState(resource, 1, secretmanagerpb.SecretVersion_ENABLED)
	read(map[string]string{"version": "99"})
	return errs
}

func TestConformance(t *testing.T) {
	for name, tt := range map[string]struct {
		parent string
		open   func(t testing.TB, s *gcpfake.Server) secrets.Provider
	}{
		"opened by its URI": {"projects/my-project", func(t testing.TB, s *gcpfake.Server) secrets.Provider {
			return provider(t, s)
		}},
		"regional": {"projects/my-project/locations/europe-west1", func(t testing.TB, s *gcpfake.Server) secrets.Provider {
			return provider(t, s, "location=europe-west1")
		}},
		"over a user's client": {"projects/my-project", func(t testing.TB, s *gcpfake.Server) secrets.Provider {
			client := usersClient(t, s)
			client.CallOptions.AccessSecretVersion = nil // its retries would wait for seconds
			return New(client)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			secretstest.Run(t, harness(s, tt.parent, func(t testing.TB) secrets.Provider { return tt.open(t, s) }))
		})
	}
}
