// Command jsonslog is a program with the parts of the standard library that a
// service has in any case, for its size.
package main

import (
	"encoding/json"
	"log/slog"
	"os"
)

func main() {
	if len(os.Args) < 2 { // its start is all that is timed
		return
	}
	text, err := json.Marshal(os.Args)
	slog.Info("arguments", "json", string(text), "error", err)
}
