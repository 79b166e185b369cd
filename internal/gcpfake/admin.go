package gcpfake

import (
	"context"
	"strconv"
	"strings"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The calls of an administrator, for suites that also run against servers
// which have no other way in.

// CreateSecret makes a secret that has no versions yet.
func (s *Server) CreateSecret(_ context.Context, req *secretmanagerpb.CreateSecretRequest) (*secretmanagerpb.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := req.GetParent() + "/secrets/" + req.GetSecretId()
	if s.secrets[resource] != nil {
		return nil, status.Errorf(codes.AlreadyExists, "Secret [%s] already exists.", numbered(resource))
	}
	sec := newSecret()
	s.secrets[resource] = sec
	return &secretmanagerpb.Secret{Name: numbered(resource), CreateTime: timestamppb.New(sec.created)}, nil
}

// AddSecretVersion adds a version to a secret.
func (s *Server) AddSecretVersion(_ context.Context, req *secretmanagerpb.AddSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	s.mu.Lock()
	sec := s.secrets[req.GetParent()]
	s.mu.Unlock()
	if sec == nil {
		return nil, status.Errorf(codes.NotFound, "Secret [%s] not found.", numbered(req.GetParent()))
	}
	number := s.Put(req.GetParent(), req.GetPayload().GetData())
	return &secretmanagerpb.SecretVersion{Name: versionName(req.GetParent(), number), State: secretmanagerpb.SecretVersion_ENABLED}, nil
}

// DeleteSecret removes a secret with all its versions.
func (s *Server) DeleteSecret(_ context.Context, req *secretmanagerpb.DeleteSecretRequest) (*emptypb.Empty, error) {
	s.Delete(req.GetName())
	return &emptypb.Empty{}, nil
}

// EnableSecretVersion enables a version.
func (s *Server) EnableSecretVersion(_ context.Context, req *secretmanagerpb.EnableSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	return s.change(req.GetName(), secretmanagerpb.SecretVersion_ENABLED)
}

// DisableSecretVersion disables a version.
func (s *Server) DisableSecretVersion(_ context.Context, req *secretmanagerpb.DisableSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	return s.change(req.GetName(), secretmanagerpb.SecretVersion_DISABLED)
}

// DestroySecretVersion destroys a version.
func (s *Server) DestroySecretVersion(_ context.Context, req *secretmanagerpb.DestroySecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	return s.change(req.GetName(), secretmanagerpb.SecretVersion_DESTROYED)
}

func (s *Server) change(name string, state secretmanagerpb.SecretVersion_State) (*secretmanagerpb.SecretVersion, error) {
	resource, text, _ := strings.Cut(name, "/versions/")
	number, _ := strconv.Atoi(text)
	s.mu.Lock()
	sec := s.secrets[resource]
	known := sec != nil && 1 <= number && number <= len(sec.versions)
	s.mu.Unlock()
	if !known {
		return nil, status.Errorf(codes.NotFound, "Secret Version [%s] not found.", numbered(name))
	}
	s.SetState(resource, number, state)
	return &secretmanagerpb.SecretVersion{Name: versionName(resource, number), State: state}, nil
}
