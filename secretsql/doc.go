// Package secretsql opens database connections with credentials that rotate,
// so that a password is changed under load and no query fails.
//
// A [Connector] stands between [database/sql] and a driver. Every new
// connection takes user and password from one version of one secret. If the
// database refuses them, the secret is read again until it has changed, and
// the connection is made with what it then is: the caller of a query waits,
// and sees no error. Connections that were made with credentials which have
// since been replaced are retired when they come back to the pool, or are about
// to leave it; one that is in use is never cut.
//
// Packages secretsql/pgx, secretsql/mysql and secretsql/pgxpool have it ready
// for their drivers:
//
//	db, err := secretpgx.Open(nil, "db", "postgres://db.internal/app?sslmode=verify-full")
//
// # The secret
//
// The name stands for a document that is a JSON object with the keys username
// (or user) and password. That is what the managers write for databases (RDS,
// Vault), and what a mounted directory or a group of variables reads as. With
// [WithUser] the secret is the password alone; with [WithEndpoint] host, port
// and database come from the document, too. An empty user is
// [secrets.ErrInvalid]: databases take it for another user, or for none.
//
// # Errors
//
// No error holds the password. Where a driver quotes it, the text has
// [REDACTED] in its place, and the driver's own error, in a copy without the
// password if need be, is found by [errors.As] as ever.
//
// # Wrong passwords
//
// Credentials that nobody has got in with yet are tried by one caller first,
// while the others wait for it, at most two seconds; what is refused is tried
// again rarely, by one caller at a time, however many workers there are (see
// [secrets.Resolver.Retry]): a process tries a password that is simply wrong
// five times in ten minutes, and every ten minutes from then on. A server that
// locks accounts or hosts should allow what all processes together do in the
// time that it counts. Callers get an error that says since when and why.
//
// # What to set
//
//   - The TTL of a resolver ([secrets.WithTTL]) bounds how long pooled
//     connections live on after the secret has changed. The database's refusal
//     needs no TTL: it is noticed at once.
//   - A query waits up to ten seconds for a rotation that is under way, if its
//     context lets it.
//   - An idle connection is retired when it is next needed. If it must go
//     sooner, set [database/sql.DB.SetConnMaxIdleTime].
//   - Leased credentials (Vault's database engine) are replaced at the end of
//     their renewals, while the old user still works. A query or transaction
//     that outlasts the old lease is at the mercy of the database.
package secretsql
