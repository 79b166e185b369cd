// Package all links every backend of this module: awssm, envfile with its
// format yaml, gcp, ssm and vault.
//
//	import _ "github.com/go-secrets/secrets/all"
//
// It is for tools that are told at run time where secrets live. A service
// imports the backends that it uses: each brings its SDK, and all of them
// together add some 25 MB to a program.
package all

import (
	_ "github.com/go-secrets/secrets/awssm"
	_ "github.com/go-secrets/secrets/envfile"
	_ "github.com/go-secrets/secrets/envfile/yaml"
	_ "github.com/go-secrets/secrets/gcp"
	_ "github.com/go-secrets/secrets/ssm"
	_ "github.com/go-secrets/secrets/vault"
)
