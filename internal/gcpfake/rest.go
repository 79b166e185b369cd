package gcpfake

import (
	"encoding/json"
	"net/http"
	"strings"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// REST returns a handler that serves the same secrets as HTTP and JSON, as the
// service does beside gRPC, for the calls that read, with those of OnCall and
// OnAnswer.
func (s *Server) REST() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := s.serve(r)
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		if err != nil {
			refuse(w, status.Convert(err))
			return
		}
		text, err := protojson.Marshal(answer)
		if err != nil {
			refuse(w, status.Convert(err))
			return
		}
		_, _ = w.Write(text)
	})
}

// serve calls the method that a path stands for.
func (s *Server) serve(r *http.Request) (proto.Message, error) {
	resource := strings.TrimPrefix(r.URL.Path, "/v1/")
	query := r.URL.Query()
	var method string
	name := resource
	switch {
	case strings.HasSuffix(resource, ":access"):
		method, name = "AccessSecretVersion", strings.TrimSuffix(resource, ":access")
	case strings.HasSuffix(resource, "/versions"):
		method, name = "ListSecretVersions", strings.TrimSuffix(resource, "/versions")
	case strings.HasSuffix(resource, "/secrets"):
		method, name = "ListSecrets", strings.TrimSuffix(resource, "/secrets")
	default:
		return nil, status.Error(codes.NotFound, "Method not found.")
	}
	s.mu.Lock()
	s.calls[method]++
	s.headers = metadata.MD{}
	for key, values := range r.Header {
		s.headers.Set(key, values...)
	}
	onCall := s.onCall
	s.mu.Unlock()
	if onCall != nil {
		if err := onCall(r.Context(), method, name); err != nil {
			return nil, err
		}
	}
	var size int32
	if text := query.Get("pageSize"); text != "" {
		_ = json.Unmarshal([]byte(text), &size)
	}
	switch method {
	case "AccessSecretVersion":
		return s.AccessSecretVersion(r.Context(), &secretmanagerpb.AccessSecretVersionRequest{Name: name})
	case "ListSecretVersions":
		return s.ListSecretVersions(r.Context(), &secretmanagerpb.ListSecretVersionsRequest{Parent: name, Filter: query.Get("filter"), PageSize: size, PageToken: query.Get("pageToken")})
	}
	return s.ListSecrets(r.Context(), &secretmanagerpb.ListSecretsRequest{Parent: name, PageSize: size, PageToken: query.Get("pageToken")})
}

// httpCodes are those of https://cloud.google.com/apis/design/errors.
var httpCodes = map[codes.Code]int{
	codes.InvalidArgument: 400, codes.FailedPrecondition: 400, codes.Unauthenticated: 401, codes.PermissionDenied: 403,
	codes.NotFound: 404, codes.AlreadyExists: 409, codes.ResourceExhausted: 429, codes.Unavailable: 503, codes.DeadlineExceeded: 504,
}

var names = map[codes.Code]string{
	codes.InvalidArgument: "INVALID_ARGUMENT", codes.FailedPrecondition: "FAILED_PRECONDITION", codes.Unauthenticated: "UNAUTHENTICATED",
	codes.PermissionDenied: "PERMISSION_DENIED", codes.NotFound: "NOT_FOUND", codes.AlreadyExists: "ALREADY_EXISTS",
	codes.ResourceExhausted: "RESOURCE_EXHAUSTED", codes.Unavailable: "UNAVAILABLE", codes.DeadlineExceeded: "DEADLINE_EXCEEDED",
}

func refuse(w http.ResponseWriter, st *status.Status) {
	code, known := httpCodes[st.Code()]
	if !known {
		code = http.StatusInternalServerError
	}
	var details []json.RawMessage
	for _, d := range st.Proto().GetDetails() {
		if text, err := protojson.Marshal(d); err == nil {
			details = append(details, text)
		}
	}
	text, _ := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": st.Message(), "status": names[st.Code()], "details": details}})
	w.WriteHeader(code)
	_, _ = w.Write(text)
}
