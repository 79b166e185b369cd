// Package queries is what sqlc generates for pgx/v5 of
//
//	-- name: CountNotes :one
//	SELECT count(*) FROM notes WHERE text <> $1;
//
//	-- name: AddNote :exec
//	INSERT INTO notes (text) VALUES ($1);
//
// in one file: an interface that pools and transactions have, and a type whose
// methods are the queries.
package queries

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DBTX is what queries need of a pool, a connection or a transaction.
type DBTX interface {
	Exec(context.Context, string, ...interface{}) (pgconn.CommandTag, error)
	Query(context.Context, string, ...interface{}) (pgx.Rows, error)
	QueryRow(context.Context, string, ...interface{}) pgx.Row
}

// New returns the queries of a pool.
func New(db DBTX) *Queries { return &Queries{db: db} }

// Queries are the queries.
type Queries struct{ db DBTX }

// WithTx returns the queries of a transaction.
func (q *Queries) WithTx(tx pgx.Tx) *Queries { return &Queries{db: tx} }

const addNote = `-- name: AddNote :exec
INSERT INTO notes (text) VALUES ($1)
`

// AddNote adds a note.
func (q *Queries) AddNote(ctx context.Context, text string) error {
	_, err := q.db.Exec(ctx, addNote, text)
	return err
}

const countNotes = `-- name: CountNotes :one
SELECT count(*) FROM notes WHERE text <> $1
`

// CountNotes counts the notes with another text.
func (q *Queries) CountNotes(ctx context.Context, text string) (int64, error) {
	row := q.db.QueryRow(ctx, countNotes, text)
	var count int64
	err := row.Scan(&count)
	return count, err
}
