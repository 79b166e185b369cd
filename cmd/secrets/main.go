// Command secrets reads secrets for people and for programs: it gets one,
// starts a program with the references in its environment resolved, and checks
// that everything that a program needs can be read.
//
//	go install github.com/go-secrets/secrets/cmd/secrets@latest
//
//	secrets get NAME           prints a value
//	secrets exec -- CMD…       starts a program with the references in its environment resolved
//	secrets check [NAME…]      tells whether secrets can be read, and if not, why; prints policies
//	secrets list [PREFIX]      prints names
//	secrets watch NAME         prints each new version, with the time
//	secrets install DIR        copies itself into a directory: for init containers
//	secrets version            what it is
//	secrets completion SHELL   completion for bash, zsh, fish and PowerShell
//
// Where secrets live is read as a program with this library would read it:
// SECRETS_URL, or the file of SECRETS_CONFIG, or else the environment and
// ./.env. The flags --url and --config go before both. Credentials are never
// flags: they come from where each backend's own tools look.
//
//	SECRETS_URL=vault://secret/prod secrets check db/password stripe/key
//	DB_PASSWORD='vault://secret/prod/db#password' secrets exec -- ./server
//
// Values go to standard output, and only by get. The exit code is 0, or tells
// the class of the failure: 3 no such secret, 4 permission denied, 5 no
// credentials or refused ones, 6 unavailable or throttled, 7 what cannot be
// right, 2 wrong arguments, 1 what check found, 125 a reference that exec did
// not resolve, 126 and 127 a program that it cannot start, 130 interrupted.
// Once exec has started the program, the exit code is that program's. The flag
// --help of each subcommand tells its flags, and docs/command.md all of it.
//
// The author of a backend builds their own, with it in:
//
//	package main
//
//	import (
//		"github.com/go-secrets/secrets/cmd/secrets/cli"
//
//		_ "example.com/mybackend"
//		_ "github.com/go-secrets/secrets/all"
//	)
//
//	func main() { cli.Main() }
package main

import (
	_ "github.com/go-secrets/secrets/all"
	"github.com/go-secrets/secrets/cmd/secrets/cli"
	_ "github.com/go-secrets/secrets/vault/authaws"
	_ "github.com/go-secrets/secrets/vault/authgcp"
)

func main() { cli.Main() }
