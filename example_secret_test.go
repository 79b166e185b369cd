package secrets_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-secrets/secrets"
)

// A document of JSON is decoded as encoding/json does. An error tells the
// field, and never the value.
func ExampleSecret_Decode() {
	ctx, provider, done := infrastructure(map[string]string{"db": `{"user":"app","port":5432}`})
	defer done()

	var db struct {
		User string
		Port int
	}
	s, _ := secrets.Get(ctx, "db")
	fmt.Println(s.Decode(&db), db)

	provider.Set("other", `{"user":"app","port":"hunter2"}`)
	s, _ = secrets.Get(ctx, "other")
	fmt.Println(s.Decode(&db))
	// Output:
	// <nil> {app 5432}
	// secrets: decode "other": invalid: the JSON at field "Port" does not fit a Go int
}

// Who verifies with a key in rotation accepts the one before, too.
func ExampleSecret_Previous() {
	r, provider, done := manager(map[string]string{"webhook/key": "one"})
	defer done()
	ctx := context.Background()

	key, _ := r.Get(ctx, "webhook/key")
	_, had := key.Previous()
	fmt.Println(had)

	provider.Set("webhook/key", "two")
	key, _ = r.Refresh(ctx, "webhook/key")
	old, had := key.Previous()
	fmt.Println(key.Reveal(), old.Reveal(), had)
	// Output:
	// false
	// two one true
}

// Secrets are compared in constant time, by their bytes alone.
func ExampleSecret_Equal() {
	ctx, _, done := infrastructure(map[string]string{"token": "t0ps3cret"})
	defer done()

	token, _ := secrets.Get(ctx, "token")
	var sent secrets.Secret
	if err := sent.UnmarshalText([]byte("t0ps3cret")); err != nil { // from a request
		fmt.Println(err)
	}
	fmt.Println(token.Equal(sent), token.IsZero(), len(token.Bytes()))
	fmt.Println(token.Name(), token.Version(), token.FetchedAt().IsZero(), token.ExpiresAt().IsZero())
	// Output:
	// true false 9
	// token v1 false true
}

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
