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
// With SECRETS_URL unset, names are looked for in the environment and then in
// ./.env, if package envfile is linked. Package config reads the same settings,
// and more, from a YAML file.
//
// # Resolvers
//
// [Get], [Load], [Preload] and [Watch] work on the default [Resolver], which
// is opened from the environment when it is first needed. [Open] makes others
// from URIs, [OpenConfig] from a struct, and [New] on a [Provider], for
// instance one over an SDK client of your own. [SetDefault] makes one the
// default; [NewContext] puts one into a context, where the package functions
// look first, which is how parallel tests and tenants have secrets of their
// own.
//
// A Resolver is safe for concurrent use and is meant to live as long as the
// program. [Resolver.Close] ends its goroutines and gives leases back.
//
// # Names
//
// A name is a path like db/password: segments between slashes, none of them
// empty, . or .., with no slash in front. The same name works on every
// backend:
//
//   - First the document of exactly that name is looked for: the file
//     db/password, the variable DB_PASSWORD, the Vault secret db/password, the
//     Google secret db-password.
//   - If there is none, or it may not be read, the parent document is asked
//     for the last segment as its field: password in the JSON object db.
//
// db#password says outright that password is a field of db, and skips the
// search. What is read and held is the document: db#user and db#password are
// one call and always of one version.
//
// Of several providers the first that has a name answers; only [ErrNotFound]
// lets the next one be asked, so that an outage is never taken for absence.
//
// Names are literal, and never choose a backend. If a part of a name is input,
// put it together with [Name]. A name has at most 1 KiB and 64 segments.
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
// scheme has: decode=base64; trim=newline; ttl=30s; references=true, by which a
// value that is a reference stands for what it refers to below the bases of the
// configured providers, and references=any, by which it may be read from every
// linked backend; search=exact or search=parent, which switch one of the two
// looks off.
//
// # Freshness
//
// A value that is held is returned at once: Get takes no lock, does not
// allocate, and looks neither at the backend nor at the clock. Behind it,
// documents in use are read again shortly before they are [WithTTL] old (5
// minutes), in batches where the backend has such. One that nobody asked for
// in a while (three TTLs, [WithIdle]) is read again when it is asked for, and
// that waits for a second at most.
//
// If the backend fails, the held value goes on being served, for [WithMaxStale]
// (24 hours) or until its lease ends, while reads are tried again with backoff.
// [Resolver.Status] and the log tell so from the first failure, and
// [Resolver.Healthy] once a secret can no longer be served. A secret that the
// backend says is gone is gone here, too.
//
// A secret that is not held is read once, however many ask for it, with up to
// three tries in [WithTimeout] (10 seconds). [Preload] and [Load] read many
// names in few calls.
//
// [WithOnDemand] does without goroutines, and refreshes in Get: for short
// programs, and for sandboxes that freeze between requests. It is the default
// on AWS Lambda.
//
// # Rotation
//
// A [Secret] is one version. A program that calls Get whenever it needs the
// value has the current one: files within moments, polled backends within the
// TTL. What is made from a secret and kept, like a parsed key, is kept current
// by [Bind] and [BindStruct], whose [Live] costs one atomic load to read.
// [Watch] yields each change.
//
// A rotation may reach the database before it reaches the backend, or the
// other way round. [Resolver.Retry] calls a function with a secret, and again
// with the next version if the function's error says that this one was
// rejected; [Resolver.Invalidate] tells of a rejection and returns. A version
// that was rejected is not tried again by every worker, so that a password
// that is simply wrong locks no account.
//
// # Structs
//
// [Load] fills a struct from its tags, all names in as few calls as possible,
// and tells every failure at once:
//
//	var cfg struct {
//		Password secrets.Secret `secret:"db/password"`
//		Port     int            `secret:"db/port,default=5432"`
//	}
//	err := secrets.Load(ctx, &cfg)
//
// It sets these fields and no others, through pointers to structs, too. A tag
// that it cannot reach (in a slice, a map, a field that is not exported) is
// [ErrInvalid] before anything is read.
//
// # Secrets in logs
//
// A Secret prints as [REDACTED]: with every verb of fmt, in slog, in JSON and
// every other encoding, inside other values, and in the diffs of test
// packages. [Secret.Reveal], [Secret.Bytes], [Secret.Field] and
// [Secret.Decode] are the ways to the value. Errors, logs, events and
// Status hold names, places and versions, never values.
//
// What would store a Secret gets an error, so that no [REDACTED] is stored:
// arguments of queries ([database/sql] and pgx), MarshalBinary, and so gob,
// msgpack, cbor and Redis' clients that ask for it, and BSON. Encoders of text
// write [REDACTED]: JSON, YAML, XML, TOML, forms by MarshalText, and whatever
// formats by fmt, as redigo does with its arguments. Encoders that look at
// exported fields alone, as DynamoDB's and Firestore's, write an empty value.
// None of them has the secret; pass what Reveal returns where it is meant.
//
// A [Resolver], a [Live], a context of [NewContext] and a chain keep values
// where printers do not see them either, as the diff of a failed test.
//
// What this does not protect against is code in the same process that asks for
// the value, or reads its memory.
//
// # Errors
//
// Every error has a class, found by [errors.Is]: [ErrNotFound],
// [ErrPermission], [ErrUnauthenticated], [ErrUnavailable], [ErrThrottled],
// [ErrInvalid] or [ErrClosed]. As an [*Error] it tells the name and where it
// was looked for. The SDK's own error is found by [errors.As].
//
// # Observing
//
// Rotations, failures and recoveries are logged with [log/slog]
// ([WithLogger]) and told to an [Observer] ([WithObserver]). [Resolver.Status]
// tells of every document, for a page or a probe.
//
// # Tests
//
// Package secretstest has a provider in memory:
//
//	ctx := secretstest.Context(t, map[string]string{"db/password": "one"})
//
// # Backends
//
// A backend implements [Provider], one method that reads one document, and
// whatever it can of [BatchProvider], [ListProvider], [WatchProvider] and
// [LeaseProvider]; it calls [Register] in its init function. Caching, retries,
// fields and the search for names are not its business. secretstest.Run is the
// suite by which it proves itself.
//
// # Where things are
//
// For those who change this package; docs/architecture.md has more.
//
//   - secrets.go: Open, New, Get, Refresh, Close. default.go, option.go: the
//     default resolver, options, Config.
//   - secret.go, provider.go, chain.go, ref.go, errors.go: values, providers and
//     their registry, references, classes of failure.
//   - name.go, search.go: where a name may live; finding it. site.go: provider
//     URIs. index.go: the names that are held. value.go: what of a document a
//     name is.
//   - cache.go, source.go, guard.go: how values are held, by internal/cache; a
//     provider as its source.
//   - retry.go, watch.go, bind.go, load.go, decode.go, preload.go, list.go,
//     observe.go, status.go: one thing that a Resolver does each.
package secrets
