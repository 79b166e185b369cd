// Package fake is the backend that every peer is measured against: AWS Secrets
// Manager, SSM Parameter Store, a Vault KV mount and Google Secret Manager, on
// loopback ports and in a process of its own, so that nothing of it counts
// among the goroutines and bytes of who is measured. It answers after a given
// latency, fails on demand, rotates every secret at once, and counts calls.
package fake

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-secrets/secrets/internal/gcpfake"
)

// A Mode is how the server behaves towards AWS's and Vault's clients.
type Mode string

// The modes. OK answers.
const (
	OK       Mode = "ok"
	Hang     Mode = "hang"     // a call is accepted and never answered, also not when the mode changes
	Refuse   Mode = "refuse"   // nothing listens
	Throttle Mode = "throttle" // every call is one too many
)

// Settings are what can be changed while the server runs.
type Settings struct {
	Latency    time.Duration `json:"latency"`
	Mode       Mode          `json:"mode"`
	Generation int           `json:"generation"`
}

// Stats is what was counted since the last reset.
type Stats struct {
	Calls    map[string]int `json:"calls"`     // by operation
	Names    map[string]int `json:"names"`     // by secret of Secrets Manager: the calls that had to do with it
	InFlight int            `json:"in_flight"` // now
	Peak     int            `json:"peak"`      // the most at once
}

// Total is the number of calls of all operations.
func (s Stats) Total() (n int) {
	for _, c := range s.Calls {
		n += c
	}
	return n
}

// gcpSecrets is how many secrets the Google project has: gcp-0000 and so on.
const gcpSecrets = 4000

// gcpRead is the one call of Google's that is made.
const gcpRead = "AccessSecretVersion"

// Project is the Google project that has them.
const Project = "my-project"

// A Server is the backend, in this process. Start starts it in another.
type Server struct {
	addr string
	gcp  *gcpfake.Server

	mu       sync.Mutex
	settings Settings
	stats    Stats
	gcpCalls int          // of before the last reset
	http     *http.Server // nil: nothing listens
}

// newServer starts a server.
func newServer() (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{addr: l.Addr().String(), settings: Settings{Mode: OK}, stats: Stats{Calls: map[string]int{}, Names: map[string]int{}}}
	if s.gcp, err = gcpfake.Start(); err != nil {
		return nil, err
	}
	for i := range gcpSecrets {
		id := fmt.Sprintf("gcp-%04d", i)
		s.gcp.Put("projects/"+Project+"/secrets/"+id, []byte(Value(id, 0)))
	}
	s.serve(l)
	return s, nil
}

// serve has the clients' port answered. It is called with the lock held, or
// before anyone knows of s.
func (s *Server) serve(l net.Listener) {
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func(h *http.Server) { _ = h.Serve(l) }(s.http)
}

// set changes the settings.
func (s *Server) set(to Settings) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (to.Mode == Refuse) != (s.http == nil) {
		if to.Mode == Refuse {
			if err := s.http.Close(); err != nil {
				return err
			}
			s.http = nil
		} else {
			l, err := net.Listen("tcp", s.addr)
			if err != nil {
				return err
			}
			s.serve(l)
		}
	}
	s.settings = to
	s.gcp.SetLatency(to.Latency)
	return nil
}

// drop closes every connection, as a network that has forgotten them does.
func (s *Server) drop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		return nil
	}
	if err := s.http.Close(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	s.serve(l)
	return nil
}

// count returns what was counted.
func (s *Server) count() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.stats
	c.Calls, c.Names = maps.Clone(c.Calls), maps.Clone(c.Names)
	if n := s.gcp.Calls(gcpRead) - s.gcpCalls; n > 0 {
		c.Calls[gcpRead] = n
	}
	return c
}

// reset forgets what was counted.
func (s *Server) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats = Stats{Calls: map[string]int{}, Names: map[string]int{}, InFlight: s.stats.InFlight, Peak: s.stats.InFlight}
	s.gcpCalls = s.gcp.Calls(gcpRead)
}

// ServeHTTP answers a client.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	path, isVault := strings.CutPrefix(r.URL.Path, "/v1/")
	if isVault {
		mount, _, _ := strings.Cut(path, "/")
		operation = "vault " + mount
	}
	var in awsRequest
	if !isVault {
		if err := json.Unmarshal(body, &in); err != nil {
			http.Error(w, "the request is not JSON", http.StatusBadRequest)
			return
		}
	}
	now := s.begin(operation, in)
	defer s.end()
	if !pause(r, now.Latency) {
		return
	}
	switch {
	case now.Mode == Hang:
		<-r.Context().Done()
	case now.Mode == Throttle && isVault:
		w.WriteHeader(http.StatusTooManyRequests)
	case now.Mode == Throttle:
		fail(w, "ThrottlingException", "Rate exceeded")
	case isVault:
		s.vault(w, path, now.Generation)
	default:
		s.aws(w, operation, in, now.Generation)
	}
}

func (s *Server) begin(operation string, in awsRequest) Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Calls[operation]++
	for _, name := range append(in.SecretIdList, in.SecretId) {
		s.stats.Names[name]++
	}
	s.stats.InFlight++
	s.stats.Peak = max(s.stats.Peak, s.stats.InFlight)
	return s.settings
}

func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.InFlight--
}

// pause waits; false: the client went away.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
