// Package awstest is for the tests of the backends on AWS: an HTTP server
// that speaks the services' wire protocol (JSON 1.1), and an environment
// without the developer's credentials.
package awstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Request is one call, as it came over the wire.
type Request struct {
	Operation string // GetSecretValue
	Region    string // that it was signed for
	KeyID     string // that it was signed with
	Body      map[string]any
}

// Text returns a member of the body that is text; empty: there is none.
func (r Request) Text(key string) string {
	s, _ := r.Body[key].(string)
	return s
}

// Texts returns a member of the body that is a list of texts.
func (r Request) Texts(key string) []string {
	var texts []string
	list, _ := r.Body[key].([]any)
	for _, item := range list {
		texts = append(texts, item.(string))
	}
	return texts
}

// A Reply is what the server answers.
type Reply struct {
	Status int    // zero: 200
	Body   any    // marshalled as JSON; a string or []byte is sent as it is
	Type   string // the content type; empty: that of the protocol
	Header map[string]string
	Hang   bool // no answer before the client goes away
	Drop   bool // the connection is closed with no answer
}

// OK is an answer.
func OK(body map[string]any) Reply { return Reply{Body: body} }

// Fail is an API error.
func Fail(status int, code, message string) Reply {
	return Reply{Status: status, Body: map[string]any{"__type": code, "message": message}}
}

// A Server answers every call with what Handle returns and keeps the calls.
type Server struct {
	URL string

	mu      sync.Mutex
	handle  func(Request) Reply
	calls   []Request
	Latency time.Duration // before every answer; set before the first call
}

// NewServer starts a server on a free loopback port, which ends with the test.
func NewServer(tb testing.TB, handle func(Request) Reply) *Server {
	tb.Helper()
	s := &Server{handle: handle}
	h := httptest.NewServer(s)
	tb.Cleanup(func() {
		h.CloseClientConnections() // ends what hangs
		h.Close()
	})
	s.URL = h.URL
	return s
}

// Handle changes the answers from now on.
func (s *Server) Handle(handle func(Request) Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handle = handle
}

// Calls returns the operations called since the last Reset, in the order of
// their arrival.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var operations []string
	for _, r := range s.calls {
		operations = append(operations, r.Operation)
	}
	return operations
}

// Requests returns the calls since the last Reset.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.calls...)
}

// Reset forgets the calls.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	req := Request{}
	_, req.Operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if _, credential, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		// KEYID/20060102/REGION/SERVICE/aws4_request
		if part := strings.Split(credential, "/"); len(part) > 2 {
			req.KeyID, req.Region = part[0], part[2]
		}
	}
	if err := json.Unmarshal(body, &req.Body); err != nil {
		http.Error(w, "the request is not JSON", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.calls = append(s.calls, req)
	handle := s.handle
	s.mu.Unlock()
	reply := handle(req)
	if s.Latency > 0 {
		pause := time.NewTimer(s.Latency)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-r.Context().Done():
			return
		}
	}
	reply.write(w, r)
}

func (reply Reply) write(w http.ResponseWriter, r *http.Request) {
	switch {
	case reply.Hang:
		<-r.Context().Done()
		return
	case reply.Drop:
		panic(http.ErrAbortHandler)
	}
	kind := reply.Type
	if kind == "" {
		kind = "application/x-amz-json-1.1"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000000")
	for k, v := range reply.Header {
		w.Header().Set(k, v)
	}
	if reply.Status != 0 {
		w.WriteHeader(reply.Status)
	}
	switch b := reply.Body.(type) {
	case string:
		_, _ = io.WriteString(w, b)
	case []byte:
		_, _ = w.Write(b)
	default:
		_ = json.NewEncoder(w).Encode(b)
	}
}

// Environment takes the developer's AWS configuration away for a test, and
// sets what is given as NAME=value. The metadata service is disabled unless
// it is among that.
func Environment(t testing.TB, set ...string) {
	t.Helper()
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN",
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_ENDPOINT_URL",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_STS", "AWS_CA_BUNDLE",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS",
	} {
		t.Setenv(name, "")
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, kv := range set {
		name, value, ok := strings.Cut(kv, "=")
		if !ok {
			t.Fatalf("not NAME=value: %q", kv)
		}
		t.Setenv(name, value)
	}
}

// Keys are credentials that nothing checks.
var Keys = []string{"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=not-a-real-key", "AWS_REGION=eu-west-1"}

// Unused returns the URL of a loopback port that nothing listens on.
func Unused(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	return s.URL
}

// Names returns n names of a kind.
func Names(kind string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%03d", kind, i)
	}
	return names
}
