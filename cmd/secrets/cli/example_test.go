package cli_test

import (
	"context"
	"fmt"
	"os"

	"github.com/go-secrets/secrets/cmd/secrets/cli"
)

// The command with a backend of yours in it is one file: blank imports, and
//
//	func main() { cli.Main() }
//
// A test of it calls Run.
func ExampleRun() {
	_ = os.Setenv("EXAMPLE_API_KEY", "k1")
	defer os.Unsetenv("EXAMPLE_API_KEY")

	code := cli.Run(context.Background(), []string{"--url", "env://?prefix=EXAMPLE_", "get", "api/key"}, os.Stdout, os.Stdout)
	fmt.Println()
	fmt.Println(code == cli.ExitOK)

	code = cli.Run(context.Background(), []string{"--url", "env://?prefix=EXAMPLE_", "get", "api/token"}, os.Stdout, os.Stdout)
	fmt.Println(code == cli.ExitNotFound)
	// Output:
	// k1
	// true
	// secrets: get "api/token": env://api/token: not found: the environment has neither EXAMPLE_API_TOKEN nor EXAMPLE_API_TOKEN_FILE, nor any EXAMPLE_API_TOKEN_…; env://api#token: not found: the document has no field "token"
	// true
}
