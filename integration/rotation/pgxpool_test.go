package rotation_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/pgserver"
	secretpgxpool "github.com/go-secrets/secrets/secretsql/pgxpool"
	"github.com/go-secrets/secrets/secretstest"
)

// pgxpool gives up on a caller that met as many connections which it had to
// discard as the pool holds, and one: a slow caller meets those of more than
// one rotation.
func TestConnectionsThatAreOutdatedOnceTheyAreMadeFailNoQuery(t *testing.T) {
	t.Parallel()
	pg := pgserver.Start(t)
	users := []string{"app_a", "app_b"}
	for _, user := range users {
		role(t, pg, user, "password")
	}
	const conns = 2
	rotating := func(t *testing.T, rotations int) (*secretpgxpool.Pool, func() int) {
		r, provider := secretstest.New(t, map[string]string{"db": document(users[0], "password")}, secrets.WithLogger(nil))
		cfg, err := pgxpool.ParseConfig(dsn(pg))
		require.NoError(t, err)
		made := 0 // one after the other: there is one caller
		cfg.MaxConns = conns
		cfg.AfterConnect = func(ctx context.Context, _ *pgx.Conn) error {
			if made++; made > rotations {
				return nil
			}
			provider.Set("db", document(users[made%2], "password"))
			_, err := r.Refresh(ctx, "db")
			return err
		}
		p, err := secretpgxpool.NewWithConfig(t.Context(), r, "db", cfg)
		require.NoError(t, err)
		t.Cleanup(p.Close)
		return p, func() int { return made }
	}

	for _, rotations := range []int{conns, conns + 1, 2*conns + 3} {
		p, made := rotating(t, rotations)
		var user string
		require.NoError(t, p.QueryRow(t.Context(), "SELECT current_user").Scan(&user), "%d rotations", rotations)
		assert.Equal(t, users[rotations%2], user, "%d rotations", rotations)
		assert.Equal(t, rotations+1, made(), "connections that were made in %d rotations", rotations)
	}

	t.Run("unless there is no end to it", func(t *testing.T) {
		p, made := rotating(t, 1_000_000)
		_, err := p.Exec(t.Context(), "SELECT 1")
		require.ErrorContains(t, err, "too many failed attempts")
		assert.Equal(t, 4*(conns+1), made())
	})

	t.Run("unless it is the hook of the user that discards them", func(t *testing.T) {
		r, _ := secretstest.New(t, map[string]string{"db": document(users[0], "password")}, secrets.WithLogger(nil))
		cfg, err := pgxpool.ParseConfig(dsn(pg))
		require.NoError(t, err)
		asked := 0
		cfg.MaxConns = conns
		cfg.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { asked++; return false, nil }
		p, err := secretpgxpool.NewWithConfig(t.Context(), r, "db", cfg)
		require.NoError(t, err)
		t.Cleanup(p.Close)
		require.ErrorContains(t, p.Ping(t.Context()), "PrepareConn")
		assert.Equal(t, conns+1, asked)
	})
}
