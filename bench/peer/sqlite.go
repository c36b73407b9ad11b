// Reads and writes customers in SQLite. One connection does everything unless there is a pool of
// readers beside it. It leaves the gRPC status to the service.

package main

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/mattn/go-sqlite3"

	chinookv1 "protostore/bench/gen/chinook/v1"
)

//go:embed sqlite.sql
var sqliteSchema string

const (
	getSQL    = `SELECT ` + columns + ` FROM customers WHERE CustomerId = ?`
	listSQL   = `SELECT ` + columns + ` FROM customers WHERE CustomerId > ? ORDER BY CustomerId LIMIT ?`
	insertSQL = `INSERT INTO customers (` + columns + `)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

type sqliteStore struct {
	writer, reader    *sql.DB
	get, list, insert *sql.Stmt
}

func openSQLite(path, synchronous string, readPool int) (*sqliteStore, error) {
	options := "?_busy_timeout=5000&_foreign_keys=on&_journal_mode=WAL&_synchronous=" + synchronous
	writer, err := sql.Open("sqlite3", "file:"+path+options+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	s := &sqliteStore{writer: writer, reader: writer}
	if _, err := writer.Exec(sqliteSchema); err != nil {
		s.close()
		return nil, fmt.Errorf("schema: %w", err)
	}
	if readPool > 0 {
		reader, err := sql.Open("sqlite3", "file:"+path+"?mode=ro&_busy_timeout=5000")
		if err != nil {
			s.close()
			return nil, err
		}
		reader.SetMaxOpenConns(readPool)
		reader.SetMaxIdleConns(readPool)
		s.reader = reader
	}
	for _, statement := range []struct {
		prepared **sql.Stmt
		database *sql.DB
		text     string
	}{{&s.get, s.reader, getSQL}, {&s.list, s.reader, listSQL}, {&s.insert, s.writer, insertSQL}} {
		if *statement.prepared, err = statement.database.Prepare(statement.text); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *sqliteStore) close() {
	if s.reader != s.writer {
		s.reader.Close()
	}
	s.writer.Close()
}

func (s *sqliteStore) getCustomer(ctx context.Context, id int64) (*chinookv1.Customer, error) {
	customer, err := scanCustomer(s.get.QueryRowContext(ctx, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNotFound
	}
	return customer, err
}

func (s *sqliteStore) listCustomers(ctx context.Context, after int64, limit int) ([]*chinookv1.Customer, error) {
	rows, err := s.list.QueryContext(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	customers := make([]*chinookv1.Customer, 0, limit)
	for rows.Next() {
		customer, err := scanCustomer(rows)
		if err != nil {
			return nil, err
		}
		customers = append(customers, customer)
	}
	return customers, rows.Err()
}

// createCustomer writes one customer; SQLite makes the statement a transaction of its own.
func (s *sqliteStore) createCustomer(ctx context.Context, c *newCustomer) (*chinookv1.Customer, error) {
	return insertCustomer(ctx, s.insert, c, time.Now())
}

func (s *sqliteStore) createCustomers(ctx context.Context, batch []*newCustomer) ([]*chinookv1.Customer, error) {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	insert := tx.StmtContext(ctx, s.insert)
	now := time.Now()
	created := make([]*chinookv1.Customer, len(batch))
	for i, c := range batch {
		if created[i], err = insertCustomer(ctx, insert, c, now); err != nil {
			return nil, err
		}
	}
	return created, tx.Commit()
}

func insertCustomer(ctx context.Context, insert *sql.Stmt, c *newCustomer, now time.Time) (*chinookv1.Customer, error) {
	values, err := c.values(now)
	if err != nil {
		return nil, err
	}
	result, err := insert.ExecContext(ctx, values...)
	if err != nil {
		return nil, sqliteError(err)
	}
	id, err := result.LastInsertId()
	if err != nil {
		return nil, err
	}
	return c.created(id, now), nil
}

func sqliteError(err error) error {
	var failure sqlite3.Error
	if !errors.As(err, &failure) {
		return err
	}
	switch failure.ExtendedCode {
	case sqlite3.ErrConstraintPrimaryKey, sqlite3.ErrConstraintUnique:
		return errAlreadyExists
	case sqlite3.ErrConstraintForeignKey:
		return errNoSupportRep
	}
	return err
}
