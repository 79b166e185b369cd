// Webapp is a small HTTP service on database/sql whose password rotates while
// it runs. It shows on a page how its secrets stand: versions, ages, states
// and rotations, live, and no values.
//
//	SECRETS_URL=file:///run/secrets go run ./examples/webapp -db 'postgres://db.internal/app?sslmode=verify-full'
//
// The secret db is a directory with the files username and password, or a JSON
// document with these keys. To see it rotate under load on a PostgreSQL of its
// own, in one command:
//
//	go run ./examples/webapp/rotate
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-secrets/secrets"
	_ "github.com/go-secrets/secrets/envfile" // file://, env:// and envfile://; for Vault and others import their packages
	"github.com/go-secrets/secrets/secrethttp"
	secretpgx "github.com/go-secrets/secrets/secretsql/pgx"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "the `address` to serve on")
	dsn := flag.String("db", "postgres://127.0.0.1/postgres", "where the database is, without user and password")
	name := flag.String("secret", "db", "the `name` of the secret with user and password")
	conns := flag.Int("conns", 50, "the most connections")
	life := flag.Duration("conn-life", time.Hour, "how long a connection is used")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *dsn, *name, *conns, *life); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, dsn, name string, conns int, life time.Duration) error {
	var seen rotations
	r, err := secrets.Open(ctx, os.Getenv("SECRETS_URL"), secrets.WithObserver(seen.observe))
	if err != nil {
		return err
	}
	defer r.Close()
	// A program that cannot have its password says so at once, not with its
	// first query.
	if _, err := r.Get(ctx, name); err != nil {
		return err
	}
	db, err := secretpgx.Open(r, name, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxLifetime(life)

	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: routes(r, db, &seen), ReadHeaderTimeout: 10 * time.Second}
	slog.Info("serving", "page", "http://"+l.Addr().String())
	ended := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Shutdown(last)
	})
	defer ended()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// routes are those of the service.
func routes(r *secrets.Resolver, db *sql.DB, seen *rotations) http.Handler {
	s := &service{resolver: r, db: db, seen: seen}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /query", s.query)
	mux.HandleFunc("GET /live", s.live)
	mux.HandleFunc("GET /{$}", page)
	mux.Handle("/secrets", secrethttp.StatusHandler(r))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := r.Healthy(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	return mux
}
