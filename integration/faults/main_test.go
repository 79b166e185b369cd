// Package faults_test runs every backend that reads over a network against a
// server, with each fault of the network in between (see TestFaults), and with
// each trouble of what it logs in to (see TestCredentialSources); TestTenStarts
// compares with the SDKs alone. Vault is the real one, AWS is moto's emulator, and Google's Secret Manager is that of
// package gcpfake. Each test prints its figures (go test -v).
package faults_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-secrets/secrets/integration/internal/vaultserver"
)

var (
	backends []backend
	names    *nameserver
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// atATime is how many tests run together: they wait more than they work.
const atATime = "32"

func run(m *testing.M) int {
	flag.Parse()
	if err := findPlaces(); err != nil {
		return failed(err)
	}
	if own {
		return m.Run()
	}
	_ = flag.Set("test.parallel", atATime)
	home, err := os.MkdirTemp("", "faults")
	if err != nil {
		return failed(err)
	}
	defer func() { _ = os.RemoveAll(home) }()
	bin, err := vaultserver.Binary() // which needs the home that it caches in
	if err != nil {
		return failed(err)
	}
	// Nothing of the developer's own may take part.
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		for _, of := range []string{"AWS_", "VAULT_", "GOOGLE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
			if strings.HasPrefix(strings.ToUpper(name), of) {
				_ = os.Unsetenv(name)
			}
		}
	}
	_ = os.Setenv("HOME", home)
	var s servers
	defer s.stop()
	names = installNameserver()
	awssm, ssm, err := s.amazon(home)
	if err != nil {
		return failed(err)
	}
	vault, err := s.hashicorp(bin, home)
	if err != nil {
		return failed(err)
	}
	gcp, err := s.google(home)
	if err != nil {
		return failed(err)
	}
	backends = []backend{awssm, ssm, vault, gcp}
	if err := s.prepare(home, backends); err != nil {
		return failed(err)
	}
	return m.Run()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
