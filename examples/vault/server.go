package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/go-secrets/secrets/internal/vaultbin"
)

// A server is a Vault in dev mode: in memory, unsealed, on a loopback port,
// with a login for the program and what it reads.
type server struct {
	URI    string // for the program: the address, and a login by approle
	rotate func() error

	dir string
	cmd *exec.Cmd
}

// startServer starts it and does what an administrator does.
func startServer(ctx context.Context) (_ *server, err error) {
	bin, err := exec.LookPath("vault")
	if err != nil || os.Getenv("VAULT_SERVER_BIN") != "" {
		if bin, err = vaultbin.Path(); err != nil {
			return nil, err
		}
	}
	s := &server{}
	if s.dir, err = os.MkdirTemp("", "secrets-vault-example"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	root := "root-" + rand.Text()
	s.cmd = exec.Command(bin, "server", "-dev", "-dev-no-store-token")
	// The root token goes by the environment: arguments are seen by everybody.
	s.cmd.Env = []string{"HOME=" + s.dir, "VAULT_DEV_ROOT_TOKEN_ID=" + root, "VAULT_DEV_LISTEN_ADDRESS=" + address}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	client, err := clientOf("http://"+address, root)
	if err != nil {
		return nil, err
	}
	if err := ready(ctx, client); err != nil {
		return nil, err
	}
	return s, s.fill(ctx, client)
}

// fill stores the secrets and makes the program a role that reads them.
func (s *server) fill(ctx context.Context, client *api.Client) error {
	kv := client.KVv2("secret")
	if _, err := kv.Put(ctx, "prod/db", map[string]any{"user": "app", "password": "first"}); err != nil {
		return err
	}
	if _, err := kv.Put(ctx, "prod/stripe/key", map[string]any{"value": "demo-key"}); err != nil {
		return err
	}
	s.rotate = func() error {
		_, err := kv.Put(ctx, "prod/db", map[string]any{"user": "app", "password": "second"})
		return err
	}

	if err := client.Sys().PutPolicyWithContext(ctx, "app", `path "secret/data/prod/*" { capabilities = ["read"] }`); err != nil {
		return err
	}
	if err := client.Sys().EnableAuthWithOptionsWithContext(ctx, "approle", &api.EnableAuthOptions{Type: "approle"}); err != nil {
		return err
	}
	if _, err := client.Logical().WriteWithContext(ctx, "auth/approle/role/app", map[string]any{"token_policies": "app", "token_ttl": "1h"}); err != nil {
		return err
	}
	role, err := client.Logical().ReadWithContext(ctx, "auth/approle/role/app/role-id")
	if err != nil {
		return err
	}
	secret, err := client.Logical().WriteWithContext(ctx, "auth/approle/role/app/secret-id", nil)
	if err != nil {
		return err
	}
	secretID := filepath.Join(s.dir, "secret-id")
	if err := os.WriteFile(secretID, []byte(secret.Data["secret_id"].(string)), 0o600); err != nil {
		return err
	}
	s.URI = fmt.Sprintf("vault://secret/prod?address=%s&auth=approle&role_id=%s&secret_id_file=%s", client.Address(), role.Data["role_id"], secretID)
	return nil
}

// Stop ends the server and removes its files.
func (s *server) Stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait()
	}
	_ = os.RemoveAll(s.dir)
}

func clientOf(address, token string) (*api.Client, error) {
	cfg := api.DefaultConfig()
	if cfg.Error != nil {
		return nil, cfg.Error
	}
	cfg.Address, cfg.AgentAddress = address, ""
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	client.SetToken(token)
	client.ClearNamespace()
	client.SetMaxRetries(0)
	return client, nil
}

// ready waits until the server's KV mount can be read.
func ready(ctx context.Context, client *api.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		_, err := client.Sys().MountConfigWithContext(ctx, "secret")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the dev server does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
