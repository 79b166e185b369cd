// Package rotation_test rotates credentials under load: a real PostgreSQL with
// fifty workers, TLS handshakes, HTTP requests, on every backend that a
// rotation comes through. Every test prints its figures (go test -v).
package rotation_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-secrets/secrets/integration/internal/vaultserver"
	"github.com/go-secrets/secrets/internal/moto"
)

// The servers of all tests: each test has documents of its own there.
var (
	vault    *vaultserver.Server
	emulator *moto.Server
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// atATime is how many tests run together: each is a load on the machine.
const atATime = "2"

func run(m *testing.M) int {
	flag.Parse()
	_ = flag.Set("test.parallel", atATime)
	// Nothing of the developer's own may take part.
	home, err := os.MkdirTemp("", "rotation")
	if err != nil {
		return failed(err)
	}
	defer func() { _ = os.RemoveAll(home) }()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "PG") && name != "PG_BIN" || strings.HasPrefix(name, "VAULT_") && name != "VAULT_SERVER_BIN" {
			_ = os.Unsetenv(name)
		}
	}
	bin, err := vaultserver.Binary() // which needs the home that it caches in
	if err != nil {
		return failed(err)
	}
	for name, value := range map[string]string{
		"HOME": home, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-real-key",
		"AWS_CONFIG_FILE": home + "/config", "AWS_SHARED_CREDENTIALS_FILE": home + "/credentials", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		_ = os.Setenv(name, value)
	}
	if vault, err = vaultserver.Launch(bin, home); err != nil {
		return failed(err)
	}
	defer vault.Stop()
	if emulator, err = moto.Start(); err != nil {
		return failed(err)
	}
	defer emulator.Stop()
	return m.Run()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
