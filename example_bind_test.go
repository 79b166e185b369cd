package secrets_test

import (
	"fmt"
	"net/url"
	"time"

	"github.com/go-secrets/secrets"
)

// What is made of a secret is made again when the secret changes; reading it
// is one atomic load.
func ExampleBind() {
	ctx, provider, done := infrastructure(map[string]string{"payments/url": "https://one.example.com/pay"})
	defer done()

	endpoint, err := secrets.Bind(ctx, nil, "payments/url", func(s secrets.Secret) (*url.URL, error) {
		return url.Parse(s.Reveal())
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Get().Host)

	provider.Set("payments/url", "https://two.example.com/pay") // somebody rotates it
	until(func() bool { return endpoint.Get().Host == "two.example.com" })
	fmt.Println(endpoint.Get().Host)

	provider.Set("payments/url", "https://[broken") // a version that cannot be decoded
	until(func() bool { return endpoint.Err() != nil })
	fmt.Println(endpoint.Get().Host, "is still served")
	// Output:
	// one.example.com
	// two.example.com
	// two.example.com is still served
}

// The whole struct is replaced at once, so that its fields fit each other.
func ExampleBindStruct() {
	ctx, provider, done := infrastructure(map[string]string{"db": `{"user":"app","password":"one"}`})
	defer done()

	type Credentials struct {
		User     string         `secret:"db/user"`
		Password secrets.Secret `secret:"db/password"`
	}
	credentials, err := secrets.BindStruct[Credentials](ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%+v\n", credentials.Get())

	provider.Set("db", `{"user":"app_clone","password":"two"}`)
	until(func() bool { return credentials.Get().User == "app_clone" })
	fmt.Printf("%+v\n", credentials.Get())
	// Output:
	// {User:app Password:[REDACTED]}
	// {User:app_clone Password:[REDACTED]}
}

// until waits for what happens in the background of an example. A program need
// not: it calls Get when it needs the value.
func until(happened func() bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !happened() {
		<-tick.C
	}
}

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
