package main

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-secrets/secrets"
)

// A service answers queries and tells how it is.
type service struct {
	resolver   *secrets.Resolver
	db         *sql.DB
	seen       *rotations
	ok, failed atomic.Int64
}

// query is what the service is for. It knows nothing of passwords.
func (s *service) query(w http.ResponseWriter, req *http.Request) {
	var user string
	var now time.Time
	err := s.db.QueryRowContext(req.Context(), "SELECT current_user, now()").Scan(&user, &now)
	if err != nil {
		s.failed.Add(1)
		slog.Error("query", "error", err)
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	s.ok.Add(1)
	_ = json.NewEncoder(w).Encode(map[string]any{"user": user, "now": now})
}

// live is what the page asks for.
func (s *service) live(w http.ResponseWriter, _ *http.Request) {
	pool := s.db.Stats()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"now":       time.Now(),
		"ok":        s.ok.Load(),
		"failed":    s.failed.Load(),
		"pool":      map[string]int{"open": pool.OpenConnections, "in use": pool.InUse},
		"documents": s.resolver.Status(),
		"rotations": s.seen.all(),
	})
}

//go:embed page.html
var html []byte

func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'")
	_, _ = w.Write(html)
}

// rotations are the changes that the resolver has seen, the last twenty.
type rotations struct {
	mu   sync.Mutex
	last []rotation
}

// A rotation is a change of a document. It has no values.
type rotation struct {
	At       time.Time `json:"at"`
	Document string    `json:"document"`
	Version  string    `json:"version"`
}

// observe is a secrets.Observer.
func (r *rotations) observe(_ context.Context, e secrets.Event) {
	if e.Kind != secrets.EventChanged {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = append(r.last, rotation{e.Time, e.Document, e.Version})
	if len(r.last) > 20 {
		r.last = r.last[1:]
	}
}

func (r *rotations) all() []rotation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]rotation{}, r.last...)
}
