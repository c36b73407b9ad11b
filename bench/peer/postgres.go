// Reads and writes customers in PostgreSQL, through a pool whose connections prepare each statement once.
// It leaves the gRPC status to the service.

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	chinookv1 "protostore/bench/gen/chinook/v1"
)

//go:embed postgres.sql
var postgresSchema string

const (
	postgresGet    = `SELECT ` + columns + ` FROM customers WHERE CustomerId = $1`
	postgresList   = `SELECT ` + columns + ` FROM customers WHERE CustomerId > $1 ORDER BY CustomerId LIMIT $2`
	postgresInsert = `INSERT INTO customers (` + columns + `)
		VALUES (coalesce($1, nextval('customers_id')), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
			$14, $15, $16, $17, $18)
		RETURNING CustomerId`
)

type postgresStore struct{ pool *pgxpool.Pool }

func openPostgres(url string, connections int) (*postgresStore, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns, config.MinConns = int32(connections), int32(connections)
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(context.Background(), postgresSchema); err != nil {
		pool.Close()
		return nil, fmt.Errorf("schema: %w", err)
	}
	return &postgresStore{pool}, nil
}

func (s *postgresStore) close() { s.pool.Close() }

func (s *postgresStore) getCustomer(ctx context.Context, id int64) (*chinookv1.Customer, error) {
	customer, err := scanCustomer(s.pool.QueryRow(ctx, postgresGet, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errNotFound
	}
	return customer, err
}

func (s *postgresStore) listCustomers(ctx context.Context, after int64, limit int) ([]*chinookv1.Customer, error) {
	rows, err := s.pool.Query(ctx, postgresList, after, limit)
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

// createCustomer writes one customer; PostgreSQL makes the statement a transaction of its own.
func (s *postgresStore) createCustomer(ctx context.Context, c *newCustomer) (*chinookv1.Customer, error) {
	now := time.Now()
	values, err := c.values(now)
	if err != nil {
		return nil, err
	}
	return createdBy(s.pool.QueryRow(ctx, postgresInsert, values...), c, now)
}

func (s *postgresStore) createCustomers(ctx context.Context, batch []*newCustomer) ([]*chinookv1.Customer, error) {
	now := time.Now()
	var inserts pgx.Batch
	for _, c := range batch {
		values, err := c.values(now)
		if err != nil {
			return nil, err
		}
		inserts.Queue(postgresInsert, values...)
	}
	created := make([]*chinookv1.Customer, len(batch))
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		results := tx.SendBatch(ctx, &inserts)
		defer results.Close()
		for i, c := range batch {
			var err error
			if created[i], err = createdBy(results.QueryRow(), c, now); err != nil {
				return err
			}
		}
		return results.Close()
	})
	return created, err
}

func createdBy(row pgx.Row, c *newCustomer, now time.Time) (*chinookv1.Customer, error) {
	var id int64
	if err := row.Scan(&id); err != nil {
		return nil, postgresError(err)
	}
	return c.created(id, now), nil
}

func postgresError(err error) error {
	var failure *pgconn.PgError
	if !errors.As(err, &failure) {
		return err
	}
	switch failure.Code {
	case "23505":
		return errAlreadyExists
	case "23503":
		return errNoSupportRep
	}
	return err
}
