// Package daemon starts servers of Debian's packages for the suites: on
// loopback, on a free port, as an account without privileges, and stopped by
// their process id when the test ends.
package daemon

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A Home is the directory of a server, and the account that it runs as.
type Home struct {
	Dir     string
	account *syscall.Credential // nil: ours
}

// NewHome makes a directory that a server can write to, and that is removed
// when the test ends. accounts are those that the server may run as if we are
// root: the first that exists.
func NewHome(tb testing.TB, accounts ...string) *Home {
	tb.Helper()
	// Not tb.TempDir: that belongs to root.
	dir, err := os.MkdirTemp("", "daemon")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	h := &Home{Dir: dir}
	if os.Geteuid() != 0 {
		return h
	}
	for _, name := range append(accounts, "nobody") {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		require.NoError(tb, err)
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		require.NoError(tb, err)
		h.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		h.own(tb, dir)
		return h
	}
	require.Fail(tb, "there is no account that a server could run as")
	return nil
}

func (h *Home) own(tb testing.TB, path string) {
	tb.Helper()
	if h.account != nil {
		require.NoError(tb, os.Chown(path, int(h.account.Uid), int(h.account.Gid)))
	}
}

// Write writes a file that only the server can read, and returns its path.
func (h *Home) Write(tb testing.TB, name, text string) string {
	tb.Helper()
	path := filepath.Join(h.Dir, name)
	require.NoError(tb, os.WriteFile(path, []byte(text), 0o600))
	h.own(tb, path)
	return path
}

// Run runs a program to its end.
func (h *Home) Run(tb testing.TB, program string, args ...string) {
	tb.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.SysProcAttr = h.Dir, &syscall.SysProcAttr{Credential: h.account}
	out, err := cmd.CombinedOutput()
	require.NoError(tb, err, fmt.Sprintf("%s: %s", filepath.Base(program), out))
}

// A Process is a server that runs.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	log   string
}

// Start starts a server and waits until answers is nil; reports false if it
// ended before. It is stopped by a signal when the test ends.
func (h *Home) Start(tb testing.TB, stop syscall.Signal, answers func() error, program string, args ...string) (*Process, bool) {
	tb.Helper()
	p := &Process{ended: make(chan struct{}), log: filepath.Join(h.Dir, filepath.Base(program)+".log")}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	require.NoError(tb, err)
	defer log.Close()
	p.cmd = exec.Command(program, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = h.Dir, log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.account}
	require.NoError(tb, p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	tb.Cleanup(func() { p.stop(stop) })
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); {
		if err = answers(); err == nil {
			return p, true
		}
		select {
		case <-p.ended:
			tb.Logf("%s ended at its start", filepath.Base(program))
			return p, false
		case <-time.After(50 * time.Millisecond):
		}
	}
	require.NoError(tb, err, "%s does not answer", filepath.Base(program))
	return p, false
}

// stop asks, and insists.
func (p *Process) stop(signal syscall.Signal) {
	_ = p.cmd.Process.Signal(signal)
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// FreePort returns a port of loopback that nobody listens on.
func FreePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Program returns the path of one of the programs, the first that there is.
func Program(tb testing.TB, hint string, names ...string) string {
	tb.Helper()
	for _, name := range names {
		for _, dir := range []string{"", "/usr/sbin/", "/usr/bin/"} {
			if path, err := exec.LookPath(dir + name); err == nil {
				return path
			}
		}
	}
	require.Fail(tb, fmt.Sprintf("%s is required: %s", names[0], hint))
	return ""
}
