package secrets_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/gob"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/secretstest"
)

// A recordingServer speaks enough of PostgreSQL's protocol to take statements of
// one text parameter, and keeps what it is sent.
type recordingServer struct {
	address string

	mu   sync.Mutex
	sent strings.Builder
}

func newRecordingServer(t *testing.T) *recordingServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &recordingServer{address: listener.Addr().String()}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		work.Wait()
	})
	return s
}

func (s *recordingServer) serve(conn net.Conn) {
	defer conn.Close()
	b := pgproto3.NewBackend(conn, conn)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return
	}
	answer := func(messages ...pgproto3.BackendMessage) {
		for _, m := range messages {
			b.Send(m)
		}
		_ = b.Flush()
	}
	answer(&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"},
		&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	for {
		message, err := b.Receive()
		if err != nil {
			return
		}
		s.mu.Lock()
		switch m := message.(type) {
		case *pgproto3.Bind:
			fmt.Fprintf(&s.sent, "%s\n", m.Parameters)
		case *pgproto3.Query:
			fmt.Fprintf(&s.sent, "%s\n", m.String)
		}
		s.mu.Unlock()
		switch message.(type) {
		case *pgproto3.Parse:
			answer(&pgproto3.ParseComplete{})
		case *pgproto3.Describe:
			answer(&pgproto3.ParameterDescription{ParameterOIDs: []uint32{pgtype.TextOID}}, &pgproto3.NoData{})
		case *pgproto3.Bind:
			answer(&pgproto3.BindComplete{})
		case *pgproto3.Execute:
			answer(&pgproto3.CommandComplete{CommandTag: []byte("INSERT 0 1")})
		case *pgproto3.Query:
			answer(&pgproto3.CommandComplete{CommandTag: []byte("INSERT 0 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Close:
			answer(&pgproto3.CloseComplete{})
		case *pgproto3.Sync:
			answer(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
	}
}

func (s *recordingServer) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent.String()
}

func TestASecretIsNoArgumentOfAQuery(t *testing.T) {
	t.Parallel()
	s := secretstest.Value("t0ps3cret")
	arguments := map[string]any{"a secret": s, "a pointer": &s, "as fmt.Stringer": fmt.Stringer(s), "as driver.Valuer": driver.Valuer(s), "a sql.Null": sql.Null[secrets.Secret]{V: s, Valid: true}}
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run("of pgx, mode "+mode.String(), func(t *testing.T) {
			t.Parallel()
			server := newRecordingServer(t)
			conn, err := pgx.Connect(t.Context(), "postgres://app@"+server.address+"/db?sslmode=disable")
			require.NoError(t, err)
			defer func() { _ = conn.Close(context.Background()) }()
			_, err = conn.Exec(t.Context(), "insert into t values ($1)", mode, "plain")
			require.NoError(t, err)
			require.Contains(t, server.all(), "plain", "the test must be able to fail")
			for what, argument := range arguments {
				_, err := conn.Exec(t.Context(), "insert into t values ($1)", mode, argument)
				assert.ErrorIs(t, err, secrets.ErrInvalid, what)
			}
			assert.NotContains(t, server.all(), "REDACTED")
			assert.NotContains(t, server.all(), "t0ps3cret")
		})
	}

	t.Run("of a driver of database/sql", func(t *testing.T) {
		t.Parallel()
		db := sql.OpenDB(takesAll{})
		defer db.Close()
		_, err := db.Exec("?", "plain")
		require.ErrorIs(t, err, errTaken, "the test must be able to fail")
		for what, argument := range arguments {
			_, err := db.Exec("?", argument)
			assert.ErrorIs(t, err, secrets.ErrInvalid, what)
			_, err = db.Exec("?", sql.Named("password", argument))
			assert.ErrorIs(t, err, secrets.ErrInvalid, what)
		}
	})
}

func TestASecretIsNotStoredByAnEncoder(t *testing.T) {
	t.Parallel()
	s := secretstest.Value("t0ps3cret")
	for what, encode := range map[string]func() error{
		"MarshalBinary, which Redis' clients, msgpack and cbor ask for": func() error { _, err := s.MarshalBinary(); return err },
		"MarshalBSON, which MongoDB's driver asks for":                  func() error { _, err := s.MarshalBSON(); return err },
		"gob": func() error { return gob.NewEncoder(new(bytes.Buffer)).Encode(struct{ Password secrets.Secret }{s}) },
		"Value, which drivers of databases ask for": func() error { _, err := s.Value(); return err },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			err := encode()
			require.ErrorIs(t, err, secrets.ErrInvalid)
			assert.NotContains(t, err.Error(), "t0ps3cret")
		})
	}
	t.Run("and what one of text has written is not read back", func(t *testing.T) {
		t.Parallel()
		text, err := s.MarshalText()
		require.NoError(t, err)
		var back secrets.Secret
		assert.ErrorIs(t, back.UnmarshalText(text), secrets.ErrInvalid)
		assert.ErrorIs(t, back.UnmarshalText([]byte(" [REDACTED]\n")), secrets.ErrInvalid)
		assert.ErrorIs(t, back.UnmarshalText([]byte(`"[REDACTED]"`)), secrets.ErrInvalid)
		assert.NoError(t, back.UnmarshalText([]byte("a [REDACTED] b")))
	})
}

var errTaken = fmt.Errorf("taken")

// takesAll is a driver that takes every argument and refuses every statement.
type takesAll struct{}

func (takesAll) Connect(context.Context) (driver.Conn, error)       { return takesAll{}, nil }
func (takesAll) Driver() driver.Driver                              { return nil }
func (takesAll) Prepare(string) (driver.Stmt, error)                { return nil, driver.ErrSkip }
func (takesAll) Close() error                                       { return nil }
func (takesAll) Begin() (driver.Tx, error)                          { return nil, driver.ErrSkip }
func (takesAll) Exec(string, []driver.Value) (driver.Result, error) { return nil, errTaken }
func (takesAll) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return nil, errTaken
}
