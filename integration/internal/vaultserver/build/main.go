// Command build builds the Vault server of the suites, unless the user's cache
// has it, and prints where it is.
package main

import (
	"fmt"
	"os"

	"github.com/go-secrets/secrets/integration/internal/vaultserver"
)

func main() {
	path, err := vaultserver.Binary()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(path)
}
