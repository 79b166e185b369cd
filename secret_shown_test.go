package secrets_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/gob"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/internal/canary"
	"github.com/go-secrets/secrets/internal/canary/printers"
	"github.com/go-secrets/secrets/secretstest"
)

// held returns secrets of every kind that a resolver hands out, all of them
// with the canary in the value.
func held(t *testing.T, value string) map[string]secrets.Secret {
	t.Helper()
	r, p := secretstest.New(t, map[string]string{"db": `{"password":"` + value + `","inner":{"a":["` + value + `"]}}`})
	get := func(name string) secrets.Secret {
		s, err := r.Get(t.Context(), name)
		require.NoError(t, err)
		return s
	}
	document, member := get("db"), get("db/password")
	field, err := document.Field("/inner/a/0")
	require.NoError(t, err)
	p.Set("db", `{"password":"2`+value+`"}`)
	rotated, err := r.Refresh(t.Context(), "db/password")
	require.NoError(t, err)
	previous, ok := rotated.Previous()
	require.True(t, ok)
	made := map[string]secrets.Secret{
		"a document": document, "a member": member, "a field": field, "a rotated secret": rotated, "a previous secret": previous,
		"a secret that was unmarshalled": secretstest.Value(value),
	}
	for name, s := range made {
		require.Contains(t, s.Reveal(), value, "the test must be able to fail: %s", name)
	}
	return made
}

type (
	inField  struct{ Password secrets.Secret }
	unseen   struct{ password secrets.Secret }
	byPtr    struct{ password *secrets.Secret }
	embedded struct {
		secrets.Secret
		User string
	}
	pair[T any] struct{ left, right T }
	deep        struct {
		Name string
		in   map[string][]any
	}
	failure struct{ cause secrets.Secret }
	getter  interface{ Reveal() string }
)

func (f failure) Error() string { return fmt.Sprintf("failure over %v", f.cause) }

// containers are what a secret may be in when it is printed.
func containers(s secrets.Secret) map[string]any {
	ch := make(chan secrets.Secret, 1)
	ch <- s
	close(ch) // templates range over it
	var pointer atomic.Pointer[secrets.Secret]
	pointer.Store(&s)
	var value atomic.Value
	value.Store(s)
	var syncMap sync.Map
	syncMap.Store("password", s)
	ptr := &s
	return map[string]any{
		"the secret":                     s,
		"a pointer":                      ptr,
		"a pointer to a pointer":         &ptr,
		"an exported field":              inField{s},
		"a pointer to an exported field": &inField{s},
		"an unexported field":            unseen{s},
		"a pointer to an unexported one": &unseen{s},
		"a pointer in an unexported one": byPtr{&s},
		"an embedded field":              embedded{s, "app"},
		"a pointer to an embedded field": &embedded{s, "app"},
		"a generic struct":               pair[any]{s, &s},
		"an anonymous struct":            struct{ A, b any }{s, s},
		"a slice":                        []secrets.Secret{s, s},
		"a slice of pointers":            []*secrets.Secret{&s},
		"an array":                       [2]secrets.Secret{s, s},
		"a slice of interfaces":          []any{1, s, &s},
		"a map":                          map[string]secrets.Secret{"password": s},
		"a map of pointers":              map[string]*secrets.Secret{"password": &s},
		"a map of structs":               map[string]unseen{"db": {s}},
		"a map of interfaces":            map[string]any{"password": s, "db": unseen{s}},
		"all of it":                      &deep{"db", map[string][]any{"x": {unseen{s}, &byPtr{&s}, []any{s}}}},
		"an interface":                   getter(s),
		"a channel":                      ch,
		"a func":                         func() secrets.Secret { return s },
		"a method":                       s.Version,
		"an error":                       failure{s},
		"a pointer to an error":          &failure{s},
		"a wrapped error":                fmt.Errorf("around: %w", failure{s}),
		"joined errors":                  errors.Join(errors.New("a"), failure{s}),
		"an atomic.Pointer":              &pointer,
		"an atomic.Value":                &value,
		"a sync.Map":                     &syncMap,
		"a slog.Value":                   slog.AnyValue(s),
		"a slog.Attr":                    slog.Any("password", unseen{s}),
		"a reflect.Value":                reflect.ValueOf(unseen{s}),
		"a context":                      context.WithValue(context.Background(), unseen{}.key(), s),
	}
}

func (unseen) key() any { return "key" }

func TestNoPrinterShowsASecretInAnyContainer(t *testing.T) {
	t.Parallel()
	value := canary.New()
	search := canary.For(value)
	print := printers.All()
	for kind, s := range held(t, value) {
		for place, container := range containers(s) {
			t.Run(kind+" in "+place, func(t *testing.T) {
				t.Parallel()
				for name, p := range print {
					text := p(container)
					if form, found := search.Text(text); found {
						t.Errorf("%s shows the value, %s", name, form)
					}
				}
				assert.Empty(t, search.Walk(container), "reflection sees the value")
			})
		}
	}
}

// fmt asks Format before GoString, so that no printer above comes to it.
func TestTheGoSyntaxOfASecretIsRedacted(t *testing.T) {
	t.Parallel()
	value := canary.New()
	for kind, s := range held(t, value) {
		var printed fmt.GoStringer = s
		assert.Equal(t, "[REDACTED]", printed.GoString(), kind)
	}
}

func TestThePrintersWouldShowAStringThere(t *testing.T) {
	t.Parallel()
	// The counterpart of the test above: it can fail.
	value := canary.New()
	search := canary.For(value)
	type plain struct{ Password string }
	shown := 0
	all := printers.All()
	for name, p := range all {
		if _, found := search.Text(p(plain{value})); found {
			shown++
		} else {
			t.Logf("%s does not show a string in a struct", name)
		}
	}
	assert.Greater(t, shown, len(all)/2, "of %d printers", len(all))
	assert.NotEmpty(t, search.Walk(plain{value}))
}

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

func (takesAll) Connect(context.Context) (driver.Conn, error) { return takesAll{}, nil }

func (takesAll) Driver() driver.Driver { return nil }

func (takesAll) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }

func (takesAll) Close() error { return nil }

func (takesAll) Begin() (driver.Tx, error) { return nil, driver.ErrSkip }

func (takesAll) Exec(string, []driver.Value) (driver.Result, error) { return nil, errTaken }

func (takesAll) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return nil, errTaken
}
