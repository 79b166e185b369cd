// Package yaml has file:// read documents in YAML:
//
//	import _ "github.com/go-secrets/secrets/envfile/yaml" // and with it envfile
//
//	secrets.Open(ctx, "file:///etc/app?format=yaml") // db#password of /etc/app/db
//
// It is a package of its own because the parser adds some 600 kB to a program.
//
// The document becomes JSON, and the values stay as they are written: 0123 and
// 1_000 are texts, and so are yes, True and 2026-01-31. What JSON has as well is
// what it is there: a number in JSON's form, true, false and null. Anchors and
// aliases are followed, as far as the document stays below the option max. What
// readers of YAML take for different things is refused, with the line: merge
// keys (<<), a key that is given twice or is no text, tags beside the standard
// ones, a %YAML line of another version, a second document, more than 100
// levels.
package yaml
