package secretsql_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/secretsql"
	"github.com/go-secrets/secrets/secretstest"
)

// failing returns the error of a login that fails so.
func failing(t *testing.T, user, password string, err error) error {
	t.Helper()
	r, _ := secretstest.New(t, map[string]string{"db": document(user, password)}, secrets.WithLogger(nil))
	got := secretsql.NewSource(r, "db", isRefused).Login(t.Context(), func(context.Context, secretsql.Credentials) error { return err })
	require.Error(t, got)
	return got
}

// A pqError is an error as github.com/lib/pq has it.
type pqError struct {
	Severity, Code, Message, Detail, File, Line, Routine string
	query                                                string
}

func (e *pqError) Error() string    { return "pq: " + e.Message + e.query }
func (e *pqError) SQLState() string { return e.Code }

// A textError is its text.
type textError string

func (e textError) Error() string { return string(e) }

// A valueError is one that is not a pointer.
type valueError struct{ Text string }

func (e valueError) Error() string { return e.Text }

func TestAPasswordThatIsAWordOfAnErrorLeavesWhatTheErrorIs(t *testing.T) {
	t.Parallel()
	postgres := &pgconn.PgError{Severity: "FATAL", Code: "28P01", Message: `password authentication failed for user "app"`, Routine: "auth_failed"}
	libpq := &pqError{Severity: "FATAL", Code: "28P01", Message: `password authentication failed for user "app"`}
	maria := &mysql.MySQLError{Number: 1045, Message: "Access denied for user 'app'@'localhost' (using password: YES)"}
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5432}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

	t.Run("whole where it is only letters of words, or the user's name", func(t *testing.T) {
		t.Parallel()
		for _, password := range []string{"app", "x", "a", "fail", "word", "pass", "local", "P01", "auth"} {
			for _, err := range []error{postgres, libpq, maria} {
				outer := fmt.Errorf("max-pool is x-ed: %w", err)
				got := failing(t, "app", password, outer)
				assert.Equal(t, outer, got, password)
				assert.Same(t, err, errors.Unwrap(got), password)
			}
		}
	})

	t.Run("with its type and code where it is a word", func(t *testing.T) {
		t.Parallel()
		for _, password := range []string{"password", "user", "YES", "denied", "authentication", "FATAL", "failed", "localhost", "dial", "tcp", "connection"} {
			var pg *pgconn.PgError
			require.ErrorAs(t, failing(t, "app", password, fmt.Errorf("login: %w", postgres)), &pg, password)
			assert.Equal(t, "28P01", pg.Code)
			var pq *pqError
			require.ErrorAs(t, failing(t, "app", password, fmt.Errorf("login: %w", libpq)), &pq, password)
			assert.Equal(t, "28P01", pq.SQLState())
			var my *mysql.MySQLError
			require.ErrorAs(t, failing(t, "app", password, errors.Join(io.EOF, maria)), &my, password)
			assert.Equal(t, uint16(1045), my.Number)
			var op *net.OpError
			got := failing(t, "app", password, fmt.Errorf("connect: %w", refused))
			require.ErrorAs(t, got, &op, password)
			require.ErrorIs(t, got, syscall.ECONNREFUSED, password)
		}
		got := failing(t, "app", "YES", maria)
		assert.Equal(t, "Error 1045: Access denied for user 'app'@'localhost' (using password: [REDACTED])", got.Error())
		assert.Contains(t, maria.Message, "YES", "the driver's own is as it was")
	})

	t.Run("with what it is where the text has it as a number", func(t *testing.T) {
		t.Parallel()
		var op *net.OpError
		require.ErrorAs(t, failing(t, "app", "5432", fmt.Errorf("connect: %w", refused)), &op)
		assert.True(t, op.Addr.(*net.TCPAddr).Port == 5432)
	})

	t.Run("with what every other type is", func(t *testing.T) {
		t.Parallel()
		var text textError
		require.ErrorAs(t, failing(t, "app", "hunter2", fmt.Errorf("login: %w", textError("cannot use hunter2 here"))), &text)
		assert.Equal(t, textError("cannot use [REDACTED] here"), text)
		var value valueError
		require.ErrorAs(t, failing(t, "app", "hunter2", errors.Join(valueError{`"hunter2"`}, context.Canceled)), &value)
		assert.Equal(t, valueError{`"[REDACTED]"`}, value)
		var parse *url.Error
		got := failing(t, "app", "hunter2", fmt.Errorf("open: %w", &url.Error{Op: "parse", URL: "postgres://app:hunter2@db", Err: context.DeadlineExceeded}))
		require.ErrorAs(t, got, &parse)
		assert.Equal(t, "postgres://app:[REDACTED]@db", parse.URL)
		require.ErrorIs(t, got, context.DeadlineExceeded)
	})

	t.Run("with its sentinels", func(t *testing.T) {
		t.Parallel()
		sentinel := errors.New("no hunter2 here")
		for _, known := range []error{sentinel, driver.ErrBadConn, io.ErrUnexpectedEOF, context.Canceled} {
			for _, password := range []string{"hunter2", "bad", "EOF", "canceled"} {
				require.ErrorIs(t, failing(t, "app", password, fmt.Errorf("login: hunter2: %w", known)), known, password)
			}
		}
		assert.NotContains(t, failing(t, "app", "hunter2", sentinel).Error(), "hunter2")
	})
}

