package config_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/config"
	_ "github.com/go-secrets/secrets/envfile"
)

// A program that opens its own resolver reads the file by name. For the
// default resolver the import of the package and SECRETS_CONFIG are enough.
func ExampleRead() {
	dir, err := os.MkdirTemp("", "config-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "secrets.yaml")
	if err := os.WriteFile(path, []byte("providers: [\"env://?prefix=EXAMPLE_\"]\ncache: {ttl: 1m}\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	_ = os.Setenv("EXAMPLE_API_KEY", "k1")
	defer os.Unsetenv("EXAMPLE_API_KEY")

	cfg, err := config.Read(path)
	if err != nil {
		log.Fatal(err)
	}
	r, err := secrets.OpenConfig(context.Background(), cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	key, err := r.Get(context.Background(), "api/key")
	fmt.Println(key.Reveal(), err)
	// Output:
	// k1 <nil>
}

// Variables stand for values, with defaults.
func ExampleParse() {
	file := `
providers: ["env://", "vault://secret/${APP_ENV:-dev}"]
references:
  legacy/: ssm:///legacy
cache: {ttl: "${TTL}"}
`
	variables := map[string]string{"TTL": "30s"}
	cfg, err := config.Parse([]byte(file), func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	})
	fmt.Println(cfg.Providers, cfg.References, time.Duration(*cfg.Cache.TTL), err)
	// Output:
	// [env:// vault://secret/dev] map[legacy/:ssm:///legacy] 30s <nil>
}

// What the file has wrong is told all at once, by line, and no value is
// quoted.
func ExampleParse_errors() {
	_, err := config.Parse([]byte("provider: [\"env://\"]\ncache: {ttl: soon}\n"), nil)
	fmt.Println(err)
	// Output:
	// secrets: parse configuration: invalid: line 1: unknown key "provider" (the file knows cache, providers, references, refresh)
	// line 2: ttl is a duration with a unit, like 30s, 5m or 24h
}
