package pgauth_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretsql/internal/pgauth"
	"github.com/go-secrets/secrets/secretstest"
)

func TestConfigure(t *testing.T) {
	t.Parallel()
	parse := func(dsn string) *pgx.ConnConfig {
		cfg, err := pgx.ParseConfig(dsn)
		require.NoError(t, err)
		return cfg
	}
	c := secretsql.Credentials{User: "app", Password: secretstest.Value("pw")}

	t.Run("sets user and password, and leaves the rest", func(t *testing.T) {
		t.Parallel()
		cfg := parse("postgres://old:older@a,b/d?sslmode=verify-full")
		pgauth.Configure(cfg, c)
		assert.Equal(t, []string{"app", "pw", "a", "d"}, []string{cfg.User, cfg.Password, cfg.Host, cfg.Database})
		require.Len(t, cfg.Fallbacks, 1)
		assert.Equal(t, "b", cfg.Fallbacks[0].Host)
	})

	t.Run("goes to the document's endpoint, and verifies its name", func(t *testing.T) {
		t.Parallel()
		c := c
		c.Host, c.Port, c.Database = "db.internal", 6432, "other"
		base := parse("postgres://a,b/d?sslmode=prefer")
		cfg := base.Copy()
		pgauth.Configure(cfg, c)
		assert.Equal(t, []string{"db.internal", "other"}, []string{cfg.Host, cfg.Database})
		assert.Equal(t, uint16(6432), cfg.Port)
		require.Len(t, cfg.Fallbacks, 1, "without TLS, and no other host")
		assert.Equal(t, "db.internal", cfg.Fallbacks[0].Host)
		assert.Nil(t, cfg.Fallbacks[0].TLSConfig)

		strict := parse("postgres://a/d?sslmode=verify-full")
		pgauth.Configure(strict, c)
		assert.Equal(t, "db.internal", strict.TLSConfig.ServerName)
	})
}

func TestRejected(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  pgconn.PgError
		want bool
	}{
		{pgconn.PgError{Code: "28P01", Message: `password authentication failed for user "app"`, Routine: "auth_failed"}, true},
		{pgconn.PgError{Code: "28P01"}, true},
		{pgconn.PgError{Code: "28000", Message: `role "app" is not permitted to log in`, Routine: "InitializeSessionUserId"}, true},
		{pgconn.PgError{Code: "28000", Message: `role "app" does not exist`, Routine: "InitializeSessionUserId"}, true},
		{pgconn.PgError{Code: "28000", Message: `GSSAPI authentication failed for user "app"`, Routine: "auth_failed"}, true},
		{pgconn.PgError{Code: "28000"}, true},
		{pgconn.PgError{Code: "28000", Message: `no pg_hba.conf entry for host "10.0.0.1", user "app", database "d", no encryption`, Routine: "ClientAuthentication"}, false},
		{pgconn.PgError{Code: "28000", Message: `kein pg_hba.conf-Eintrag für Host "10.0.0.1"`}, false},
		{pgconn.PgError{Code: "28000", Message: `connection requires a valid client certificate`, Routine: "ClientAuthentication"}, false},
		{pgconn.PgError{Code: "08P01", Message: "SASL authentication failed"}, true},
		{pgconn.PgError{Code: "08P01", Message: "password authentication failed"}, true},
		{pgconn.PgError{Code: "08P01", Message: `server login failed: FATAL password authentication failed for user "app"`}, true},
		{pgconn.PgError{Code: "08P01", Message: "no such user: app"}, true},
		{pgconn.PgError{Code: "08P01", Message: "empty password returned by client"}, true},
		{pgconn.PgError{Code: "08P01", Message: "server login has been failing, try again later (server_login_retry)"}, false},
		{pgconn.PgError{Code: "08P01", Message: "no such database: d"}, false},
		{pgconn.PgError{Code: "08P01", Message: "invalid message format"}, false},
		{pgconn.PgError{Code: "53300", Message: `too many connections for role "app"`}, false},
		{pgconn.PgError{Code: "57P03"}, false},
		{pgconn.PgError{Code: "3D000"}, false},
		{pgconn.PgError{Code: "42501", Message: "password authentication failed"}, false},
	} {
		assert.Equal(t, test.want, pgauth.Rejected(errors.Join(&test.err)), "%s %s", test.err.Code, test.err.Message)
	}
	assert.False(t, pgauth.Rejected(&net.OpError{Op: "dial", Err: errors.New("refused")}))
}

func TestAcceptedTellsWhatIsSaidAfterTheCredentialsWereTaken(t *testing.T) {
	t.Parallel()
	for routine, want := range map[string]bool{"InitializeSessionUserId": true, "CheckMyDatabase": true, "InitProcess": false, "": false} {
		assert.Equal(t, want, pgauth.Accepted(errors.Join(&pgconn.PgError{Code: "53300", Routine: routine})), routine)
	}
	assert.False(t, pgauth.Accepted(&pgconn.PgError{Code: "28000", Routine: "InitializeSessionUserId"}))
}

func TestCleanTakesTheConfigurationOutOfAnError(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	secret := canary.New()
	cfg, err := pgx.ParseConfig("postgres://app:" + secret + "@" + l.Addr().String() + "/d")
	require.NoError(t, err)
	_, err = pgx.ConnectConfig(context.Background(), cfg)
	require.NotEmpty(t, canary.For(secret).Error(err), "pgx attaches it")
	cleaned := pgauth.Clean(err)
	assert.Empty(t, canary.For(secret).Error(cleaned))
	assert.Equal(t, err.Error(), cleaned.Error())
	var refused *net.OpError
	assert.ErrorAs(t, cleaned, &refused, "the reason is within reach")
	assert.Equal(t, context.Canceled, pgauth.Clean(context.Canceled))
}
