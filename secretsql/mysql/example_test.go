package mysql_test

import (
	"database/sql"
	"errors"
	"fmt"
	"log"

	"github.com/go-sql-driver/mysql"

	"github.com/go-secrets/secrets/secretsql"
	secretmysql "github.com/go-secrets/secrets/secretsql/mysql"
)

// The name stands for a document with username and password, wherever
// SECRETS_URL says. Open does no I/O.
func ExampleOpen() {
	db, err := secretmysql.Open(nil, "mysql-credentials", "tcp(db.internal:3306)/app?tls=true")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(20)
}

// With a configuration of your own, and a secret that is the password alone.
func ExampleNew() {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.DBName = "tcp", "db.internal:3306", "app"
	db := sql.OpenDB(secretmysql.New(nil, "mysql/root-password", cfg, secretsql.WithUser("root")))
	defer db.Close()
}

// Code that makes its own connections tells a refusal from other failures.
func ExampleRejected() {
	fmt.Println(secretmysql.Rejected(&mysql.MySQLError{Number: 1045, Message: "Access denied"}))
	fmt.Println(secretmysql.Rejected(errors.New("connection reset by peer")))
	// Output:
	// true
	// false
}
