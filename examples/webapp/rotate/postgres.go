package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// A postgres is a PostgreSQL of our own on a loopback port.
type postgres struct {
	addr string
	cmd  *exec.Cmd
}

const superuser, superPassword = "postgres", "superuser"

func startPostgres(ctx context.Context, dir string) (*postgres, error) {
	bin, err := serverPrograms()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	passwordFile, data := filepath.Join(dir, "password"), filepath.Join(dir, "data")
	if err := os.WriteFile(passwordFile, []byte(superPassword), 0o600); err != nil {
		return nil, err
	}
	// The server does not run as root: where we are root it gets an account
	// and the directory.
	as, err := unprivileged(filepath.Dir(dir), dir, passwordFile)
	if err != nil {
		return nil, err
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata="+data, "--username="+superuser, "--pwfile="+passwordFile, "--auth=scram-sha-256", "--no-sync", "--locale=C", "--encoding=UTF8")
	initdb.SysProcAttr, initdb.Dir = as, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	var log bytes.Buffer
	p := &postgres{addr: l.Addr().String()}
	p.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "max_connections=200", "-c", "shared_buffers=16MB")
	p.cmd.SysProcAttr, p.cmd.Dir, p.cmd.Stderr = as, dir, &log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for range 300 {
		if err = p.exec(ctx, "SELECT 1"); err == nil {
			return p, nil
		}
		sleep(ctx, 100*time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("postgres does not start: %w: %s", err, log.String())
}

// exec runs a statement as the superuser.
func (p *postgres) exec(ctx context.Context, sql string) error {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(superuser, superPassword), Host: p.addr, Path: "postgres", RawQuery: "sslmode=disable"}
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func (p *postgres) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt) // a fast shutdown
	_ = p.cmd.Wait()
}

// serverPrograms is the directory of initdb and postgres.
func serverPrograms() (string, error) {
	if dir := os.Getenv("PG_BIN"); dir != "" {
		return dir, nil
	}
	if dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin"); len(dirs) > 0 {
		return dirs[len(dirs)-1], nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("initdb is not found: install PostgreSQL (Debian: postgresql), or set PG_BIN to its bin directory")
	}
	return filepath.Dir(path), nil
}
