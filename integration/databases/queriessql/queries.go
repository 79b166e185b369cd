// Package queriessql is what sqlc generates for database/sql of the queries
// in package queries.
package queriessql

import (
	"context"
	"database/sql"
)

// DBTX is what queries need of a pool, a connection or a transaction.
type DBTX interface {
	ExecContext(context.Context, string, ...interface{}) (sql.Result, error)
	PrepareContext(context.Context, string) (*sql.Stmt, error)
	QueryContext(context.Context, string, ...interface{}) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...interface{}) *sql.Row
}

// New returns the queries of a pool.
func New(db DBTX) *Queries { return &Queries{db: db} }

// Prepare prepares the queries.
func Prepare(ctx context.Context, db DBTX) (*Queries, error) {
	q := Queries{db: db}
	var err error
	q.countNotesStmt, err = db.PrepareContext(ctx, countNotes)
	return &q, err
}

// Queries are the queries.
type Queries struct {
	db             DBTX
	countNotesStmt *sql.Stmt
}

const countNotes = `-- name: CountNotes :one
SELECT count(*) FROM notes WHERE text <> $1
`

// CountNotes counts the notes with another text.
func (q *Queries) CountNotes(ctx context.Context, text string) (int64, error) {
	var row *sql.Row
	if q.countNotesStmt != nil {
		row = q.countNotesStmt.QueryRowContext(ctx, text)
	} else {
		row = q.db.QueryRowContext(ctx, countNotes, text)
	}
	var count int64
	err := row.Scan(&count)
	return count, err
}
