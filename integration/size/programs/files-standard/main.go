// A program that reads one secret of a file with the standard library, and
// says in the log how that went.
package main

import (
	"encoding/json"
	"log/slog"
	"os"
)

func main() {
	var db map[string]string
	data, err := os.ReadFile("/run/secrets/db")
	if err == nil {
		err = json.Unmarshal(data, &db)
	}
	slog.Error("read", "error", err, "fields", len(db))
}
