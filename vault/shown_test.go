package vault

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/url"
)

func textLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func jsonOf(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

func escaped(s string) string { return url.PathEscape(s) }
