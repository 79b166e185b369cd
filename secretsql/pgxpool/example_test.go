package pgxpool_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	secretpgxpool "github.com/go-secrets/secrets/secretsql/pgxpool"
)

// The name stands for a document with username and password, wherever
// SECRETS_URL says.
func ExampleNew() {
	ctx := context.Background()
	pool, err := secretpgxpool.New(ctx, nil, "db", "postgres://db.internal/app?sslmode=verify-full&pool_max_conns=20")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	var now time.Time
	err = pool.QueryRow(ctx, "SELECT now()").Scan(&now)
	fmt.Println(now, err)
}

// With a configuration of your own. Its hooks are called as ever.
func ExampleNewWithConfig() {
	cfg, err := pgxpool.ParseConfig("postgres://db.internal/app?sslmode=verify-full")
	if err != nil {
		log.Fatal(err)
	}
	cfg.MaxConnLifetime = time.Hour
	pool, err := secretpgxpool.NewWithConfig(context.Background(), nil, "db", cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
}
