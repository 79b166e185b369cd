package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// All names of a struct are read together, and every failure is told at once.
func ExampleLoad() {
	ctx, _, done := infrastructure(map[string]string{
		"db":         `{"user":"app","password":"correct horse","port":5433}`,
		"stripe/key": "sk_live_1",
	})
	defer done()

	var cfg struct {
		DB struct {
			User     string         `secret:"user"`
			Password secrets.Secret `secret:"password"`
			Port     int            `secret:"port"`
			Timeout  time.Duration  `secret:"timeout,default=5s"`
		} `secret:"db/"`
		StripeKey secrets.Secret  `secret:"stripe/key"`
		Sentry    *secrets.Secret `secret:"sentry/dsn,optional"`
	}
	if err := secrets.Load(ctx, &cfg); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.DB.User, cfg.DB.Password, cfg.DB.Port, cfg.DB.Timeout, cfg.Sentry == nil)
	// Output:
	// app [REDACTED] 5433 5s true
}

// A resolver of one's own, without the default one.
func ExampleResolver_Load() {
	r := secrets.New(secretstest.NewProvider(map[string]string{"db": `{"user":"app","password":"correct horse"}`}))
	defer r.Close()

	var db struct {
		User     string         `secret:"db/user"`
		Password secrets.Secret `secret:"db/password"`
	}
	err := r.Load(context.Background(), &db)
	fmt.Println(db.User, db.Password, err)
	// Output:
	// app [REDACTED] <nil>
}

// What is missing and what does not fit its field is told at once, by name.
func ExampleLoad_failures() {
	ctx, _, done := infrastructure(map[string]string{"timeout": "soon"})
	defer done()

	type Config struct {
		Timeout time.Duration `secret:"timeout"`
		APIKey  string        `secret:"api/key"`
	}
	var cfg Config
	fmt.Println(secrets.Load(ctx, &cfg))
	// Output:
	// secrets: load Config.Timeout "timeout": invalid: the value is no duration like 30s, which the type time.Duration needs
	// secrets: get "api/key": api/key: not found: the test holds no document of this path; add it with Set; api#key: not found: the test holds no document of this path; add it with Set
}

// What a program cannot do without it reads at its start, in as few calls as
// the backend allows, and with every missing name told at once.
func ExamplePreload() {
	r, provider, done := manager(map[string]string{
		"db":         `{"user":"app","password":"correct horse"}`,
		"stripe/key": "sk_live_1",
	})
	defer done()
	ctx := secrets.NewContext(context.Background(), r)

	fmt.Println(secrets.Preload(ctx, "db/user", "db/password", "stripe/key"))
	fmt.Println("calls:", provider.Calls().Batches+provider.Calls().Fetches)

	err := secrets.Preload(ctx, "stripe/key", "sentry/dsn")
	fmt.Println(errors.Is(err, secrets.ErrNotFound))
	// Output:
	// <nil>
	// calls: 1
	// true
}

// Names that are fields of one document are one read, and a Get after it none.
func ExampleResolver_Preload() {
	r, provider, done := manager(map[string]string{"db": `{"user":"app","password":"correct horse"}`})
	defer done()

	fmt.Println(r.Preload(context.Background(), "db#user", "db#password"))
	user, err := r.Get(context.Background(), "db#user")
	fmt.Println(user.Reveal(), err, provider.Reads("db"))
	// Output:
	// <nil>
	// app <nil> 1
}
