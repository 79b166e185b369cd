// Package pgx is [secretsql] for PostgreSQL, by way of
// [github.com/jackc/pgx/v5/stdlib]: a [database/sql] pool whose password
// rotates under load while no query fails.
//
//	import secretpgx "github.com/go-secrets/secrets/secretsql/pgx"
//
//	db, err := secretpgx.Open(nil, "db", "postgres://db.internal/app?sslmode=verify-full")
//
// Connections are those of package stdlib, not wrapped: what takes them from
// [database/sql.Conn.Raw] as a *stdlib.Conn goes on to work. One that was made
// with credentials that have been replaced is retired when it is about to
// leave the pool again. [NewWithHooks] takes the callbacks that stdlib has as
// options.
//
// For a pgxpool see package secretsql/pgxpool.
//
// # The secret
//
// The name stands for a JSON object with username and password; what the
// connection string says of the two does not matter. [secretsql.WithUser] takes
// a secret that is the password alone, [secretsql.WithKeys] other keys, and
// [secretsql.WithEndpoint] host, port and database from the document, too, as
// RDS writes them: see the second example of Open.
//
// # Errors
//
// A connection string that cannot be read is [secrets.ErrInvalid], from Open,
// and is not repeated. A query fails as the secret does (errors.Is on its
// class), if it cannot be read, or with pgx's own error, without the password.
// [Rejected] reports whether an error is the server's refusal of credentials.
//
// # What to set
//
// sslmode=verify-full in the connection string, so that the password goes to
// that server and no other; [database/sql.DB.SetMaxOpenConns], as for
// every pool; and the TTL of the resolver, which bounds how long pooled
// connections outlive a rotation. The rest is told in package [secretsql].
package pgx

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretsql/internal/guard"
	"github.com/go-secrets/secrets/secretsql/internal/pgauth"
)

// Open returns a pool of connections to where dsn says, a URL or a list of
// keywords and values as [pgx.ParseConfig] takes it, with the credentials that
// r has under name. r nil: the default resolver. What dsn says of user and
// password does not matter. It does no I/O; the error is
// [secrets.ErrInvalid] and does not repeat dsn.
func Open(r *secrets.Resolver, name, dsn string, opts ...secretsql.Option) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil { // which quotes what it was given
		return nil, fmt.Errorf("%w: secretsql/pgx: the connection string is not one that pgx.ParseConfig takes", secrets.ErrInvalid)
	}
	return sql.OpenDB(New(r, name, cfg, opts...)), nil
}

// New is Open for a configuration, which must come from [pgx.ParseConfig], and
// for those who open the pool themselves.
func New(r *secrets.Resolver, name string, cfg *pgx.ConnConfig, opts ...secretsql.Option) driver.Connector {
	return NewWithHooks(r, name, cfg, Hooks{}, opts...)
}

// Hooks are the callbacks that package stdlib takes as options. Each may be nil.
type Hooks struct {
	// BeforeConnect is that of [stdlib.OptionBeforeConnect]. It is called before
	// user, password and, with [secretsql.WithEndpoint], the place are set.
	BeforeConnect func(context.Context, *pgx.ConnConfig) error

	// AfterConnect is that of [stdlib.OptionAfterConnect]. If it fails, the
	// connection is closed, and its error is no refusal of the credentials.
	AfterConnect func(context.Context, *pgx.Conn) error

	// ResetSession is that of [stdlib.OptionResetSession]. It is not called for
	// a connection whose credentials have been replaced.
	ResetSession func(context.Context, *pgx.Conn) error

	// ShouldPing is that of [stdlib.OptionShouldPing].
	ShouldPing func(context.Context, stdlib.ShouldPingParams) bool
}

// NewWithHooks is New for those who give hooks to package stdlib.
func NewWithHooks(r *secrets.Resolver, name string, cfg *pgx.ConnConfig, hooks Hooks, opts ...secretsql.Option) driver.Connector {
	own := cfg.Copy()
	return &connector{
		source: secretsql.NewSource(r, name, rejected, opts...),
		cfg:    func() *pgx.ConnConfig { return own.Copy() },
		hooks:  hooks,
	}
}

// Rejected reports whether err says that PostgreSQL did not take the
// credentials: SQLSTATE 28P01, or 28000 unless pg_hba.conf is the reason. It
// knows what PgBouncer says instead (08P01), of its own or a server's refusal.
func Rejected(err error) bool { return pgauth.Rejected(err) }

// rejected is Rejected, of what comes before a hook has a connection.
func rejected(err error) bool {
	var hook *hookError
	return !errors.As(err, &hook) && Rejected(err)
}

// A hookError is one of the user's own hook.
type hookError struct{ err error }

func (e *hookError) Error() string { return e.err.Error() }
func (e *hookError) Unwrap() error { return e.err }

type connector struct {
	source *secretsql.Source
	cfg    func() *pgx.ConnConfig // a copy; in a func, since it may have a password of the connection string
	hooks  Hooks
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	var made driver.Conn
	err := c.source.Login(ctx, func(ctx context.Context, cred secretsql.Credentials) error {
		err := guard.Do("secretsql/pgx: a hook of a connection", func() (err error) {
			made, err = stdlib.GetConnector(*c.cfg(), c.options(cred)...).Connect(ctx)
			return err
		})
		return pgauth.Clean(err)
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// options has a connection be made with credentials, and refused by the pool
// once they have been replaced.
func (c *connector) options(cred secretsql.Credentials) []stdlib.OptionOpenDB {
	all := []stdlib.OptionOpenDB{
		stdlib.OptionBeforeConnect(func(ctx context.Context, cfg *pgx.ConnConfig) error {
			if c.hooks.BeforeConnect != nil {
				if err := c.hooks.BeforeConnect(ctx, cfg); err != nil {
					return &hookError{err}
				}
			}
			pgauth.Configure(cfg, cred)
			return nil
		}),
		stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
			cred.Accepted()
			return c.afterConnect(ctx, conn)
		}),
		stdlib.OptionResetSession(func(ctx context.Context, conn *pgx.Conn) error {
			if !cred.Current() {
				pgauth.End(ctx, conn)
				return driver.ErrBadConn
			}
			if c.hooks.ResetSession != nil {
				return c.hooks.ResetSession(ctx, conn)
			}
			return nil
		}),
	}
	if c.hooks.ShouldPing != nil {
		all = append(all, stdlib.OptionShouldPing(c.hooks.ShouldPing))
	}
	return all
}

// afterConnect calls the user's hook. What it does not end well with, nobody
// else would close.
func (c *connector) afterConnect(ctx context.Context, conn *pgx.Conn) error {
	if c.hooks.AfterConnect == nil {
		return nil
	}
	done := false
	defer func() {
		if !done {
			_ = conn.Close(ctx)
		}
	}()
	if err := c.hooks.AfterConnect(ctx, conn); err != nil {
		return &hookError{err}
	}
	done = true
	return nil
}

func (c *connector) Driver() driver.Driver { return stdlib.GetDefaultDriver() }
