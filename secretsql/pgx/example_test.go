package pgx_test

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/go-secrets/secrets/secretsql"
	secretpgx "github.com/go-secrets/secrets/secretsql/pgx"
)

func ExampleOpen() {
	// The name db is a document with username and password, wherever
	// SECRETS_URL says.
	db, err := secretpgx.Open(nil, "db", "postgres://db.internal/app?sslmode=verify-full")
	if err != nil {
		panic(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(20)
}

func ExampleOpen_endpoint() {
	// What RDS keeps for a database says where it is, too.
	db, err := secretpgx.Open(nil, "prod/orders", "postgres:///?sslmode=verify-full", secretsql.WithEndpoint())
	if err != nil {
		panic(err)
	}
	defer db.Close()
}

func ExampleNew() {
	cfg, err := pgx.ParseConfig("postgres://db.internal/app?sslmode=verify-full")
	if err != nil {
		panic(err)
	}
	cfg.Tracer = nil // whatever the program sets there
	db := sql.OpenDB(secretpgx.New(nil, "db", cfg))
	defer db.Close()
	_ = db.PingContext(context.Background())
}

func ExampleRejected() {
	fmt.Println(secretpgx.Rejected(&pgconn.PgError{Code: "28P01"}))
	fmt.Println(secretpgx.Rejected(context.DeadlineExceeded))
	// Output:
	// true
	// false
}

func ExampleNewWithHooks() {
	cfg, err := pgx.ParseConfig("postgres://db-1.internal,db-2.internal/app?sslmode=verify-full")
	if err != nil {
		panic(err)
	}
	db := sql.OpenDB(secretpgx.NewWithHooks(nil, "db", cfg, secretpgx.Hooks{
		BeforeConnect: stdlib.RandomizeHostOrderFunc,
		AfterConnect: func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "SET statement_timeout = '5s'")
			return err
		},
	}))
	defer db.Close()
}
