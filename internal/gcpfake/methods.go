package gcpfake

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// AccessSecretVersion returns the payload of a version by its number, an alias
// or latest, which is the newest version whatever its state.
func (s *Server) AccessSecretVersion(_ context.Context, req *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource, asked, ok := strings.Cut(req.GetName(), "/versions/")
	if !ok {
		return nil, status.Error(codes.InvalidArgument, "The name does not match the expected format.")
	}
	sec := s.secrets[resource]
	if sec == nil {
		return nil, status.Errorf(codes.NotFound, "Secret [%s] not found or has no versions.", numbered(resource))
	}
	number, ok := sec.number(asked)
	if !ok {
		return nil, status.Errorf(codes.NotFound, "Secret Version [%s/versions/%s] not found.", numbered(resource), asked)
	}
	v := sec.versions[number-1]
	if v.state != secretmanagerpb.SecretVersion_ENABLED {
		return nil, status.Errorf(codes.FailedPrecondition, "Secret Version [%s] is in %s state.", versionName(resource, number), v.state)
	}
	answer := &secretmanagerpb.AccessSecretVersionResponse{
		Name:    versionName(resource, number),
		Payload: &secretmanagerpb.SecretPayload{Data: bytes.Clone(v.data), DataCrc32C: checksum(v.data)},
	}
	if s.onAnswer != nil {
		s.onAnswer(answer)
	}
	return answer, nil
}

// number resolves latest, an alias or a number.
func (sec *secret) number(asked string) (int, bool) {
	number, isAlias := sec.aliases[asked]
	switch {
	case asked == "latest":
		number = len(sec.versions)
	case !isAlias:
		number, _ = strconv.Atoi(asked)
	}
	return number, 1 <= number && number <= len(sec.versions)
}

// ListSecretVersions lists the versions of a secret, the newest first. The one
// filter that it knows is state:ENABLED.
func (s *Server) ListSecretVersions(_ context.Context, req *secretmanagerpb.ListSecretVersionsRequest) (*secretmanagerpb.ListSecretVersionsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sec := s.secrets[req.GetParent()]
	if sec == nil {
		return nil, status.Errorf(codes.NotFound, "Secret [%s] not found.", numbered(req.GetParent()))
	}
	var all []*secretmanagerpb.SecretVersion
	for i, v := range slices.Backward(sec.versions) {
		if req.GetFilter() == "state:ENABLED" && v.state != secretmanagerpb.SecretVersion_ENABLED {
			continue
		}
		all = append(all, &secretmanagerpb.SecretVersion{Name: versionName(req.GetParent(), i+1), State: v.state})
	}
	page, next, err := pageOf(all, int(req.GetPageSize()), req.GetPageToken())
	return &secretmanagerpb.ListSecretVersionsResponse{Versions: page, NextPageToken: next, TotalSize: int32(len(all))}, err
}

// ListSecrets lists the secrets of a project, or of a location of one, by
// name.
func (s *Server) ListSecrets(_ context.Context, req *secretmanagerpb.ListSecretsRequest) (*secretmanagerpb.ListSecretsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*secretmanagerpb.Secret
	for resource, sec := range s.secrets {
		if parent, _, _ := strings.Cut(resource, "/secrets/"); parent == req.GetParent() {
			all = append(all, &secretmanagerpb.Secret{Name: numbered(resource), CreateTime: timestamppb.New(sec.created)})
		}
	}
	slices.SortFunc(all, func(a, b *secretmanagerpb.Secret) int { return strings.Compare(a.Name, b.Name) })
	page, next, err := pageOf(all, int(req.GetPageSize()), req.GetPageToken())
	return &secretmanagerpb.ListSecretsResponse{Secrets: page, NextPageToken: next, TotalSize: int32(len(all))}, err
}

// pageOf cuts the page at token out of all. The token is the index where the
// page starts.
func pageOf[T any](all []T, size int, token string) ([]T, string, error) {
	start := 0
	if token != "" {
		var err error
		if start, err = strconv.Atoi(token); err != nil || start < 0 || start > len(all) {
			return nil, "", status.Error(codes.InvalidArgument, "The page token is invalid.")
		}
	}
	if size <= 0 {
		size = 250
	}
	end := min(start+size, len(all))
	if end == len(all) {
		return all[start:], "", nil
	}
	return all[start:end], strconv.Itoa(end), nil
}
