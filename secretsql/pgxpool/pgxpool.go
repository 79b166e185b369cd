// Package pgxpool is [github.com/jackc/pgx/v5/pgxpool] with credentials that
// rotate under load while no query fails.
//
//	import secretpgxpool "github.com/go-secrets/secrets/secretsql/pgxpool"
//
//	pool, err := secretpgxpool.New(ctx, nil, "db", "postgres://db.internal/app?sslmode=verify-full&pool_max_conns=20")
//
// A [Pool] is used as a pgxpool.Pool is: connections that were made with
// credentials that have been replaced are retired when they leave it or come
// back, and one that is in use is never cut.
//
// # The secret
//
// The name stands for a JSON object with username and password; what the
// connection string says of the two does not matter. [secretsql.WithUser] takes
// a secret that is the password alone, and [secretsql.WithEndpoint] host, port
// and database from the document, too. More is told in package [secretsql].
//
// # Errors
//
// A connection string that cannot be read is [secrets.ErrInvalid], from New,
// and is not repeated. A query fails as the secret does (errors.Is on its
// class), if it cannot be read, or with pgx's own error, without the password.
// Package [github.com/go-secrets/secrets/secretsql/pgx] has Rejected, which
// tells a refusal of credentials from other failures.
//
// # What to set
//
// Call the methods of Pool, and not those of the pool that is embedded in it:
// they try again where a password was changed in the database first. The TTL of
// the resolver bounds how long pooled connections outlive a rotation, and
// pool_max_conn_lifetime how long any of them lives. [NewWithConfig] takes a
// configuration with hooks of your own, which are called as ever.
package pgxpool

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretsql/internal/guard"
	"github.com/go-secrets/secrets/secretsql/internal/pgauth"
)

// A Pool is a [pgxpool.Pool] whose connections are made with current
// credentials.
//
// The embedded pool is for what wants one of that type. Its own methods do all
// that those of Pool do but one: where a password was changed in the database
// first, the few callers whose new connection is the first to be refused see
// that, and have to try again themselves; so has a caller to whom the pool says
// "too many failed attempts", having met the outdated connections of more than
// one rotation.
type Pool struct {
	*pgxpool.Pool
}

// New returns a pool of connections to where dsn says, as [pgxpool.ParseConfig]
// takes it, with the credentials that r has under name. r nil: the default
// resolver. What dsn says of user and password does not matter. The error is
// [secrets.ErrInvalid] and does not repeat dsn.
func New(ctx context.Context, r *secrets.Resolver, name, dsn string, opts ...secretsql.Option) (*Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("%w: secretsql/pgxpool: the connection string is not one that pgxpool.ParseConfig takes", secrets.ErrInvalid)
	}
	return NewWithConfig(ctx, r, name, cfg, opts...)
}

// NewWithConfig is New for a configuration, which must come from
// [pgxpool.ParseConfig]. Its hooks are called as ever.
func NewWithConfig(ctx context.Context, r *secrets.Resolver, name string, cfg *pgxpool.Config, opts ...secretsql.Option) (*Pool, error) {
	h := &hooks{source: secretsql.NewSource(r, name, pgauth.Rejected, opts...), user: cfg}
	own := cfg.Copy()
	// PrepareConn goes before the older BeforeAcquire, which it calls.
	own.BeforeConnect, own.PrepareConn, own.AfterRelease, own.BeforeClose = h.beforeConnect, h.prepareConn, h.afterRelease, h.beforeClose
	pool, err := pgxpool.NewWithConfig(ctx, own)
	if err != nil {
		return nil, err
	}
	return &Pool{pool}, nil
}

// hooks are what the pool calls in a connection's life.
type hooks struct {
	source *secretsql.Source
	user   *pgxpool.Config // the user's own hooks
}

// beforeConnect puts the current credentials into the configuration of a new
// connection. The pool lets nobody make that connection for it, and a refusal
// is final there; so credentials that nobody has got in with yet are tried on
// a connection that is made for that alone, where they can be replaced.
func (h *hooks) beforeConnect(ctx context.Context, cfg *pgx.ConnConfig) error {
	return guard.Do("secretsql/pgxpool: a hook of a connection", func() error { return h.configure(ctx, cfg) })
}

