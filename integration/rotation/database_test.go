package rotation_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/pgserver"
	secretpgx "github.com/go-secrets/secrets/secretsql/pgx"
	secretpgxpool "github.com/go-secrets/secrets/secretsql/pgxpool"
)

// One query in so many ends its connection, so that new ones are made in every
// moment of a rotation while others live on.
const perishes = 50

// A pool is a connection pool that workers query.
type pool struct {
	name string
	open func(t *testing.T, r *secrets.Resolver, pg *pgserver.Server) *querier
}

type querier struct {
	query func(context.Context) error
	dials *atomic.Int64 // connections that were tried
}

var pools = []pool{{"database sql", openSQL}, {"pgxpool", openPgxpool}}

// counted has a configuration count its dials.
func counted(cfg *pgx.ConnConfig) *atomic.Int64 {
	dials := new(atomic.Int64)
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return dialer.DialContext(ctx, network, addr)
	}
	return dials
}

func dsn(pg *pgserver.Server) string {
	return "postgres://" + pg.Addr() + "/postgres?sslmode=disable"
}

func openSQL(t *testing.T, r *secrets.Resolver, pg *pgserver.Server) *querier {
	cfg, err := pgx.ParseConfig(dsn(pg))
	require.NoError(t, err)
	dials := counted(cfg)
	db := sql.OpenDB(secretpgx.New(r, "db", cfg))
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(workers)
	db.SetMaxIdleConns(workers)
	var turn atomic.Int64
	return &querier{func(ctx context.Context) error {
		var n int
		if turn.Add(1)%perishes != 0 {
			return db.QueryRowContext(ctx, "SELECT 1").Scan(&n)
		}
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.QueryRowContext(ctx, "SELECT 1").Scan(&n); err != nil {
			return err
		}
		// Raw gives what package stdlib promises, and what it refuses is discarded.
		err = conn.Raw(func(raw any) error {
			if _, ok := raw.(*stdlib.Conn); !ok {
				return fmt.Errorf("the connection is a %T", raw)
			}
			return driver.ErrBadConn
		})
		if !errors.Is(err, driver.ErrBadConn) {
			return fmt.Errorf("the connection was not discarded: %w", err)
		}
		return nil
	}, dials}
}

func openPgxpool(t *testing.T, r *secrets.Resolver, pg *pgserver.Server) *querier {
	cfg, err := pgxpool.ParseConfig(dsn(pg))
	require.NoError(t, err)
	dials := counted(cfg.ConnConfig)
	cfg.MaxConns = workers
	p, err := secretpgxpool.NewWithConfig(context.Background(), r, "db", cfg)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	var turn atomic.Int64
	return &querier{func(ctx context.Context) error {
		var n int
		now := turn.Add(1)
		if now%perishes == 0 {
			return p.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
				if err := c.QueryRow(ctx, "SELECT 1").Scan(&n); err != nil {
					return err
				}
				return c.Conn().Close(ctx)
			})
		}
		switch now % 4 { // by every way to a connection
		case 0:
			return p.QueryRow(ctx, "SELECT 1").Scan(&n)
		case 1:
			_, err := p.Exec(ctx, "SELECT 1")
			return err
		case 2:
			rows, err := p.Query(ctx, "SELECT 1")
			if err != nil {
				return err
			}
			_, err = pgx.CollectOneRow(rows, pgx.RowTo[int])
			return err
		}
		b := &pgx.Batch{}
		b.Queue("SELECT 1")
		return p.SendBatch(ctx, b).Close()
	}, dials}
}

// A watcher looks at who is connected.
type watcher struct{ conn *pgx.Conn }

func watch(t *testing.T, pg *pgserver.Server) *watcher {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg.DSN())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &watcher{conn}
}

// now is the database's time.
func (w *watcher) now(t *testing.T) (now time.Time) {
	t.Helper()
	require.NoError(t, w.conn.QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&now))
	return now
}

// connected counts the connections of a user that were made before a moment.
func (w *watcher) connected(t *testing.T, user string, before time.Time) (n int) {
	t.Helper()
	require.NoError(t, w.conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND backend_start < $2`, user, before).Scan(&n))
	return n
}

// orphans counts the connections of users that are no more.
func (w *watcher) orphans(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, w.conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity a
		WHERE backend_type = 'client backend' AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.usesysid)`).Scan(&n))
	return n
}

// gone waits until the connections of a user from before a moment are gone.
func (w *watcher) gone(t *testing.T, user string, before time.Time) {
	t.Helper()
	require.Eventually(t, func() bool { return w.connected(t, user, before) == 0 }, 30*time.Second, 10*time.Millisecond, "old connections of %s live on", user)
}

// role makes a user, or changes its password.
func role(t *testing.T, pg *pgserver.Server, user, password string) {
	t.Helper()
	pg.Exec(t, fmt.Sprintf(`DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '%[1]s') THEN ALTER ROLE %[1]s PASSWORD '%[2]s'; ELSE CREATE ROLE %[1]s LOGIN PASSWORD '%[2]s'; END IF; END $$`, user, password))
}

// pause lets the load run for d.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
