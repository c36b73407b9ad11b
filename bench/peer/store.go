// What the service needs of a database, and the errors that it knows. Each database has its own file.

package main

import (
	"context"
	"errors"

	chinookv1 "protostore/bench/gen/chinook/v1"
)

var (
	errNotFound      = errors.New("not found")
	errAlreadyExists = errors.New("already exists")
	errNoSupportRep  = errors.New("support_rep does not exist")
)

type store interface {
	getCustomer(ctx context.Context, id int64) (*chinookv1.Customer, error)
	// listCustomers returns at most limit customers whose id is greater than after.
	listCustomers(ctx context.Context, after int64, limit int) ([]*chinookv1.Customer, error)
	createCustomer(ctx context.Context, c *newCustomer) (*chinookv1.Customer, error)
	// createCustomers writes all customers or none.
	createCustomers(ctx context.Context, batch []*newCustomer) ([]*chinookv1.Customer, error)
	close()
}
