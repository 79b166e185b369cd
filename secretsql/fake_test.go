package secretsql_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretsql"
)

// A database lets in who knows a password, and counts who tries.
type database struct {
	mu        sync.Mutex
	passwords map[string]string // by user
	attempts  map[string]int    // by user:password
	open      int
	slow      chan struct{} // what logins wait for
	down      error
}

var errRefused = errors.New("password authentication failed")

func isRefused(err error) bool { return errors.Is(err, errRefused) }

func newDatabase(user, password string) *database {
	return &database{passwords: map[string]string{user: password}, attempts: map[string]int{}}
}

func (db *database) set(user, password string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.passwords[user] = password
}

func (db *database) fail(err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.down = err
}

func (db *database) tried(user, password string) int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.attempts[user+":"+password]
}

func (db *database) opened() int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.open
}

func (db *database) login(ctx context.Context, c secretsql.Credentials) (*bareConn, error) {
	db.mu.Lock()
	slow := db.slow
	db.attempts[c.User+":"+c.Password.Reveal()]++
	db.mu.Unlock()
	if slow != nil {
		select {
		case <-slow:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.down != nil {
		return nil, db.down
	}
	if want, ok := db.passwords[c.User]; !ok || want != c.Password.Reveal() {
		return nil, fmt.Errorf("login as %s: %w", c.User, errRefused)
	}
	db.open++
	return &bareConn{db: db, user: c.User + ":" + c.Password.Reveal()}, nil
}

// connect makes connections that can do everything.
func (db *database) connect(ctx context.Context, c secretsql.Credentials) (driver.Conn, error) {
	bare, err := db.login(ctx, c)
	if err != nil {
		return nil, err
	}
	return &richConn{bareConn: bare}, nil
}

// A bareConn is a connection that can do what a driver must.
type bareConn struct {
	db     *database
	user   string
	closed bool
	begun  int
}

func (c *bareConn) Prepare(query string) (driver.Stmt, error) { return &stmt{c, query}, nil }
func (c *bareConn) Begin() (driver.Tx, error)                 { c.begun++; return tx{}, nil }
func (c *bareConn) Close() error {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.db.open--
	}
	return nil
}

type tx struct{}

func (tx) Commit() error   { return nil }
func (tx) Rollback() error { return nil }

// A stmt answers who is logged in, and by which way it was asked.
type stmt struct {
	conn *bareConn
	way  string
}

func (s *stmt) Close() error  { return nil }
func (s *stmt) NumInput() int { return -1 }
func (s *stmt) Exec([]driver.Value) (driver.Result, error) {
	return driver.ResultNoRows, nil
}
func (s *stmt) Query([]driver.Value) (driver.Rows, error) {
	return &rows{values: []driver.Value{s.conn.user, "prepared"}}, nil
}

type rows struct{ values []driver.Value }

func (r *rows) Columns() []string { return []string{"user", "way"} }
func (r *rows) Close() error      { return nil }
func (r *rows) Next(dest []driver.Value) error {
	if r.values == nil {
		return io.EOF
	}
	copy(dest, r.values)
	r.values = nil
	return nil
}

// A richConn has every optional interface.
type richConn struct {
	*bareConn
	invalid, broken bool
	did             []string
	options         driver.TxOptions
}

func (c *richConn) QueryContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	way := "queried"
	if len(args) > 0 {
		way = fmt.Sprint(args[0].Value)
	}
	return &rows{values: []driver.Value{c.user, way}}, nil
}

func (c *richConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	c.did = append(c.did, "exec")
	return driver.RowsAffected(7), nil
}

func (c *richConn) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	c.did = append(c.did, "prepare")
	return c.Prepare(query)
}

func (c *richConn) BeginTx(_ context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.options = opts
	return tx{}, nil
}

func (c *richConn) Ping(context.Context) error {
	c.did = append(c.did, "ping")
	return nil
}

func (c *richConn) CheckNamedValue(v *driver.NamedValue) error {
	if s, ok := v.Value.(fmt.Stringer); ok {
		v.Value = "checked " + s.String()
	}
	return nil
}

func (c *richConn) ResetSession(context.Context) error {
	c.did = append(c.did, "reset")
	if c.broken {
		return driver.ErrBadConn
	}
	return nil
}

func (c *richConn) IsValid() bool { return !c.invalid }

// A legacyConn is one of a driver from before contexts.
type legacyConn struct{ *bareConn }

func (c *legacyConn) Query(string, []driver.Value) (driver.Rows, error) {
	return &rows{values: []driver.Value{c.user, "legacy"}}, nil
}

func (c *legacyConn) Exec(string, []driver.Value) (driver.Result, error) {
	return driver.RowsAffected(3), nil
}

// exampleResolver is a resolver that logs nothing.
func exampleResolver(p secrets.Provider) (*secrets.Resolver, func()) {
	r := secrets.New(p, secrets.WithLogger(nil))
	return r, func() { _ = r.Close() }
}
