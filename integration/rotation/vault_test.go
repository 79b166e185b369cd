package rotation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets/integration/internal/pgserver"
)

// databaseEngine mounts Vault's database engine before a PostgreSQL.
func databaseEngine(t *testing.T, pg *pgserver.Server) (mount string) {
	t.Helper()
	mount = unique("database")
	mountEngine(t, mount, "database", nil)
	write(t, mount+"/config/pg", map[string]any{
		"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "username": pg.User, "password": pg.Password,
		"connection_url": "postgresql://{{username}}:{{password}}@" + pg.Addr() + "/postgres?sslmode=disable",
	})
	t.Cleanup(func() { _ = vault.Client(t).Sys().Unmount(mount) }) // while the database is still there
	return mount
}

func write(t *testing.T, path string, data map[string]any) {
	t.Helper()
	_, err := vault.Client(t).Logical().Write(path, data)
	require.NoError(t, err, path)
}

func TestAVaultStaticRoleRotatesAndNoQueryFails(t *testing.T) {
	t.Parallel()
	for _, p := range pools {
		t.Run(p.name, func(t *testing.T) {
			pg := pgserver.Start(t)
			role(t, pg, "app", "initial")
			mount := databaseEngine(t, pg)
			// By its own clock every six seconds, and at once when asked.
			write(t, mount+"/static-roles/db", map[string]any{"db_name": "pg", "username": "app", "rotation_period": "6s"})
			g := newGateway(t, vault.Addr)
			r, c := open(t, vaultURI(t, mount+"/static-creds", g.URL))
			q, w := p.open(t, r, pg), watch(t, pg)
			l := start(t, workers, 40*time.Millisecond, q.query)
			require.Eventually(t, func() bool { return len(c.changed()) >= 2 }, time.Minute, 100*time.Millisecond, "rotations by its own clock")
			clocked := len(c.changed())
			for n := 1; n <= 2; n++ {
				before := c.count()
				rotated, moment := time.Now(), w.now(t)
				write(t, mount+"/rotate-role/db", nil)
				w.gone(t, "app", moment)
				t.Logf("rotation %d on demand: last old connection retired %v after it; %d backend reads", n, time.Since(rotated).Round(time.Millisecond), c.count()-before)
			}
			l.end()
			t.Logf("%d rotations by its own clock before", clocked)
			report(t, l, c, q)
		})
	}
}

func TestAVaultDynamicRoleReachesItsMaximumAndNoQueryFails(t *testing.T) {
	t.Parallel()
	for _, p := range pools {
		t.Run(p.name, func(t *testing.T) {
			pg := pgserver.Start(t)
			mount := databaseEngine(t, pg)
			write(t, mount+"/roles/db", map[string]any{
				"db_name": "pg", "default_ttl": "4s", "max_ttl": "10s",
				"creation_statements": `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
			})
			g := newGateway(t, vault.Addr)
			r, c := open(t, vaultURI(t, mount+"/creds", g.URL))
			q, w := p.open(t, r, pg), watch(t, pg)
			l := start(t, workers, 40*time.Millisecond, q.query)

			// No connection outlives its user, at any time.
			users := map[string]bool{}
			var replaced []time.Duration
			orphans, changes := 0, 0
			for begun := time.Now(); time.Since(begun) < 30*time.Second; pause(t, 50*time.Millisecond) {
				orphans = max(orphans, w.orphans(t))
				var names []string
				for _, name := range pg.Strings(t, `SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'v-%' ORDER BY oid`) {
					names = append(names, name)
					users[name] = true
				}
				if now := c.changed(); len(now) > changes && len(names) > 0 {
					current := names[len(names)-1]
					for name := range users {
						if name != current {
							w.gone(t, name, w.now(t).Add(time.Hour))
						}
					}
					changes = len(now)
					replaced = append(replaced, time.Since(now[len(now)-1]).Round(time.Millisecond))
				}
			}
			l.end()
			t.Logf("%d users; last old connection retired after %v; %d requests to Vault; at most %d connections of users that are no more", len(users), replaced, g.asks.Load(), orphans)
			report(t, l, c, q)
			assert.Zero(t, orphans, "old connections are retired before their user ends")
			assert.GreaterOrEqual(t, len(users), 3)
			require.NoError(t, r.Close())
			require.Eventually(t, func() bool {
				return len(pg.Strings(t, `SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'v-%'`)) == 0
			}, 10*time.Second, 100*time.Millisecond, "Close takes the users back")
		})
	}
}
