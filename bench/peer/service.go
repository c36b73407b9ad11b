// The gRPC service: requests in, messages and typed errors out. It holds no SQL, and no client is told
// what the database says.

package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	chinookv1 "protostore/bench/gen/chinook/v1"
)

const (
	pageSizeDefault = 50
	pageSizeMax     = 1000
	batchSizeMax    = 1000
)

type customerService struct {
	chinookv1.UnimplementedCustomerServiceServer
	store store
}

func (s *customerService) GetCustomer(ctx context.Context, r *chinookv1.GetCustomerRequest) (*chinookv1.Customer, error) {
	id, err := parseName("customers/", r.Name)
	if err != nil {
		return nil, statusOf(&fieldError{"name", err.Error()})
	}
	customer, err := s.store.getCustomer(ctx, id)
	return customer, statusOf(err)
}

func (s *customerService) ListCustomers(ctx context.Context, r *chinookv1.ListCustomersRequest) (*chinookv1.ListCustomersResponse, error) {
	pageSize := int(r.PageSize)
	switch {
	case pageSize < 0:
		return nil, statusOf(&fieldError{"page_size", "is negative"})
	case pageSize == 0:
		pageSize = pageSizeDefault
	case pageSize > pageSizeMax:
		pageSize = pageSizeMax
	}
	var after int64
	if r.PageToken != "" {
		var err error
		if after, err = parseID(r.PageToken); err != nil {
			return nil, statusOf(&fieldError{"page_token", "is not one that a List has given"})
		}
	}
	// One more than the page shows whether there is another.
	customers, err := s.store.listCustomers(ctx, after, pageSize+1)
	if err != nil {
		return nil, statusOf(err)
	}
	response := &chinookv1.ListCustomersResponse{Customers: customers}
	if len(customers) > pageSize {
		response.Customers = customers[:pageSize]
		last, err := parseName("customers/", customers[pageSize-1].Name)
		if err != nil {
			return nil, statusOf(err)
		}
		response.NextPageToken = strconv.FormatInt(last, 10)
	}
	return response, nil
}

func (s *customerService) CreateCustomer(ctx context.Context, r *chinookv1.CreateCustomerRequest) (*chinookv1.Customer, error) {
	checked, err := checkCustomer(r.Customer, r.CustomerId)
	if err != nil {
		return nil, statusOf(err)
	}
	customer, err := s.store.createCustomer(ctx, checked)
	return customer, statusOf(err)
}

func (s *customerService) BatchCreateCustomers(ctx context.Context, r *chinookv1.BatchCreateCustomersRequest) (*chinookv1.BatchCreateCustomersResponse, error) {
	if len(r.Requests) == 0 {
		return nil, statusOf(&fieldError{"requests", "is required"})
	}
	if len(r.Requests) > batchSizeMax {
		return nil, statusOf(&fieldError{"requests", fmt.Sprintf("has more than %d elements", batchSizeMax)})
	}
	batch := make([]*newCustomer, len(r.Requests))
	for i, request := range r.Requests {
		checked, err := checkCustomer(request.Customer, request.CustomerId)
		var field *fieldError
		if errors.As(err, &field) {
			return nil, statusOf(&fieldError{fmt.Sprintf("requests[%d].%s", i, field.field), field.description})
		}
		batch[i] = checked
	}
	customers, err := s.store.createCustomers(ctx, batch)
	if err != nil {
		return nil, statusOf(err)
	}
	return &chinookv1.BatchCreateCustomersResponse{Customers: customers}, nil
}

// statusOf is what the client is told of an error; nil stays nil.
func statusOf(err error) error {
	var field *fieldError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &field):
		violation := &errdetails.BadRequest_FieldViolation{Field: field.field, Description: field.description}
		return withDetails(status.New(codes.InvalidArgument, field.Error()),
			&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{violation}})
	case errors.Is(err, errNotFound):
		return status.Error(codes.NotFound, "there is no such customer")
	case errors.Is(err, errAlreadyExists):
		return status.Error(codes.AlreadyExists, "the customer exists")
	case errors.Is(err, errNoSupportRep):
		return status.Error(codes.FailedPrecondition, errNoSupportRep.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	}
	log.Printf("peer: %v", err)
	return status.Error(codes.Internal, "the database failed")
}

func withDetails(s *status.Status, details *errdetails.BadRequest) error {
	if detailed, err := s.WithDetails(details); err == nil {
		return detailed.Err()
	}
	return s.Err()
}
