// A customer as a row and back: what is a column, what is JSON, what is refused before anything is
// written. It touches no database.

package main

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	chinookv1 "protostore/bench/gen/chinook/v1"
)

// The columns of a customer, in the order of values and scanCustomer.
const columns = `CustomerId, FirstName, LastName, Company, Address, City, State, Country, PostalCode,
	Phone, Fax, Email, SupportRepId, status, data, revision, created_at, updated_at`

const timeLayout = "2006-01-02T15:04:05.000Z"

// fieldError is a field of a request that cannot be accepted.
type fieldError struct{ field, description string }

func (e *fieldError) Error() string { return e.field + ": " + e.description }

// newCustomer is a customer that has passed the checks.
type newCustomer struct {
	message    *chinookv1.Customer
	id         int64 // 0: the database chooses
	supportRep sql.NullInt64
}

func checkCustomer(c *chinookv1.Customer, customerID string) (*newCustomer, error) {
	if c == nil {
		return nil, &fieldError{"customer", "is required"}
	}
	checked := &newCustomer{message: c}
	for _, f := range []struct {
		field, value string
		maxLength    int
		required     bool
	}{
		{"given_name", c.GivenName, 40, true},
		{"family_name", c.FamilyName, 20, true},
		{"company", c.GetCompany(), 80, false},
		{"address", c.GetAddress(), 70, false},
		{"city", c.GetCity(), 40, false},
		{"region", c.GetRegion(), 40, false},
		{"country", c.GetCountry(), 40, false},
		{"postal_code", c.GetPostalCode(), 10, false},
		{"phone", c.GetPhone(), 24, false},
		{"fax", c.GetFax(), 24, false},
		{"email", c.Email, 60, true},
	} {
		if f.required && f.value == "" {
			return nil, &fieldError{"customer." + f.field, "is required"}
		}
		if utf8.RuneCountInString(f.value) > f.maxLength {
			return nil, &fieldError{"customer." + f.field, fmt.Sprintf("has more than %d characters", f.maxLength)}
		}
	}
	if c.SupportRep != "" {
		id, err := parseName("employees/", c.SupportRep)
		if err != nil {
			return nil, &fieldError{"customer.support_rep", err.Error()}
		}
		checked.supportRep = sql.NullInt64{Int64: id, Valid: true}
	}
	if customerID != "" {
		id, err := parseID(customerID)
		if err != nil {
			return nil, &fieldError{"customer_id", err.Error()}
		}
		checked.id = id
	}
	if c.Status == chinookv1.Customer_STATUS_UNSPECIFIED {
		c.Status = chinookv1.Customer_ACTIVE
	}
	return checked, nil
}

// values are the row's columns, in the order of the statement.
func (c *newCustomer) values(now time.Time) ([]any, error) {
	m := c.message
	data, err := protojson.Marshal(&chinookv1.Customer{
		Preferences:      m.Preferences,
		Tags:             m.Tags,
		Loyalty:          m.Loyalty,
		Attributes:       m.Attributes,
		PreferredContact: m.PreferredContact,
	})
	if err != nil {
		return nil, err
	}
	at := now.UTC().Format(timeLayout)
	return []any{
		sql.NullInt64{Int64: c.id, Valid: c.id != 0}, m.GivenName, m.FamilyName, m.Company, m.Address,
		m.City, m.Region, m.Country, m.PostalCode, m.Phone, m.Fax, m.Email, c.supportRep,
		int32(m.Status), string(data), 1, at, at,
	}, nil
}

// created is the answer to the request: the message with what the server has added.
func (c *newCustomer) created(id int64, now time.Time) *chinookv1.Customer {
	at := timestamppb.New(now.Truncate(time.Millisecond))
	m := c.message
	m.Name, m.CreateTime, m.UpdateTime, m.Etag = name(id), at, at, etag(1)
	return m
}

type row interface{ Scan(targets ...any) error }

func scanCustomer(r row) (*chinookv1.Customer, error) {
	var (
		c                    chinookv1.Customer
		id, status, revision int64
		supportRep           sql.NullInt64
		data                 []byte
		createdAt, updatedAt string
		givenName, lastName  string
		email                string
		company, address     *string
		city, region         *string
		country, postalCode  *string
		phone, fax           *string
	)
	err := r.Scan(&id, &givenName, &lastName, &company, &address, &city, &region, &country,
		&postalCode, &phone, &fax, &email, &supportRep, &status, &data, &revision, &createdAt, &updatedAt)
	if err != nil {
		return nil, err
	}
	if err := protojson.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("data of customer %d: %w", id, err)
	}
	c.Name, c.GivenName, c.FamilyName, c.Email = name(id), givenName, lastName, email
	c.Company, c.Address, c.City, c.Region, c.Country = company, address, city, region, country
	c.PostalCode, c.Phone, c.Fax = postalCode, phone, fax
	if supportRep.Valid {
		c.SupportRep = "employees/" + strconv.FormatInt(supportRep.Int64, 10)
	}
	c.Status = chinookv1.Customer_Status(status)
	c.Etag = etag(revision)
	if c.CreateTime, err = timestamp(createdAt); err != nil {
		return nil, err
	}
	if c.UpdateTime, err = timestamp(updatedAt); err != nil {
		return nil, err
	}
	return &c, nil
}

func timestamp(text string) (*timestamppb.Timestamp, error) {
	at, err := time.Parse(timeLayout, text)
	if err != nil {
		return nil, err
	}
	return timestamppb.New(at), nil
}

func name(id int64) string { return "customers/" + strconv.FormatInt(id, 10) }

func etag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

func parseName(collection, text string) (int64, error) {
	id, found := strings.CutPrefix(text, collection)
	if !found {
		return 0, fmt.Errorf("is not of the form %s{id}", collection)
	}
	return parseID(id)
}

func parseID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 || strconv.FormatInt(id, 10) != text {
		return 0, fmt.Errorf("%q is not a positive number", text)
	}
	return id, nil
}
