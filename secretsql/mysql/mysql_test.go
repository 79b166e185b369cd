package mysql

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretstest"
)

func TestConfigure(t *testing.T) {
	t.Parallel()
	c := secretsql.Credentials{User: "app", Password: secretstest.Value("pw")}
	endpoint := c
	endpoint.Host, endpoint.Port, endpoint.Database = "db.internal", 3307, "other"
	port := c
	port.Port = 3307
	for name, test := range map[string]struct {
		dsn  string
		c    secretsql.Credentials
		want string
	}{
		"sets user and password, and leaves the rest": {"old:older@tcp(a:1)/d", c, "app:pw tcp(a:1) d"},
		"leaves a socket":                                  {"unix(/run/mysqld.sock)/d", c, "app:pw unix(/run/mysqld.sock) d"},
		"goes to the document's endpoint":                  {"tcp(a:1)/d", endpoint, "app:pw tcp(db.internal:3307) other"},
		"goes to the document's endpoint, not to a socket": {"unix(/run/mysqld.sock)/d", endpoint, "app:pw tcp(db.internal:3307) other"},
		"takes a port alone":                               {"tcp(a:1)/d", port, "app:pw tcp(a:3307) d"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, err := mysql.ParseDSN(test.dsn)
			require.NoError(t, err)
			cfg := configure(base, test.c)
			assert.Equal(t, test.want, fmt.Sprintf("%s:%s %s(%s) %s", cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName))
			assert.NotEqual(t, "app", base.User)
		})
	}
	t.Run("verifies the name of the document's host", func(t *testing.T) {
		t.Parallel()
		base, err := mysql.ParseDSN("tcp(a:1)/d?tls=true")
		require.NoError(t, err)
		require.Equal(t, "a", base.TLS.ServerName)
		assert.Equal(t, "db.internal", configure(base, endpoint).TLS.ServerName)
		base.TLS = &tls.Config{ServerName: "pinned"}
		assert.Equal(t, "pinned", configure(base, endpoint).TLS.ServerName)
	})
}

func TestOpen(t *testing.T) {
	t.Parallel()
	secret := canary.New()
	_, err := Open(nil, "db", "app:"+secret+"@tcp(a:1)d")
	require.ErrorIs(t, err, secrets.ErrInvalid)
	assert.Empty(t, canary.For(secret).Error(err))

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	r, _ := secretstest.New(t, map[string]string{"db": `{"username":"app","password":"` + secret + `"}`})
	db, err := Open(r, "db", "tcp("+l.Addr().String()+")/d")
	require.NoError(t, err)
	defer db.Close()
	err = db.PingContext(context.Background())
	var refused *net.OpError
	require.ErrorAs(t, err, &refused)
	assert.Empty(t, canary.For(secret).Error(err))
}

func TestRejected(t *testing.T) {
	t.Parallel()
	for number, want := range map[uint16]bool{1045: true, 1698: true, 3118: true, 3955: true, 4151: true, 1862: true, 1129: false, 1130: false, 1040: false, 1044: false, 1049: false} {
		assert.Equal(t, want, Rejected(errors.Join(&mysql.MySQLError{Number: number})), number)
	}
	assert.False(t, Rejected(mysql.ErrInvalidConn))
}
