// Package pgauth is what secretsql/pgx and secretsql/pgxpool share: how
// credentials get into a configuration of pgx, and what its errors say.
package pgauth

import (
	"crypto/tls"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/go-secrets/secrets/secretsql"
)

// Rejected reports whether err says that PostgreSQL did not take the
// credentials of a connection attempt: class 28 of
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func Rejected(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "28P01" || pg.Code == "28000")
}

// Configure puts credentials into a configuration, which is the caller's own.
func Configure(cfg *pgx.ConnConfig, c secretsql.Credentials) {
	cfg.User, cfg.Password = c.User, c.Password.Reveal()
	if c.Database != "" {
		cfg.Database = c.Database
	}
	if c.Host == "" && c.Port == 0 {
		return
	}
	before := cfg.Host
	host, port := c.Host, c.Port
	if host == "" {
		host = before
	}
	if port == 0 {
		port = cfg.Port
	}
	cfg.Host, cfg.Port = host, port
	cfg.TLSConfig = forHost(cfg.TLSConfig, before, host)
	// What is left of the fallbacks are the other ways to speak to the same
	// host (sslmode=prefer), not other hosts.
	var kept []*pgconn.FallbackConfig
	for _, f := range cfg.Fallbacks {
		if f.Host == before {
			kept = append(kept, &pgconn.FallbackConfig{Host: host, Port: port, TLSConfig: forHost(f.TLSConfig, before, host)})
		}
	}
	cfg.Fallbacks = kept
}

// forHost returns a TLS configuration that was made for one host as it has to
// be for another.
func forHost(cfg *tls.Config, before, host string) *tls.Config {
	if cfg == nil || cfg.ServerName != before {
		return cfg
	}
	cfg = cfg.Clone()
	cfg.ServerName = host
	return cfg
}

// Clean returns an error of a connection attempt without the configuration
// that pgx attaches to it, password included.
func Clean(err error) error {
	var failed *pgconn.ConnectError
	if !errors.As(err, &failed) {
		return err
	}
	return &connectError{text: err.Error(), err: failed.Unwrap()}
}

type connectError struct {
	text string
	err  error
}

func (e *connectError) Error() string { return e.text }
func (e *connectError) Unwrap() error { return e.err }
