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
// leave the pool again.
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
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretsql"
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
	return &connector{source: secretsql.NewSource(r, name, Rejected, opts...), cfg: cfg.Copy()}
}

// Rejected reports whether err says that PostgreSQL did not take the
// credentials: SQLSTATE 28P01 or 28000.
func Rejected(err error) bool { return pgauth.Rejected(err) }

type connector struct {
	source *secretsql.Source
	cfg    *pgx.ConnConfig
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	var made driver.Conn
	err := c.source.Login(ctx, func(ctx context.Context, cred secretsql.Credentials) error {
		cfg := c.cfg.Copy()
		pgauth.Configure(cfg, cred)
		conn, err := stdlib.GetConnector(*cfg, retire(cred)).Connect(ctx)
		if err != nil {
			return pgauth.Clean(err)
		}
		cred.Accepted()
		made = conn
		return nil
	})
	return made, err
}

// retire has a connection refused by the pool once its credentials have been
// replaced.
func retire(cred secretsql.Credentials) stdlib.OptionOpenDB {
	return stdlib.OptionResetSession(func(context.Context, *pgx.Conn) error {
		if !cred.Current() {
			return driver.ErrBadConn
		}
		return nil
	})
}

func (c *connector) Driver() driver.Driver { return stdlib.GetDefaultDriver() }