func (h *hooks) configure(ctx context.Context, cfg *pgx.ConnConfig) error {
	if h.user.BeforeConnect != nil {
		if err := h.user.BeforeConnect(ctx, cfg); err != nil {
			return err
		}
	}
	attemptOf(ctx).meets(false)
	var cred secretsql.Credentials
	err := h.source.Login(ctx, func(ctx context.Context, c secretsql.Credentials) error {
		cred = c
		if c.WereAccepted() {
			return nil
		}
		trial := cfg.Copy()
		trial.AfterConnect = nil // it is for connections that are used
		pgauth.Configure(trial, c)
		conn, err := pgx.ConnectConfig(ctx, trial)
		if err != nil && !pgauth.Accepted(err) {
			return pgauth.Clean(err)
		}
		c.Accepted()
		if err == nil {
			pgauth.End(ctx, conn) // the user may be allowed one connection
		}
		return nil
	})
	if err != nil {
		return err
	}
	attemptOf(ctx).makes(&cred)
	pgauth.Configure(cfg, cred)
	own := cfg.AfterConnect
	cfg.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		conn.CustomData()[madeWith] = cred
		if own != nil {
			return own(ctx, conn)
		}
		return nil
	}
	return nil
}

// madeWith is the key of a connection's credentials in its custom data.
const madeWith = "github.com/go-secrets/secrets/secretsql/pgxpool"

func current(conn *pgx.Conn) bool {
	cred, ok := conn.PgConn().CustomData()[madeWith].(secretsql.Credentials)
	return !ok || cred.Current()
}

// prepareConn retires a connection that is about to leave the pool.
func (h *hooks) prepareConn(ctx context.Context, conn *pgx.Conn) (bool, error) {
	outdated := !current(conn)
	attemptOf(ctx).meets(outdated)
	if outdated {
		return false, nil
	}
	if h.user.PrepareConn != nil {
		return h.user.PrepareConn(ctx, conn)
	}
	//lint:ignore SA1019 the pool itself goes on to call it
	if older := h.user.BeforeAcquire; older != nil {
		return older(ctx, conn), nil
	}
	return true, nil
}

// afterRelease retires a connection that comes back to the pool.
func (h *hooks) afterRelease(conn *pgx.Conn) bool {
	return current(conn) && (h.user.AfterRelease == nil || h.user.AfterRelease(conn))
}

// beforeClose waits until the server has forgotten a connection that is
// retired, so that the one that takes its place is not one too many.
func (h *hooks) beforeClose(conn *pgx.Conn) {
	if h.user.BeforeClose != nil {
		h.user.BeforeClose(conn)
	}
	if !current(conn) {
		pgauth.End(context.Background(), conn)
	}
}

// An attempt is one call of the embedded pool, which may make a connection.
type attempt struct {
	made     atomic.Pointer[secretsql.Credentials] // with which it did
	outdated atomic.Bool                           // the last connection that it met was
}

type attemptKey struct{}

// attemptOf returns nil for a connection that no call waits for.
func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

func (a *attempt) makes(cred *secretsql.Credentials) {
	if a != nil {
		a.made.Store(cred)
	}
}

func (a *attempt) meets(outdated bool) {
	if a != nil {
		a.outdated.Store(outdated)
	}
}

// tries is how often a call is made anew. Between the attempts a newer version
// has been seen to work, so that one is enough unless the password changes
// again in that moment.
const tries = 4

// try calls op, and again as long as its new connection is refused, or the pool
// gave up on it: after as many outdated connections as it holds, and one. A
// caller that is slow meets those of two rotations. No statement was sent then.
func (p *Pool) try(ctx context.Context, op func(context.Context) error) error {
	for n := 1; ; n++ {
		var a attempt
		err := op(context.WithValue(ctx, attemptKey{}, &a))
		if err == nil {
			return nil
		}
		if a.outdated.Load() && n < tries {
			continue
		}
		var failed *pgconn.ConnectError
		if !errors.As(err, &failed) {
			return err
		}
		if !pgauth.Rejected(err) || n == tries {
			return pgauth.Clean(err)
		}
		if cred := a.made.Load(); cred != nil {
			cred.Refused()
		}
	}
}
