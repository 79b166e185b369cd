package fake

import (
	"encoding/json"
	"net/http"
	"strings"
)

// vault answers reads of a KV version 2 mount at secret/.
func (s *Server) vault(w http.ResponseWriter, path string, generation int) {
	w.Header().Set("Content-Type", "application/json")
	if strings.HasPrefix(path, "sys/internal/ui/mounts/") {
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{
			"path": "secret/", "type": "kv", "options": map[string]string{"version": "2"},
		}})
		return
	}
	if path == "auth/token/lookup-self" {
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"id": "x", "ttl": 0, "renewable": false, "policies": []string{"root"}, "type": "service"}})
		return
	}
	name, ok := strings.CutPrefix(path, "secret/data/")
	if !ok || missing(name) {
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{}})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"request_id": "r", "data": map[string]any{
		"data": map[string]string{"value": Value(name, generation)},
		"metadata": map[string]any{
			"version": generation + 1, "created_time": "2026-01-01T00:00:00Z", "deletion_time": "", "destroyed": false,
		},
	}})
}
