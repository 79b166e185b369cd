// Command secrets reads secrets for people and for programs: it gets one,
// starts a program with the references in its environment resolved, and checks
// that everything that a program needs can be read. See docs/command.md.
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
