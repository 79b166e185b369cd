package pgx_test

import (
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	secretpgx "github.com/go-secrets/secrets/secretsql/pgx"
	"github.com/go-secrets/secrets/secretstest"
)

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("refuses a connection string without repeating it", func(t *testing.T) {
		t.Parallel()
		secret := canary.New()
		_, err := secretpgx.Open(nil, "db", "postgres://app:"+secret+"@%zz")
		require.ErrorIs(t, err, secrets.ErrInvalid)
		assert.Empty(t, canary.For(secret).Error(err))
	})

	t.Run("does no I/O, and tells the password in no error of a query", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		secret := canary.New()
		r, p := secretstest.New(t, map[string]string{"db": `{"username":"app","password":"` + secret + `"}`})
		db, err := secretpgx.Open(r, "db", "postgres://"+l.Addr().String()+"/d?sslmode=disable")
		require.NoError(t, err)
		defer db.Close()
		assert.Zero(t, p.Reads("db"))
		err = db.PingContext(t.Context())
		require.ErrorContains(t, err, "user=app")
		assert.Empty(t, canary.For(secret).Error(err))
		var refused *net.OpError
		require.ErrorAs(t, err, &refused)
	})
}

func TestNewKeepsNothingOfTheCallersConfiguration(t *testing.T) {
	t.Parallel()
	cfg, err := pgx.ParseConfig("postgres://127.0.0.1:1/d")
	require.NoError(t, err)
	r, _ := secretstest.New(t, map[string]string{"db": `{"username":"app","password":"x"}`})
	c := secretpgx.New(r, "db", cfg)
	_, err = c.Connect(t.Context())
	require.Error(t, err)
	assert.NotEqual(t, "app", cfg.User)
	assert.IsType(t, stdlib.GetDefaultDriver(), c.Driver())
}

func TestRejected(t *testing.T) {
	t.Parallel()
	assert.True(t, secretpgx.Rejected(&pgconn.PgError{Code: "28P01"}))
	assert.False(t, secretpgx.Rejected(&pgconn.PgError{Code: "42501"}))
}
