package vaultserver

import "github.com/go-secrets/secrets/internal/vaultbin"

// Binary returns the path of a Vault server: what VAULT_SERVER_BIN names, or
// one that is built from the module integration/vaultserver into the user's
// cache, which takes about 11 minutes of CPU time, once.
//
// It is called in a TestMain, before the tests' own time starts to run.
func Binary() (string, error) { return vaultbin.Path() }
