// Package cli is the secrets command. Its backends are those that the program
// links, by blank imports; this package brings environment, dotenv and files.
//
//	func main() { cli.Main() }
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	_ "github.com/go-secrets/secrets/envfile" // --env-file, and where to look by default
)

// Main runs the command with the arguments of the process, and exits.
func Main() {
	ctx, release := interruptible()
	os.Exit(run(ctx, release, os.Args[1:], os.Stdout, os.Stderr))
}

// Run runs the command and returns its exit code; see [Main]. It is for tests
// of a command with backends of its own. exec replaces the process if it
// succeeds.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return run(ctx, func() {}, args, stdout, stderr)
}

// An app is one run of the command.
type app struct {
	out, err *console
	release  func() // gives signals back their effect: before exec
	started  bool   // arguments and flags were right

	url, config string
	json        bool
}

func run(ctx context.Context, release func(), args []string, stdout, stderr io.Writer) int {
	a := &app{out: newConsole(stdout), err: newConsole(stderr), release: release}
	a.err.people = true
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	called, err := root.ExecuteContextC(ctx)
	if a.out.failed != nil { // help and completion included
		a.started = true
		if err == nil {
			err = fmt.Errorf("the output is not complete: %w", a.out.failed)
		}
	}
	if err == nil {
		return ExitOK
	}
	var silent silentError
	if !errors.As(err, &silent) {
		a.err.fail(err)
	}
	if !a.started {
		a.err.printf("run %q to see how it is used\n", called.CommandPath()+" --help")
		return ExitUsage
	}
	return exitCode(ctx, err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "secrets",
		Short: "Read secrets wherever they live",
		Long: `secrets reads secrets from HashiCorp Vault, AWS Secrets Manager, AWS SSM
Parameter Store, Google Secret Manager, the environment, dotenv and files.

Where they live comes from --url or --config, from SECRETS_URL or
SECRETS_CONFIG, or else it is the environment and ./.env.

` + exitCodeHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       buildVersion().String(),
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(suggestFlag)
	flags := root.PersistentFlags()
	flags.StringVar(&a.url, "url", "", "provider `URIs`, separated by spaces, in place of SECRETS_URL")
	flags.StringVar(&a.config, "config", "", "a YAML `file`, in place of SECRETS_CONFIG")
	flags.BoolVar(&a.json, "json", false, "print JSON, for machines")
	root.MarkFlagsMutuallyExclusive("url", "config")
	root.AddCommand(a.getCommand(), a.execCommand(), a.checkCommand(), a.listCommand(), a.watchCommand(),
		a.installCommand(), a.versionCommand())
	return root
}

// does makes the RunE of a command: from where it is called on, an error is
// one of what was asked for, not of how.
func (a *app) does(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.started = true
		return f(cmd.Context(), args)
	}
}
