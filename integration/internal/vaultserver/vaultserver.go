// Package vaultserver starts Vault servers and agents for the suites: the real
// binary, as a process of its own.
package vaultserver

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/require"
)

// A Server is a Vault with file storage, so that it can be restarted, on
// loopback ports of its own. It is stopped when the test (or what started it)
// ends.
type Server struct {
	Addr    string // http://127.0.0.1:…
	TLSAddr string // https://127.0.0.1:…, which takes client certificates
	CAFile  string // of TLSAddr
	Token   string // root

	bin, dir, config string
	unsealKey        string
	process          *process
}

// Start starts, initializes and unseals a server.
func Start(tb testing.TB) *Server {
	tb.Helper()
	bin, err := Binary()
	require.NoError(tb, err)
	s, err := Launch(bin, tb.TempDir())
	require.NoError(tb, err)
	tb.Cleanup(s.Stop)
	return s
}

// Launch is Start outside of a test: for a TestMain. The caller calls Stop.
func Launch(bin, dir string) (*Server, error) {
	s := &Server{bin: bin, dir: dir, config: filepath.Join(dir, "server.hcl"), CAFile: filepath.Join(dir, "ca.pem")}
	if err := writeCertificates(dir); err != nil {
		return nil, err
	}
	var err error
	for range 3 { // another process may take a port between its choice and its use
		if err = s.configure(); err != nil {
			return nil, err
		}
		if err = s.start(); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	init, err := client.Sys().Init(&api.InitRequest{SecretShares: 1, SecretThreshold: 1})
	if err != nil {
		return nil, err
	}
	s.Token, s.unsealKey = init.RootToken, init.Keys[0]
	return s, s.unseal()
}

func (s *Server) configure() error {
	plain, err := freeAddr()
	if err != nil {
		return err
	}
	secure, err := freeAddr()
	if err != nil {
		return err
	}
	cluster, err := freeAddr()
	if err != nil {
		return err
	}
	s.Addr, s.TLSAddr = "http://"+plain, "https://"+secure
	config := fmt.Sprintf(`
storage "file" { path = %q }
listener "tcp" {
  address         = %q
  cluster_address = %q
  tls_disable     = true
}
listener "tcp" {
  address       = %q
  cluster_address = %q
  tls_cert_file = %q
  tls_key_file  = %q
}
api_addr                   = %q
disable_mlock              = true
default_lease_ttl          = "1h"
max_lease_ttl              = "24h"
enable_post_unseal_trace   = false
`, filepath.Join(s.dir, "data"), plain, cluster, secure, cluster, filepath.Join(s.dir, "server.pem"), filepath.Join(s.dir, "server-key.pem"), s.Addr)
	return os.WriteFile(s.config, []byte(config), 0o600)
}

// start runs the process and waits until it answers.
func (s *Server) start() error {
	p, err := launch(s.dir, "server.log", s.bin, "server", "-config="+s.config)
	if err != nil {
		return err
	}
	if err := p.answers(s.Addr, s.TLSAddr); err != nil {
		p.stop(syscall.SIGKILL)
		return err
	}
	s.process = p
	return nil
}

// Stop ends the process.
func (s *Server) Stop() {
	if s.process != nil {
		s.process.stop(syscall.SIGTERM)
		s.process = nil
	}
}

// Kill ends the process at once, as a crash would.
func (s *Server) Kill() {
	if s.process != nil {
		s.process.stop(syscall.SIGKILL)
		s.process = nil
	}
}

// Restart starts the process again after Stop or Kill, and unseals it.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	s.Stop()
	require.NoError(tb, s.start())
	s.Unseal(tb)
}

// Seal seals the server.
func (s *Server) Seal(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, s.Client(tb).Sys().Seal())
}

// Unseal unseals the server and waits until it is active.
func (s *Server) Unseal(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, s.unseal())
}

func (s *Server) unseal() error {
	client, err := s.client()
	if err != nil {
		return err
	}
	if _, err := client.Sys().Unseal(s.unsealKey); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		health, err := client.Sys().Health()
		if err == nil && !health.Sealed && !health.Standby {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server does not become active after unsealing: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Client is a client with the root token, that follows no VAULT_ variable.
func (s *Server) Client(tb testing.TB) *api.Client {
	tb.Helper()
	client, err := s.client()
	require.NoError(tb, err)
	return client
}

func (s *Server) client() (*api.Client, error) {
	cfg := api.DefaultConfig()
	if cfg.Error != nil {
		return nil, cfg.Error
	}
	cfg.Address, cfg.AgentAddress = s.Addr, ""
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	client.SetToken(s.Token)
	client.ClearNamespace()
	return client, nil
}

// An Agent is a Vault Agent or Proxy.
type Agent struct {
	Addr    string // http://127.0.0.1:…; "" if it has no listener
	process *process
}

// StartAgent runs `vault agent` (or proxy) with a configuration in which
// {{addr}} stands for a listener's address, until the test ends.
func (s *Server) StartAgent(tb testing.TB, command, config string) *Agent {
	tb.Helper()
	dir := tb.TempDir()
	addr, err := freeAddr()
	require.NoError(tb, err)
	path := filepath.Join(dir, command+".hcl")
	config = fmt.Sprintf("vault { address = %q }\nlistener \"tcp\" {\n  address = %q\n  tls_disable = true\n}\n", s.Addr, addr) + config
	require.NoError(tb, os.WriteFile(path, []byte(config), 0o600))
	p, err := launch(dir, command+".log", s.bin, command, "-config="+path)
	require.NoError(tb, err)
	a := &Agent{Addr: "http://" + addr, process: p}
	tb.Cleanup(func() { p.stop(syscall.SIGTERM) })
	require.NoError(tb, p.answers(a.Addr))
	return a
}

// A process is a child with its output in a file.
type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

func launch(dir, log, bin string, args ...string) (*process, error) {
	p := &process{log: filepath.Join(dir, log), ended: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.Command(bin, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	// Nothing of the caller's environment: VAULT_ variables would bend it.
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	return p, nil
}

// answers waits until all addresses accept connections.
func (p *process) answers(urls ...string) error {
	deadline := time.Now().Add(30 * time.Second)
	for _, url := range urls {
		_, addr, _ := cutScheme(url)
		for {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			cancel()
			if err == nil {
				_ = conn.Close()
				break
			}
			select {
			case <-p.ended:
				text, _ := os.ReadFile(p.log)
				return fmt.Errorf("vault ended at its start: %s", text)
			case <-time.After(20 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("vault does not answer at %s: %w", url, err)
			}
		}
	}
	return nil
}

func (p *process) stop(sig os.Signal) {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

func cutScheme(url string) (scheme, rest string, ok bool) {
	for i := 0; i+3 <= len(url); i++ {
		if url[i:i+3] == "://" {
			return url[:i], url[i+3:], true
		}
	}
	return "", url, false
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
