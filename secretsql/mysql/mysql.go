// Package mysql is [secretsql] for MySQL and MariaDB, by way of
// [github.com/go-sql-driver/mysql]: a [database/sql] pool whose password
// rotates under load while no query fails.
//
//	import secretmysql "github.com/go-secrets/secrets/secretsql/mysql"
//
//	db, err := secretmysql.Open(nil, "mysql-credentials", "tcp(db.internal:3306)/app?tls=true")
//
// MySQL 8 keeps two passwords of an account valid (ALTER USER … RETAIN CURRENT
// PASSWORD), so that a rotation need not even be noticed by its refusal.
//
// # The secret
//
// The name stands for a JSON object with username and password; what the DSN
// says of the two does not matter. [secretsql.WithUser] takes a secret that is
// the password alone, as the example of New does; [secretsql.WithKeys] takes
// other keys, and [secretsql.WithEndpoint] host, port and database from the
// document, too. tls=true then verifies the name of that host.
//
// # Errors
//
// A DSN that cannot be read is [secrets.ErrInvalid], from Open, and is not
// repeated. A query fails as the secret does (errors.Is on its class), if it
// cannot be read, or with the driver's own error, without the password.
// [Rejected] reports whether an error is the server's refusal of credentials.
//
// # What to set
//
// tls=true in the DSN; [database/sql.DB.SetMaxOpenConns], as for every pool; and
// the TTL of the resolver, which bounds how long pooled connections outlive a
// rotation. The rest is told in package [secretsql].
package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretsql"
)

// Open returns a pool of connections to where dsn says, as [mysql.ParseDSN]
// takes it, with the credentials that r has under name. r nil: the default
// resolver. What dsn says of user and password does not matter. It does no I/O;
// the error is [secrets.ErrInvalid] and does not repeat dsn.
func Open(r *secrets.Resolver, name, dsn string, opts ...secretsql.Option) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("%w: secretsql/mysql: the DSN is not one that mysql.ParseDSN takes", secrets.ErrInvalid)
	}
	return sql.OpenDB(New(r, name, cfg, opts...)), nil
}

// New is Open for a configuration, from [mysql.ParseDSN] or [mysql.NewConfig],
// and for those who open the pool themselves.
func New(r *secrets.Resolver, name string, cfg *mysql.Config, opts ...secretsql.Option) *secretsql.Connector {
	base := cfg.Clone()
	return secretsql.New(r, name, mysql.MySQLDriver{}, func(ctx context.Context, c secretsql.Credentials) (driver.Conn, error) {
		connector, err := mysql.NewConnector(configure(base, c))
		if err != nil {
			return nil, err
		}
		return connector.Connect(ctx)
	}, Rejected, opts...)
}

// configure returns a configuration with credentials in it.
func configure(base *mysql.Config, c secretsql.Credentials) *mysql.Config {
	cfg := base.Clone()
	cfg.User, cfg.Passwd = c.User, c.Password.Reveal()
	if c.Database != "" {
		cfg.DBName = c.Database
	}
	if c.Host == "" && c.Port == 0 {
		return cfg
	}
	before, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil { // none, or a socket
		before, port = "", "3306"
	}
	host := before
	if c.Host != "" {
		host, cfg.Net = c.Host, "tcp"
	}
	if c.Port != 0 {
		port = strconv.Itoa(int(c.Port))
	}
	cfg.Addr = net.JoinHostPort(host, port)
	if cfg.TLS != nil && cfg.TLS.ServerName == before {
		cfg.TLS = cfg.TLS.Clone()
		cfg.TLS.ServerName = host
	}
	return cfg
}

// Rejected reports whether err says that the server did not take the
// credentials: access denied, an account that is locked, or one that failed
// logins have blocked
// (https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html,
// https://mariadb.com/kb/en/mariadb-error-code-reference/).
func Rejected(err error) bool {
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return false
	}
	switch my.Number {
	case 1045, // ER_ACCESS_DENIED_ERROR
		1698, // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
		1862, // ER_MUST_CHANGE_PASSWORD_LOGIN
		3118, // ER_ACCOUNT_HAS_BEEN_LOCKED
		4151, // ER_ACCOUNT_HAS_BEEN_LOCKED of MariaDB
		3955: // ER_USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK
		return true
	}
	return false
}
