package pgxpool_test

import (
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	secretpgxpool "github.com/go-secrets/secrets/secretsql/pgxpool"
	"github.com/go-secrets/secrets/secretstest"
)

func TestNew(t *testing.T) {
	t.Parallel()
	secret := canary.New()
	search := canary.For(secret)

	t.Run("refuses a connection string without repeating it", func(t *testing.T) {
		t.Parallel()
		_, err := secretpgxpool.New(t.Context(), nil, "db", "postgres://app:"+secret+"@%zz")
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Empty(t, search.Error(err))
	})

	t.Run("tells the password in no error", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		r, _ := secretstest.New(t, map[string]string{"db": `{"username":"app","password":"` + secret + `"}`})
		pool, err := secretpgxpool.New(t.Context(), r, "db", "postgres://"+l.Addr().String()+"/d?sslmode=disable")
		require.NoError(t, err)
		defer pool.Close()
		_, acquired := pool.Acquire(t.Context())
		_, execed := pool.Exec(t.Context(), "select 1")
		_, queried := pool.Query(t.Context(), "select 1")
		_, begun := pool.Begin(t.Context())
		_, copied := pool.CopyFrom(t.Context(), pgx.Identifier{"t"}, nil, nil)
		batch := pool.SendBatch(t.Context(), &pgx.Batch{})
		_, batched := batch.Exec()
		for name, err := range map[string]error{
			"Acquire": acquired, "Exec": execed, "Query": queried, "Begin": begun, "CopyFrom": copied, "SendBatch": batched, "Close": batch.Close(),
			"QueryRow": pool.QueryRow(t.Context(), "select 1").Scan(), "Ping": pool.Ping(t.Context()),
			"AcquireFunc": pool.AcquireFunc(t.Context(), nil),
		} {
			var refused *net.OpError
			require.ErrorAs(t, err, &refused, name)
			assert.Empty(t, search.Error(err), name)
		}
	})
}
