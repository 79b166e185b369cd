// Package pgserver starts PostgreSQL servers for the suites.
package pgserver

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// A Server is a PostgreSQL of a test's own, on a loopback port, with password
// authentication. It is stopped, and its files are removed, when the test ends.
type Server struct {
	Host     string // 127.0.0.1
	Port     int
	User     string // a superuser
	Password string
}

// Start starts a server.
func Start(tb testing.TB) *Server {
	tb.Helper()
	bin := binaries(tb)
	s := &Server{Host: "127.0.0.1", User: "postgres", Password: "superuser-" + strconv.FormatInt(time.Now().UnixNano(), 36)}

	// Not tb.TempDir: the server does not run as root, which that belongs to.
	dir, err := os.MkdirTemp("", "pgserver")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	account := unprivileged(tb)
	passwordFile := filepath.Join(dir, "password")
	require.NoError(tb, os.WriteFile(passwordFile, []byte(s.Password), 0o600))
	if account != nil {
		for _, path := range []string{dir, passwordFile} {
			require.NoError(tb, os.Chown(path, int(account.Uid), int(account.Gid)))
		}
	}

	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata="+data, "--username="+s.User, "--pwfile="+passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	run(tb, initdb, dir, account)

	// Between the choice of a port and its use another process may take it.
	for attempt := 1; ; attempt++ {
		s.Port = freePort(tb)
		if s.serve(tb, bin, dir, data, account) {
			return s
		}
		require.Less(tb, attempt, 3, "the server does not start")
	}
}

// serve starts the server and reports whether it came up.
func (s *Server) serve(tb testing.TB, bin, dir, data string, account *syscall.Credential) bool {
	tb.Helper()
	logPath := filepath.Join(dir, "log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	require.NoError(tb, err)
	defer log.Close()
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(s.Port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=300", "-c", "shared_buffers=16MB")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	require.NoError(tb, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()

	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		conn, err := pgx.Connect(ctx, s.DSN())
		if err == nil {
			_ = conn.Close(ctx)
			cancel()
			tb.Cleanup(func() { stop(cmd, ended) })
			return true
		}
		cancel()
		select {
		case <-ended:
			text, _ := os.ReadFile(logPath)
			tb.Logf("postgres ended at its start: %s", text)
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	stop(cmd, ended)
	return false
}

// stop asks for a fast shutdown, and insists.
func stop(cmd *exec.Cmd, ended <-chan struct{}) {
	_ = cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		<-ended
	}
}

// DSN is a URL for the superuser, to the database postgres.
func (s *Server) DSN() string { return s.DSNFor(s.User, s.Password) }

// DSNFor is a URL for a user.
func (s *Server) DSNFor(username, password string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(username, password), Host: s.Addr(), Path: "postgres", RawQuery: "sslmode=disable"}
	return u.String()
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Exec runs a statement as the superuser.
func (s *Server) Exec(tb testing.TB, sql string, args ...any) {
	tb.Helper()
	conn := s.connect(tb)
	defer conn.Close(context.Background())
	_, err := conn.Exec(context.Background(), sql, args...)
	require.NoError(tb, err)
}

// Strings returns the first column of what a query answers.
func (s *Server) Strings(tb testing.TB, sql string, args ...any) []string {
	tb.Helper()
	conn := s.connect(tb)
	defer conn.Close(context.Background())
	rows, err := conn.Query(context.Background(), sql, args...)
	require.NoError(tb, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(tb, err)
	return all
}

// Login reports whether a user may log in with a password.
func (s *Server) Login(username, password string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSNFor(username, password))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (s *Server) connect(tb testing.TB) *pgx.Conn {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN())
	require.NoError(tb, err)
	return conn
}

// binaries is the directory of initdb and postgres: PG_BIN, a Debian package's,
// or that of the postgres in the path.
func binaries(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("PG_BIN"); dir != "" {
		return dir
	}
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Sort(dirs)
	for _, dir := range slices.Backward(dirs) {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir
		}
	}
	path, err := exec.LookPath("initdb")
	require.NoError(tb, err, "PostgreSQL is required: install it (Debian: postgresql), or set PG_BIN to the directory of initdb")
	return filepath.Dir(path)
}

// unprivileged is the account that the server runs as if we are root, which it
// refuses to be.
func unprivileged(tb testing.TB) *syscall.Credential {
	tb.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		require.NoError(tb, err)
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		require.NoError(tb, err)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	require.Fail(tb, "PostgreSQL does not run as root, and there is no user postgres or nobody")
	return nil
}

func run(tb testing.TB, cmd *exec.Cmd, dir string, account *syscall.Credential) {
	tb.Helper()
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	out, err := cmd.CombinedOutput()
	require.NoError(tb, err, fmt.Sprintf("%s: %s", filepath.Base(cmd.Path), out))
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
