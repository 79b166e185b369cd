package secrets_test

import (
	"fmt"

	"github.com/go-secrets/secrets"
)

// A field of type *Live stays current; the other fields are as they were read.
func ExampleLive() {
	ctx, provider, done := infrastructure(map[string]string{"api/token": "one", "api/url": "https://api.example.com"})
	defer done()

	var cfg struct {
		URL   string                `secret:"api/url"`
		Token *secrets.Live[string] `secret:"api/token"`
	}
	if err := secrets.Load(ctx, &cfg); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.URL, cfg.Token.Get())

	provider.Set("api/token", "two")
	until(func() bool { return cfg.Token.Get() == "two" })
	fmt.Println(cfg.Token.Get(), cfg.Token.Err())

	cfg.Token.Stop() // Get goes on returning the last value
	// Output:
	// https://api.example.com one
	// two <nil>
}
