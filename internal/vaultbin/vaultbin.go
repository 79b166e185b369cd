// Package vaultbin finds a Vault server for tests and examples, or builds one.
package vaultbin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Path tells the path of a Vault server: what VAULT_SERVER_BIN names, or one
// that is built from the module integration/vaultserver into the user's cache.
// The first build takes about 11 minutes of CPU time; later calls find the
// file. Builds of several processes take turns.
var Path = sync.OnceValues(func() (string, error) {
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
	return built(module)
})

// built returns the server in the cache, which is built if it is not there.
func built(module string) (string, error) {
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
	if err := lockFile(lock); err != nil {
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
}

// moduleDir is integration/vaultserver, found from any module of the
// repository.
func moduleDir() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	for dir := filepath.Dir(strings.TrimSpace(string(out))); ; dir = filepath.Dir(dir) {
		module := filepath.Join(dir, "integration", "vaultserver")
		if _, err := os.Stat(filepath.Join(module, "go.mod")); err == nil {
			return module, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("integration/vaultserver is not in this checkout: set VAULT_SERVER_BIN to a Vault binary")
		}
	}
}
