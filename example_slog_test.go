package secrets_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-secrets/secrets"
)

// No logger, printer or encoder sees the value, wherever the Secret stands.
func ExampleSecret_redaction() {
	ctx, _, done := infrastructure(map[string]string{"db/password": "correct horse"})
	defer done()

	password, err := secrets.Get(ctx, "db/password")
	if err != nil {
		fmt.Println(err)
		return
	}
	type settings struct {
		User     string
		Password secrets.Secret
	}
	s := settings{"app", password}

	fmt.Printf("%s %+v %#v\n", password, s, []any{password})
	text, _ := json.Marshal(s)
	fmt.Println(string(text))

	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: noTime}))
	log.Info("connecting", "password", password, "settings", s)
	// Output:
	// [REDACTED] {User:app Password:[REDACTED]} []interface {}{[REDACTED]}
	// {"User":"app","Password":"[REDACTED]"}
	// level=INFO msg=connecting password=[REDACTED] settings="{User:app Password:[REDACTED]}"
}
