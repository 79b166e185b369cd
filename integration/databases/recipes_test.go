package databases_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/go-secrets/secrets"
	"github.com/go-secrets/secrets/integration/databases/queries"
	"github.com/go-secrets/secrets/integration/databases/queriessql"
	"github.com/go-secrets/secrets/integration/internal/pgserver"
	secretpgx "github.com/go-secrets/secrets/secretsql/pgx"
	secretpgxpool "github.com/go-secrets/secrets/secretsql/pgxpool"
)

// A note is a row of the recipes' table.
type note struct {
	ID   int64  `gorm:"primaryKey" db:"id"`
	Text string `db:"text"`
}

// TableName is what GORM asks for.
func (note) TableName() string { return "notes" }

// recipes are how libraries are opened on a pool whose password rotates: each
// returns a query that adds a note and counts those of others.
var recipes = map[string]func(t *testing.T, r *secrets.Resolver, dsn string) func(ctx context.Context, text string) (int64, error){
	"GORM": func(t *testing.T, r *secrets.Resolver, dsn string) func(context.Context, string) (int64, error) {
		return onGORM(t, r, dsn, false)
	},
	"GORM with prepared statements": func(t *testing.T, r *secrets.Resolver, dsn string) func(context.Context, string) (int64, error) {
		return onGORM(t, r, dsn, true)
	},
	"sqlx":                 onSQLX,
	"sqlc on pgxpool":      onSQLC,
	"sqlc on database sql": onSQLCPrepared,
	"ent":                  onEnt,
}

func opened(t *testing.T, r *secrets.Resolver, dsn string) *sql.DB {
	t.Helper()
	db, err := secretpgx.Open(r, "db", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(5)
	db.SetConnMaxLifetime(300 * time.Millisecond) // new ones are made in every moment of a rotation
	return db
}

func onGORM(t *testing.T, r *secrets.Resolver, dsn string, prepared bool) func(context.Context, string) (int64, error) {
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: opened(t, r, dsn)}), &gorm.Config{PrepareStmt: prepared, Logger: logger.Discard})
	require.NoError(t, err)
	return func(ctx context.Context, text string) (n int64, err error) {
		err = db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(&note{Text: text}).Error; err != nil {
				return err
			}
			return tx.Model(&note{}).Where("text <> ?", text).Count(&n).Error
		})
		return n, err
	}
}

func onSQLX(t *testing.T, r *secrets.Resolver, dsn string) func(context.Context, string) (int64, error) {
	db := sqlx.NewDb(opened(t, r, dsn), "pgx") // the name says that arguments are $1, $2
	return func(ctx context.Context, text string) (n int64, err error) {
		if _, err := db.NamedExecContext(ctx, "INSERT INTO notes (text) VALUES (:text)", note{Text: text}); err != nil {
			return 0, err
		}
		err = db.GetContext(ctx, &n, db.Rebind("SELECT count(*) FROM notes WHERE text <> ?"), text)
		return n, err
	}
}

func onSQLC(t *testing.T, r *secrets.Resolver, dsn string) func(context.Context, string) (int64, error) {
	pool, err := secretpgxpool.New(t.Context(), r, "db", dsn+"&pool_max_conns=5&pool_max_conn_lifetime=300ms")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	q := queries.New(pool)
	return func(ctx context.Context, text string) (n int64, err error) {
		err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return q.WithTx(tx).AddNote(ctx, text) })
		if err != nil {
			return 0, err
		}
		return q.CountNotes(ctx, text)
	}
}

func onSQLCPrepared(t *testing.T, r *secrets.Resolver, dsn string) func(context.Context, string) (int64, error) {
	q, err := queriessql.Prepare(t.Context(), opened(t, r, dsn))
	require.NoError(t, err)
	return q.CountNotes
}

func onEnt(t *testing.T, r *secrets.Resolver, dsn string) func(context.Context, string) (int64, error) {
	// A generated client is made of it: ent.NewClient(ent.Driver(driver)).
	driver := entsql.OpenDB(dialect.Postgres, opened(t, r, dsn))
	return func(ctx context.Context, text string) (n int64, err error) {
		tx, err := driver.Tx(ctx)
		if err != nil {
			return 0, err
		}
		insert, args := entsql.Dialect(dialect.Postgres).Insert("notes").Columns("text").Values(text).Query()
		var added sql.Result
		if err := tx.Exec(ctx, insert, args, &added); err != nil {
			return 0, errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(); err != nil {
			return 0, err
		}
		table := entsql.Table("notes")
		query, args := entsql.Dialect(dialect.Postgres).Select(entsql.Count("*")).From(table).Where(entsql.NEQ("text", text)).Query()
		rows := &entsql.Rows{}
		if err := driver.Query(ctx, query, args, rows); err != nil {
			return 0, err
		}
		defer rows.Close()
		count, err := entsql.ScanInt64(rows)
		return count, err
	}
}

func TestLibrariesOnAPoolWhosePasswordRotatesFailNoQuery(t *testing.T) {
	t.Parallel()
	pg := pgserver.Start(t)
	dsn := "postgres://" + pg.Addr() + "/postgres?sslmode=disable"
	pg.Exec(t, "CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL)")
	pg.Exec(t, "INSERT INTO notes (text) VALUES ('first')")
	for name, open := range recipes {
		t.Run(name, func(t *testing.T) {
			user := "lib_" + strings.ReplaceAll(strings.ToLower(name), " ", "_")
			role(t, pg, user, "password-0")
			pg.Exec(t, "GRANT ALL ON notes TO "+user)
			r, p := held(t, user, "password-0")
			query := open(t, r, dsn)
			l := start(t, 5, func(ctx context.Context, _ int64) error {
				n, err := query(ctx, name)
				if err == nil && n == 0 {
					err = errors.New("the first note is gone")
				}
				return err
			})
			pause(t, 500*time.Millisecond)
			for n := 1; n <= 2; n++ {
				password := fmt.Sprintf("password-%d", n)
				role(t, pg, user, password) // the database first
				pause(t, lag/3)
				p.Set("db", document(user, password))
				pause(t, 1500*time.Millisecond)
			}
			l.end(t)
		})
	}
}
