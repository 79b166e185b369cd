// Package gcpfake is a Google Secret Manager in this process, for tests and
// examples: a gRPC server on a loopback port that the real client dials. It
// keeps secrets in memory and answers as the service does, with its error
// codes, its project numbers and its checksums; what the service does rarely
// is had with [Server.OnCall] and [Server.OnAnswer].
package gcpfake

import (
	"context"
	"hash/crc32"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// ProjectNumber is what stands for every project in the names that the server
// returns, as the service answers with numbers whatever it was asked with.
const ProjectNumber = "123456789012"

// A Server is a Secret Manager. Its methods may be called from any goroutine.
type Server struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer

	listener net.Listener
	grpc     *grpc.Server
	served   sync.WaitGroup

	mu       sync.Mutex
	secrets  map[string]*secret // by projects/P[/locations/L]/secrets/S
	calls    map[string]int
	headers  metadata.MD
	inFlight int
	peak     int
	latency  time.Duration
	onCall   func(ctx context.Context, method, name string) error
	onAnswer func(*secretmanagerpb.AccessSecretVersionResponse)
}

type secret struct {
	versions []*version // versions[0] is number 1
	aliases  map[string]int
	created  time.Time
}

type version struct {
	data  []byte
	state secretmanagerpb.SecretVersion_State
}

// Start starts a server on a loopback port of its own choice.
func Start(opts ...grpc.ServerOption) (*Server, error) {
	return StartAt("127.0.0.1:0", opts...)
}

// StartAt starts a server on an address of this machine.
func StartAt(addr string, opts ...grpc.ServerOption) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		listener: listener,
		secrets:  make(map[string]*secret),
		calls:    make(map[string]int),
	}
	s.grpc = grpc.NewServer(append(opts, grpc.ChainUnaryInterceptor(s.observe))...)
	secretmanagerpb.RegisterSecretManagerServiceServer(s.grpc, s)
	s.served.Go(func() { _ = s.grpc.Serve(listener) })
	return s, nil
}

// Addr returns host:port, as the option endpoint takes it.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close stops the server, its calls included, and waits for its end.
func (s *Server) Close() {
	s.grpc.Stop()
	s.served.Wait()
}

// Put adds a version to a secret, which it creates if need be, and returns the
// version's number. The resource reads projects/P/secrets/S or
// projects/P/locations/L/secrets/S.
func (s *Server) Put(resource string, data []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sec := s.secrets[resource]
	if sec == nil {
		sec = newSecret()
		s.secrets[resource] = sec
	}
	sec.versions = append(sec.versions, &version{data: data, state: secretmanagerpb.SecretVersion_ENABLED})
	return len(sec.versions)
}

func newSecret() *secret {
	return &secret{aliases: make(map[string]int), created: time.Now()}
}

// Delete removes a secret with all its versions: put again, it starts with
// number 1.
func (s *Server) Delete(resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, resource)
}

// SetState enables, disables or destroys a version of a secret that exists.
func (s *Server) SetState(resource string, number int, state secretmanagerpb.SecretVersion_State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.secrets[resource].versions[number-1]
	v.state = state
	if state == secretmanagerpb.SecretVersion_DESTROYED {
		v.data = nil
	}
}

// SetAlias makes alias stand for a version of a secret that exists.
func (s *Server) SetAlias(resource, alias string, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets[resource].aliases[alias] = number
}

// SetLatency makes every call take at least d.
func (s *Server) SetLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = d
}

// OnCall has f called before each call is answered, with the method's name
// (AccessSecretVersion) and the resource that is asked for. An error of f is
// the answer; f may block. Nil: nothing is called.
func (s *Server) OnCall(f func(ctx context.Context, method, name string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall = f
}

// OnAnswer has f change the answers of AccessSecretVersion before they are
// sent. f must not call the server. Nil: they go as they are.
func (s *Server) OnAnswer(f func(*secretmanagerpb.AccessSecretVersionResponse)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onAnswer = f
}

// Calls returns how often a method was called.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Peak returns the most calls that were under way at once.
func (s *Server) Peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
}

// Headers returns the metadata of the last call.
func (s *Server) Headers() metadata.MD {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.headers.Copy()
}

// observe counts a call, delays it and lets OnCall answer it.
func (s *Server) observe(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	method := info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]
	s.mu.Lock()
	s.calls[method]++
	s.headers, _ = metadata.FromIncomingContext(ctx)
	s.inFlight++
	s.peak = max(s.peak, s.inFlight)
	latency, onCall := s.latency, s.onCall
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.inFlight--
		s.mu.Unlock()
	}()
	if latency > 0 {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if onCall != nil {
		if err := onCall(ctx, method, nameOf(req)); err != nil {
			return nil, err
		}
	}
	return next(ctx, req)
}

// nameOf returns the resource that a request asks for.
func nameOf(req any) string {
	switch r := req.(type) {
	case interface{ GetName() string }:
		return r.GetName()
	case interface{ GetParent() string }:
		return r.GetParent()
	}
	return ""
}

// numbered replaces the project in a resource by its number.
func numbered(resource string) string {
	rest := strings.TrimPrefix(resource, "projects/")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return "projects/" + ProjectNumber + rest[i:]
	}
	return resource
}

func versionName(resource string, number int) string {
	return numbered(resource) + "/versions/" + strconv.Itoa(number)
}

func checksum(data []byte) *int64 {
	sum := int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
	return &sum
}
