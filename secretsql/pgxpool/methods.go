package pgxpool

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Acquire is [pgxpool.Pool.Acquire].
func (p *Pool) Acquire(ctx context.Context) (c *pgxpool.Conn, err error) {
	err = p.try(ctx, func(ctx context.Context) (err error) {
		c, err = p.Pool.Acquire(ctx)
		return err
	})
	return c, err
}

// AcquireFunc is [pgxpool.Pool.AcquireFunc].
func (p *Pool) AcquireFunc(ctx context.Context, f func(*pgxpool.Conn) error) error {
	c, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	return f(c)
}

// Ping is [pgxpool.Pool.Ping].
func (p *Pool) Ping(ctx context.Context) error { return p.try(ctx, p.Pool.Ping) }

// Exec is [pgxpool.Pool.Exec].
func (p *Pool) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	err = p.try(ctx, func(ctx context.Context) (err error) {
		tag, err = p.Pool.Exec(ctx, sql, args...)
		return err
	})
	return tag, err
}

// Query is [pgxpool.Pool.Query].
func (p *Pool) Query(ctx context.Context, sql string, args ...any) (rows pgx.Rows, err error) {
	err = p.try(ctx, func(ctx context.Context) (err error) {
		rows, err = p.Pool.Query(ctx, sql, args...)
		return err
	})
	return rows, err
}

// QueryRow is [pgxpool.Pool.QueryRow].
func (p *Pool) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	c, err := p.Acquire(ctx)
	if err != nil {
		return failedRow{err}
	}
	return &row{c.QueryRow(ctx, sql, args...), c}
}

// SendBatch is [pgxpool.Pool.SendBatch].
func (p *Pool) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	c, err := p.Acquire(ctx)
	if err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	results := c.SendBatch(ctx, b)
	if tx := results.Tx(); tx != nil {
		return &batch{results, nil, &batchTx{tx, c}}
	}
	return &batch{results, c, nil}
}

// Begin is [pgxpool.Pool.Begin].
func (p *Pool) Begin(ctx context.Context) (pgx.Tx, error) { return p.BeginTx(ctx, pgx.TxOptions{}) }

// BeginTx is [pgxpool.Pool.BeginTx].
func (p *Pool) BeginTx(ctx context.Context, opts pgx.TxOptions) (tx pgx.Tx, err error) {
	err = p.try(ctx, func(ctx context.Context) (err error) {
		tx, err = p.Pool.BeginTx(ctx, opts)
		return err
	})
	return tx, err
}

// CopyFrom is [pgxpool.Pool.CopyFrom].
func (p *Pool) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (n int64, err error) {
	err = p.try(ctx, func(ctx context.Context) (err error) {
		n, err = p.Pool.CopyFrom(ctx, table, columns, rows)
		return err
	})
	return n, err
}

// A row gives its connection back when it is scanned.
type row struct {
	pgx.Row
	conn *pgxpool.Conn
}

func (r *row) Scan(dest ...any) error {
	defer r.conn.Release() // also if a destination's own Scan panics
	return r.Row.Scan(dest...)
}

// A batch gives its connection back when its results are closed, unless it has
// begun a transaction.
type batch struct {
	pgx.BatchResults
	conn *pgxpool.Conn
	tx   pgx.Tx
}

func (b *batch) Close() error {
	if b.conn != nil {
		defer b.conn.Release()
	}
	return b.BatchResults.Close()
}

func (b *batch) Tx() pgx.Tx { return b.tx }

// A batchTx gives its connection back when it ends.
type batchTx struct {
	pgx.Tx
	conn *pgxpool.Conn
}

func (tx *batchTx) Commit(ctx context.Context) error {
	defer tx.conn.Release()
	return tx.Tx.Commit(ctx)
}

func (tx *batchTx) Rollback(ctx context.Context) error {
	defer tx.conn.Release()
	return tx.Tx.Rollback(ctx)
}

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }
