// Package mariadb starts MariaDB servers for the suites.
package mariadb

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/integration/internal/daemon"
)

// A Server is a MariaDB of a test's own.
type Server struct {
	port  int
	admin *sql.DB
}

const hint = "install it (Debian: mariadb-server)"

// Start starts a server.
func Start(tb testing.TB) *Server {
	tb.Helper()
	program := daemon.Program(tb, hint, "mariadbd", "mysqld")
	h := daemon.NewHome(tb, "mysql")
	data := filepath.Join(h.Dir, "data")
	h.Run(tb, daemon.Program(tb, hint, "mariadb-install-db", "mysql_install_db"),
		"--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	password := "admin-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	first := h.Write(tb, "first.sql", fmt.Sprintf("CREATE OR REPLACE USER admin@'%%' IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO admin@'%%' WITH GRANT OPTION;\nCREATE DATABASE IF NOT EXISTS d;\n", password))
	for attempt := 1; ; attempt++ { // another process may take the port
		s := &Server{port: daemon.FreePort(tb)}
		cfg := mysql.NewConfig()
		cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = "admin", password, "tcp", s.Addr()
		connector, err := mysql.NewConnector(cfg)
		require.NoError(tb, err)
		s.admin = sql.OpenDB(connector)
		tb.Cleanup(func() { _ = s.admin.Close() })
		_, ok := h.Start(tb, syscall.SIGTERM, s.admin.Ping, program,
			"--no-defaults", "--datadir="+data, "--bind-address=127.0.0.1", "--port="+strconv.Itoa(s.port), "--socket="+filepath.Join(h.Dir, "socket"),
			"--pid-file="+filepath.Join(h.Dir, "pid"), "--init-file="+first, "--skip-name-resolve", "--max-connections=300",
			"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M")
		if ok {
			return s
		}
		require.Less(tb, attempt, 3, "MariaDB does not start")
	}
}

// Addr is host:port.
func (s *Server) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// Exec runs a statement as the administrator.
func (s *Server) Exec(tb testing.TB, statement string) {
	tb.Helper()
	_, err := s.admin.Exec(statement)
	require.NoError(tb, err)
}
