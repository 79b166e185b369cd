// Package pgauth is what secretsql/pgx and secretsql/pgxpool share: how
// credentials get into a configuration of pgx, and what its errors say.
package pgauth

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/go-secrets/secrets/secretsql"
)

// SQLSTATEs of refusals: class 28 of
// https://www.postgresql.org/docs/current/errcodes-appendix.html, and what
// PgBouncer says of everything.
const (
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
	protocolViolation    = "08P01"
	tooManyConnections   = "53300"
)

// Rejected reports whether err says that PostgreSQL, or a PgBouncer before it,
// did not take the credentials of a connection attempt.
func Rejected(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case invalidPassword:
		return true
	case invalidAuthorization:
		// That no line of pg_hba.conf lets the client in, or one rejects it, is
		// said before anybody looks at credentials, and by this routine alone.
		return pg.Routine != "ClientAuthentication" && !strings.Contains(pg.Message, "pg_hba.conf")
	case protocolViolation:
		return refusedByPgBouncer(pg.Message)
	}
	return false
}

// refusedByPgBouncer reports whether a message of PgBouncer is a refusal: its
// own, or one of the server that it relays. Until its version 1.20 all of its
// errors have one code.
func refusedByPgBouncer(message string) bool {
	message = strings.ToLower(message)
	return slices.ContainsFunc([]string{
		"sasl authentication failed",     // SCRAM
		"password authentication failed", // MD5, plain, and of a server
		"auth failed",
		"empty password returned by client",
		"no such user",
		"is not permitted to log in",
	}, func(text string) bool { return strings.Contains(message, text) })
}

// Accepted reports whether err, of a connection attempt, came after PostgreSQL
// had taken the credentials: there are too many connections of this user or to
// this database, which is looked at then.
func Accepted(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == tooManyConnections && (pg.Routine == "InitializeSessionUserId" || pg.Routine == "CheckMyDatabase")
}

// endTime is for how long End waits.
const endTime = time.Second

// End closes a connection, and returns when the server has forgotten it, so
// that its place among those that a user may have (CONNECTION LIMIT) is free.
func End(ctx context.Context, conn *pgx.Conn) {
	pg := conn.PgConn()
	if pg.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	deadline, _ := ctx.Deadline()
	if pg.Conn().SetDeadline(deadline) == nil {
		pg.Frontend().Send(&pgproto3.Terminate{})
		if pg.Frontend().Flush() == nil {
			// The server's process closes its end when it is gone.
			_, _ = io.CopyN(io.Discard, pg.Conn(), 64<<10)
		}
	}
	_ = conn.Close(ctx)
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
