package vaultserver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Binary tells the path of a Vault server: what VAULT_SERVER_BIN names, or
// one that is built from the module integration/vaultserver into the user's
// cache. The first build takes about 11 minutes of CPU time; later ones find
// the file. Builds of several processes take turns.
//
// It is called in a TestMain, before the tests' own time starts to run, and
// finds the file once.
var Binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("VAULT_SERVER_BIN"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("VAULT_SERVER_BIN: %w", err)
		}
		return path, nil
	}
	module, err := moduleDir()
	if err != nil {
		return "", err
	}
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(sums)
	dir := filepath.Join(cache, "go-secrets", "vault-"+hex.EncodeToString(hash[:6]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "vault")

	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close() // which releases it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	fmt.Fprintf(os.Stderr, "building the Vault server into %s: this takes some minutes, once\n", dir)
	// Built beside its place and moved there, so that a build that is cut off
	// leaves nothing that looks finished.
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary+".new", "github.com/hashicorp/vault")
	build.Dir = module
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the Vault server: %w: %s", err, out)
	}
	return binary, os.Rename(binary+".new", binary)
})

// moduleDir is integration/vaultserver, found from the module of the suites.
func moduleDir() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	dir := filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "vaultserver")
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return "", fmt.Errorf("the module of the Vault server is not where it should be: %w", err)
	}
	return dir, nil
}
