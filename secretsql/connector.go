package secretsql

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretsql/internal/guard"
)

// A Connector is a [driver.Connector] for [database/sql.OpenDB]: it has every
// connection made with the current credentials, and retires those that were
// made with earlier ones. It is safe for concurrent use, and holds nothing that
// needs closing.
type Connector struct {
	source  *Source
	connect ConnectFunc
	driver  driver.Driver
}

// A ConnectFunc makes one connection of the user's driver with the given
// credentials. It must not keep them for another one.
type ConnectFunc func(ctx context.Context, c Credentials) (driver.Conn, error)

// New returns a Connector that makes connections of d by connect, with the
// credentials that r has under name; see [NewSource] for r and rejected.
//
// Connections are wrapped. What a driver's connection can do beyond
// [driver.Conn] the wrapped one can do, too; for [database/sql.Conn.Raw] the
// driver's own connection is had by the method Raw() driver.Conn.
func New(r *secrets.Resolver, name string, d driver.Driver, connect ConnectFunc, rejected func(error) bool, opts ...Option) *Connector {
	return &Connector{source: NewSource(r, name, rejected, opts...), connect: connect, driver: d}
}

// Connect makes a connection; the error is that of [Source.Login]. A panic of
// the ConnectFunc is an error, too: the pool may call from a goroutine of its
// own, where it would end the process.
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	var made driver.Conn
	err := c.source.Login(ctx, func(ctx context.Context, cred Credentials) error {
		var conn driver.Conn
		err := guard.Do("secretsql: the function that connects", func() (err error) {
			conn, err = c.connect(ctx, cred)
			return err
		})
		if err != nil {
			return err
		}
		if conn == nil {
			return fmt.Errorf("%w: secretsql: the function that connects returned neither a connection nor an error", secrets.ErrInvalid)
		}
		cred.Accepted()
		made = wrap(conn, cred)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// Driver returns the user's driver.
func (c *Connector) Driver() driver.Driver {
	if c.driver == nil {
		return noDriver{}
	}
	return c.driver
}

// noDriver stands for the driver of a Connector that was given none.
type noDriver struct{}

func (noDriver) Open(string) (driver.Conn, error) {
	return nil, fmt.Errorf("%w: secretsql: connections are made by a Connector; use sql.OpenDB", secrets.ErrInvalid)
}
