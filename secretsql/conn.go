package secretsql

import (
	"context"
	"database/sql/driver"
	"errors"
)

// conn is a driver's connection that knows which credentials it was made with.
// It has every optional interface for which [database/sql] treats a connection
// that lacks it as it treats what this one then does. ExecerContext and
// QueryerContext are not among them, because arguments are converted before
// they are called: those are added where the driver has them.
type conn struct {
	raw  func() driver.Conn // in a func, since drivers keep the password that they logged in with
	made Credentials
}

var (
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
)

// wrap returns c with what it can do and no more.
func wrap(c driver.Conn, made Credentials) driver.Conn {
	w := &conn{func() driver.Conn { return c }, made}
	exec, execs := execer(c)
	query, queries := queryer(c)
	switch {
	case execs && queries:
		return &struct {
			*conn
			execFunc
			queryFunc
		}{w, exec, query}
	case execs:
		return &struct {
			*conn
			execFunc
		}{w, exec}
	case queries:
		return &struct {
			*conn
			queryFunc
		}{w, query}
	}
	return w
}

// Raw returns the driver's own connection.
func (c *conn) Raw() driver.Conn { return c.raw() }

func (c *conn) Prepare(query string) (driver.Stmt, error) { return c.raw().Prepare(query) }

func (c *conn) Close() error { return c.raw().Close() }

func (c *conn) Begin() (driver.Tx, error) {
	//lint:ignore SA1019 a driver.Conn has it
	return c.raw().Begin()
}

// IsValid is asked when the connection comes back to the pool.
func (c *conn) IsValid() bool {
	if !c.made.Current() {
		return false
	}
	if v, ok := c.raw().(driver.Validator); ok {
		return v.IsValid()
	}
	return true
}

// ResetSession is asked before the connection leaves the pool again.
func (c *conn) ResetSession(ctx context.Context) error {
	if !c.made.Current() {
		return driver.ErrBadConn
	}
	if r, ok := c.raw().(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

func (c *conn) Ping(ctx context.Context) error {
	if p, ok := c.raw().(driver.Pinger); ok {
		return p.Ping(ctx)
	}
	return nil
}

func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.raw().(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := c.raw().(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	stmt, err := c.raw().Prepare(query)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		_ = stmt.Close()
		return nil, err
	}
	return stmt, nil
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if b, ok := c.raw().(driver.ConnBeginTx); ok {
		return b.BeginTx(ctx, opts)
	}
	switch {
	case opts.Isolation != 0:
		return nil, errors.New("secretsql: the driver does not support isolation levels other than the default")
	case opts.ReadOnly:
		return nil, errors.New("secretsql: the driver does not support read-only transactions")
	}
	//lint:ignore SA1019 the driver has nothing newer
	tx, err := c.raw().Begin()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		_ = tx.Rollback()
		return nil, err
	}
	return tx, nil
}

type (
	execFunc  func(context.Context, string, []driver.NamedValue) (driver.Result, error)
	queryFunc func(context.Context, string, []driver.NamedValue) (driver.Rows, error)
)

// ExecContext calls f.
func (f execFunc) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return f(ctx, query, args)
}

// QueryContext calls f.
func (f queryFunc) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return f(ctx, query, args)
}

func execer(c driver.Conn) (execFunc, bool) {
	switch e := c.(type) {
	case driver.ExecerContext:
		return e.ExecContext, true
	//lint:ignore SA1019 there are drivers that have nothing newer
	case driver.Execer:
		return func(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
			values, err := plain(ctx, args)
			if err != nil {
				return nil, err
			}
			return e.Exec(query, values)
		}, true
	}
	return nil, false
}

func queryer(c driver.Conn) (queryFunc, bool) {
	switch q := c.(type) {
	case driver.QueryerContext:
		return q.QueryContext, true
	//lint:ignore SA1019 there are drivers that have nothing newer
	case driver.Queryer:
		return func(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
			values, err := plain(ctx, args)
			if err != nil {
				return nil, err
			}
			return q.Query(query, values)
		}, true
	}
	return nil, false
}

// plain returns arguments for a driver that knows neither names nor contexts.
func plain(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, arg := range args {
		if arg.Name != "" {
			return nil, errors.New("secretsql: the driver does not support named arguments")
		}
		values[i] = arg.Value
	}
	return values, ctx.Err()
}
