// Package secrets gives a program its secrets by name, wherever they live, and
// keeps them current while it runs.
//
//	password, err := secrets.Get(ctx, "db/password")
//	if err != nil {
//		return err
//	}
//	db, err := open("app", password.Reveal())
//
// Where db/password lives is not in the code. It is a URI in the environment:
//
//	SECRETS_URL=envfile://.env                      on a laptop
//	SECRETS_URL=file:///run/secrets                 a mounted Kubernetes Secret
//	SECRETS_URL=vault://secret/prod                 HashiCorp Vault
//	SECRETS_URL=awssm://prod?region=eu-west-1       AWS Secrets Manager
//	SECRETS_URL=ssm:///prod?region=eu-west-1        AWS SSM Parameter Store
//	SECRETS_URL=gcp://my-project                    Google Secret Manager
//	SECRETS_URL="env:// vault://secret/prod"        the environment, and then Vault
//
// A program links the backends that it imports, as it does with drivers of
// database/sql; this package itself depends on the standard library only:
//
//	import (
//		"github.com/go-secrets/secrets"
//		_ "github.com/go-secrets/secrets/envfile" // env://, envfile://, file://
//		_ "github.com/go-secrets/secrets/vault"
//	)
//
// If SECRETS_URL is unset, names are looked for in the environment and then in
// ./.env, if package envfile is linked. Package config reads the same settings,
// and more, from a YAML file.
//
// # Resolvers
//
// [Get], [Load], [Preload] and [Watch] work on the default [Resolver], which
// is opened from the environment when it is first needed. [Open] makes others
// from URIs, [OpenConfig] from a struct, and [New] on a [Provider], for
// instance one over an SDK client of your own. [SetDefault] makes one the
// default. [NewContext] puts one into a context, where the package functions
// look first: so parallel tests and tenants can have secrets of their own.
//
// A Resolver is safe for concurrent use and is meant to live as long as the
// program. [Resolver.Close] ends its goroutines and revokes its leases.
//
// # Names
//
// A name is a path like db/password: segments between slashes, none of them
// empty, . or .., with no slash in front. The same name works on every
// backend:
//
//   - First the resolver looks for the exact document: the file db/password, the
//     variable DB_PASSWORD, the Vault secret db/password, the Google secret
//     db-password.
//   - If there is none, or it may not be read, the resolver looks in the parent
//     document for the last segment as a field: password in the JSON object db.
//
// The name db#password says that password is a field of db, and needs no search.
// The resolver reads and holds whole documents: db#user and db#password take one
// call and are always from one version.
//
// If there are several providers, the first that has a name answers. The next one is
// asked only after [ErrNotFound], so that an outage is never taken for absence.
//
// Names are literal, and never choose a backend. If a part of a name is input,
// build the name with [Name]. A name has at most 1 KiB and 64 segments.
//
// # References
//
// A reference says where a document lives, whatever SECRETS_URL says. It is
// configuration, and [Get] does not take it:
//
//	scheme://path[?option=value&…][#field]
//	awssm://prod/stripe?region=eu-west-1#key
//
// [WithReferences], or the references of a [Config], give names to references.
// [ParseRef] also reads ARNs and the forms of other tools. Options that every
// scheme has: decode=base64; trim=newline; ttl=30s; references=true, with which a
// value that is a reference is replaced by the value that it refers to, below the
// bases of the configured providers; references=any, with which that may be in
// every linked backend; search=exact or search=parent, with which only the exact
// document or only the parent is looked for.
//
// # Freshness
//
// Get returns a held value at once: it takes no lock, does not allocate, and looks
// neither at the backend nor at the clock. In the background, documents in use are
// read again shortly before they are [WithTTL] old (5 minutes), in batches if the
// backend has batches. A document that nobody has asked for in a while (three TTLs,
// [WithIdle]) is read again by the next Get, which waits for that for a second at
// most.
//
// If the backend fails, the held value is still served, for [WithMaxStale]
// (24 hours) or until its lease ends, and reads are tried again with backoff.
// [Resolver.Status] and the log show the first failure already, and
// [Resolver.Healthy] returns an error once a secret can no longer be served. A secret
// that the backend reports as missing is not served any more.
//
// A secret that is not held is read once, however many callers ask for it. While the
// backend is unavailable or throttled, that read is tried again until [WithTimeout]
// (10 seconds). [Preload] and [Load] read many names in few calls.
//
// [WithOnDemand] starts no goroutines in the background, and refreshes in Get: for
// short programs, and for sandboxes that freeze between requests. It is the default
// on AWS Lambda.
//
// # Rotation
//
// A [Secret] is one version. A program that calls Get whenever it needs the
// value has the current one: files within moments, polled backends within the
// TTL. [Bind] and [BindStruct] keep a value current that is made from a secret, like
// a parsed key; to read their [Live] costs one atomic load. [Watch] yields each
// change.
//
// A rotation may reach the database before it reaches the backend, or the
// other way round. [Resolver.Retry] calls a function with a secret, and again
// with the next version if the function's error says that this one was
// rejected; [Resolver.Invalidate] reports a rejection and returns at once. Not every
// worker tries a rejected version again, so that a password that is simply wrong
// locks no account.
//
// # Structs
//
// [Load] fills a struct from its tags. It reads all names in as few calls as
// possible, and returns all failures together:
//
//	var cfg struct {
//		Password secrets.Secret `secret:"db/password"`
//		Port     int            `secret:"db/port,default=5432"`
//	}
//	err := secrets.Load(ctx, &cfg)
//
// It sets these fields and no others, also through pointers to structs. For a tag
// that it cannot reach (in a slice, a map, a field that is not exported) it returns
// [ErrInvalid] before it reads anything.
//
// # Secrets in logs
//
// A Secret prints as [REDACTED]: with every verb of fmt, in slog, in JSON and
// every other encoding, inside other values, and in the diffs of test
// packages. [Secret.Reveal], [Secret.Bytes], [Secret.Field] and
// [Secret.Decode] are the ways to the value. Errors, logs, events and
// Status hold names, places and versions, never values.
//
// Code that would store a Secret gets an error, so that no [REDACTED] is stored:
// arguments of queries ([database/sql] and pgx), BSON, and MarshalBinary, which gob,
// msgpack, cbor and some Redis clients call. Encoders of text write [REDACTED]:
// JSON, YAML, XML, TOML, forms by MarshalText, and all that formats by fmt, as
// redigo does with its arguments. Encoders that see exported fields only, as
// DynamoDB's and Firestore's, write an empty value. None of them has the secret. To
// store the value, pass the result of Reveal.
//
// A [Resolver], a [Live], a context of [NewContext] and a chain also keep values
// where printers, such as the diff of a failed test, do not see them.
//
// None of this protects against code in the same process that asks for the value, or
// reads its memory.
//
// # Errors
//
// Every error has a class, found by [errors.Is]: [ErrNotFound],
// [ErrPermission], [ErrUnauthenticated], [ErrUnavailable], [ErrThrottled],
// [ErrInvalid] or [ErrClosed]. An [*Error] has the name and the place where it was
// looked for. [errors.As] finds the SDK's own error.
//
// # Observing
//
// Rotations, failures and recoveries are logged with [log/slog]
// ([WithLogger]) and passed to an [Observer] ([WithObserver]). [Resolver.Status]
// returns the state of every document, for a page or a probe.
//
// # Tests
//
// Package secretstest has a provider in memory:
//
//	ctx := secretstest.Context(t, map[string]string{"db/password": "one"})
//
// # Backends
//
// A backend implements [Provider], one method that reads one document, and those of
// [BatchProvider], [ListProvider], [WatchProvider] and [LeaseProvider] that it can.
// It calls [Register] in its init function. The resolver does the caching, retries,
// fields and the search for names. secretstest.Run is the suite that tests a
// backend.
//
// # Where things are
//
// To change this package, start with docs/architecture.md: it has the file of each
// rule. The files here are the face and the names; internal/cache holds documents,
// internal/turns says who may try a rejected version, internal/policy how long
// waits are.
package secrets
