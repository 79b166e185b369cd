// Package pgbouncer starts PgBouncers for the suites.
package pgbouncer

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/integration/internal/daemon"
	"github.com/go-secrets/secrets/integration/internal/pgserver"
)

// A Server is a PgBouncer of a test's own, in front of a PostgreSQL.
type Server struct{ addr string }

// Start starts a PgBouncer that asks the database for the passwords of users,
// but for those that known has: by user. After a refusal of the server it waits
// a second, and not 15 s, before it tries again: its clients wait as long.
func Start(tb testing.TB, pg *pgserver.Server, authType string, known map[string]string) *Server {
	tb.Helper()
	program := daemon.Program(tb, "install it (Debian: pgbouncer)", "pgbouncer")
	for attempt := 1; ; attempt++ { // another process may take the port
		h := daemon.NewHome(tb, "postgres")
		users := fmt.Sprintf("%q %q\n", pg.User, pg.Password)
		for user, password := range known {
			users += fmt.Sprintf("%q %q\n", user, password)
		}
		port := daemon.FreePort(tb)
		s := &Server{net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
		config := h.Write(tb, "pgbouncer.ini", fmt.Sprintf(`[databases]
postgres = host=%s port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = %s
auth_user = %s
auth_file = %s
auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename = $1
pool_mode = session
default_pool_size = 100
max_client_conn = 500
server_login_retry = 1
`, pg.Host, pg.Port, port, authType, pg.User, h.Write(tb, "users", users)))
		up := func() error {
			conn, err := pgx.Connect(context.Background(), s.DSN(pg.User, pg.Password))
			if err != nil {
				return err
			}
			return conn.Close(context.Background())
		}
		if _, ok := h.Start(tb, syscall.SIGTERM, up, program, config); ok {
			return s
		}
		require.Less(tb, attempt, 3, "PgBouncer does not start")
	}
}

// Addr is host:port.
func (s *Server) Addr() string { return s.addr }

// DSN is a URL for a user.
func (s *Server) DSN(user, password string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/postgres?sslmode=disable", user, password, s.addr)
}
