package databases_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"testing"
	"time"

	gomysql "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/internal/mariadb"
	"github.com/go-secrets/secrets/secretsql/mysql"
)

// onMariaDB is a query of a pool; some end their connection.
func onMariaDB(t *testing.T, r *secrets.Resolver, m *mariadb.Server) func(context.Context, int64) error {
	t.Helper()
	db, err := mysql.Open(r, "db", "tcp("+m.Addr()+")/d")
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	return func(ctx context.Context, n int64) error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		var one int
		if err := conn.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil || n%perishes != 0 {
			return err
		}
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		return nil
	}
}

func user(t *testing.T, m *mariadb.Server, name, password string) {
	t.Helper()
	m.Exec(t, fmt.Sprintf("CREATE USER IF NOT EXISTS %s@'%%'", name))
	m.Exec(t, fmt.Sprintf("ALTER USER %s@'%%' IDENTIFIED BY '%s' ACCOUNT UNLOCK", name, password))
	m.Exec(t, fmt.Sprintf("GRANT ALL ON d.* TO %s@'%%'", name))
}

func TestARotationOnMariaDBFailsNoQuery(t *testing.T) {
	t.Parallel()
	m := mariadb.Start(t)

	t.Run("of a password, the database first", func(t *testing.T) {
		user(t, m, "app", "password-0")
		r, p := held(t, "app", "password-0")
		l := start(t, 10, onMariaDB(t, r, m))
		pause(t, time.Second)
		for n := 1; n <= 2; n++ {
			password := fmt.Sprintf("password-%d", n)
			user(t, m, "app", password)
			pause(t, lag)
			p.Set("db", document("app", password))
			pause(t, 3*time.Second)
		}
		l.end(t)
	})

	t.Run("to another user, the old one locked first", func(t *testing.T) {
		user(t, m, "blue", "password")
		user(t, m, "green", "password")
		r, p := held(t, "blue", "password")
		l := start(t, 10, onMariaDB(t, r, m))
		pause(t, time.Second)
		m.Exec(t, "ALTER USER blue@'%' ACCOUNT LOCK")
		pause(t, lag)
		p.Set("db", document("green", "password"))
		pause(t, 3*time.Second)
		l.end(t)
	})
}

func TestWhatIsARefusalOfMariaDB(t *testing.T) {
	t.Parallel()
	m := mariadb.Start(t)
	user(t, m, "app", "right")
	user(t, m, "locked", "right")
	m.Exec(t, "ALTER USER locked@'%' ACCOUNT LOCK")
	user(t, m, "busy", "right")
	m.Exec(t, "ALTER USER busy@'%' WITH MAX_USER_CONNECTIONS 1")
	for name, test := range map[string]struct {
		user, password, database string
		number                   uint16
		want                     bool
	}{
		"a wrong password":     {"app", "wrong", "d", 1045, true},
		"a user that is gone":  {"gone", "right", "d", 1045, true},
		"a locked account":     {"locked", "right", "d", 4151, true},
		"no such database":     {"app", "right", "none", 1044, false},
		"too many connections": {"busy", "right", "d", 1226, false},
	} {
		cfg := gomysql.NewConfig()
		cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName = test.user, test.password, "tcp", m.Addr(), test.database
		connector, err := gomysql.NewConnector(cfg)
		require.NoError(t, err)
		db := sql.OpenDB(connector)
		t.Cleanup(func() { _ = db.Close() })
		err = db.PingContext(t.Context())
		if test.user == "busy" {
			require.NoError(t, err)
			_, err = connector.Connect(t.Context()) // beside the first, which is idle
		}
		var my *gomysql.MySQLError
		require.ErrorAs(t, err, &my, name)
		assert.Equal(t, test.number, my.Number, name)
		assert.Equal(t, test.want, mysql.Rejected(err), name)
	}
}