func TestARefusalIsRecognizedWhateverThePasswordIs(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"app", "x", "password", "refused"} {
		r, _ := secretstest.New(t, map[string]string{"db": document("app", password)}, secrets.WithLogger(nil))
		ctx, cancel := context.WithCancel(t.Context())
		err := secretsql.NewSource(r, "db", isRefused).Login(ctx, func(context.Context, secretsql.Credentials) error {
			cancel()
			return fmt.Errorf("password refused for app: %w", errRefused)
		})
		require.ErrorIs(t, err, errRefused, password)
		require.ErrorIs(t, err, secrets.ErrUnauthenticated, password)
	}
}

func TestAPasswordIsRedactedWhereItStandsAsAValue(t *testing.T) {
	t.Parallel()
	for password, texts := range map[string][]string{
		"hunter2": {
			"host=db user=app password=HERE dbname=d", "app:HERE@tcp(db:3306)/d", `"HERE"`, "'HERE'", "use HERE.", "HERE", "HERE: no", "(HERE)", "{user:app HERE}",
			"password: HERE", "a=HERE&b", "<HERE>", "[HERE]", "`HERE`", "pw HERE, user app", "PWD=HERE;", "was HERE",
			"params={{myuser HERE MYSERVICE false  Local} {1 1000}} extAuth=0: ORA-12154", "port=5432 password=HERE: could not connect to server",
			`parse "sqlserver://username:HERE@[foo].bar:1433?encrypt=true": invalid port`, `authentication failed for user "password=HERE" (SQLSTATE 28P01)`,
		},
		"x":                  {"app:HERE@db", "password=HERE host=max", `"HERE"`, "password 'HERE' is short"},
		"p@:/%ü":             {"app:HERE@db", "fooHEREbar"},
		"longerthantwelve":   {"fooHEREbar", "appHERE123"},
		"quo'te\\and space!": {"password=HERE host=x", `say "HERE"`},
	} {
		for _, text := range texts {
			got := failing(t, "app", password, errors.New(strings.ReplaceAll(text, "HERE", password)))
			assert.Equal(t, strings.ReplaceAll(text, "HERE", "[REDACTED]"), got.Error())
		}
	}
	for _, text := range []string{"app:HERE@db", "user=app password=HERE host=db", "password: 'HERE' user: 'app'", `{"Password": "HERE"}`} {
		got := failing(t, "app", "app", errors.New(strings.ReplaceAll(text, "HERE", "app")))
		assert.Equal(t, strings.ReplaceAll(text, "HERE", "[REDACTED]"), got.Error(), "the user's name is none, the password of that name is one")
	}
}

// hooked keeps what it wraps, and the text, out of sight.
type hooked struct {
	text  func() string
	inner func() error
}

func (h *hooked) Error() string { return h.text() }
func (h *hooked) Unwrap() error { return h.inner() }

func TestNoErrorOfADriverHoldsThePassword(t *testing.T) {
	t.Parallel()
	secret := canary.New()
	search := canary.For(secret)
	config, err := pgconn.ParseConfig("postgres://app:" + secret + "@127.0.0.1:1/d")
	require.NoError(t, err)
	_, connect := pgconn.ConnectConfig(t.Context(), config)
	require.NotEmpty(t, search.Error(connect), "pgx attaches its configuration")
	for name, err := range map[string]error{
		"pgx's, with its configuration":     connect,
		"lib/pq's":                          &pqError{Message: "no " + secret, Code: "28P01"},
		"lib/pq's, in what is not exported": &pqError{query: secret},
		"out of sight":                      &hooked{func() string { return "quiet" }, func() error { return errors.New(secret) }},
		"in a text that is made":            &hooked{func() string { return secret }, func() error { return io.EOF }},
		"in bytes":                          &struct{ error }{&withBytes{[]byte(secret)}},
	} {
		assert.Empty(t, search.Error(failing(t, "app", secret, err)), name)
	}
	require.ErrorIs(t, failing(t, "app", secret, connect), syscall.ECONNREFUSED)
	require.ErrorIs(t, failing(t, "app", secret, &hooked{func() string { return secret }, func() error { return io.EOF }}), io.EOF)
}

type withBytes struct{ data []byte }

func (w *withBytes) Error() string { return fmt.Sprintf("%d bytes", len(w.data)) }

// A broken error panics when it is asked what it is.
type broken struct{ text string }

func (b *broken) Error() string { panic(b.text) }

func TestAnErrorThatPanicsIsAnErrorAllTheSame(t *testing.T) {
	t.Parallel()
	secret := canary.New()
	err := failing(t, "app", secret, &broken{secret})
	assert.ErrorContains(t, err, "panics")
	assert.Empty(t, canary.For(secret).Error(err))
	var none *broken
	assert.ErrorContains(t, failing(t, "app", secret, none), "panics")
}
