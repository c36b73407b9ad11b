// What the first answers must hold: a server that is fast because it leaves something out fails here.
// It makes no calls.

package main

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	chinookv1 "protostore/bench/gen/chinook/v1"
)

// checker says what is wrong with an answer to a request, nil if nothing is.
type checker func(request, answer []byte) error

func checkServing(_, answer []byte) error {
	// Field 1, the number 1: SERVING.
	if string(answer) != "\x08\x01" {
		return fmt.Errorf("health is % x", answer)
	}
	return nil
}

func checkGet(request, answer []byte) error {
	var asked chinookv1.GetCustomerRequest
	var got chinookv1.Customer
	if err := decode(request, &asked, answer, &got); err != nil {
		return err
	}
	if got.Name != asked.Name {
		return fmt.Errorf("asked for %s, got %s", asked.Name, got.Name)
	}
	return checkWhole(&got)
}

func checkCreate(request, answer []byte) error {
	var asked chinookv1.CreateCustomerRequest
	var got chinookv1.Customer
	if err := decode(request, &asked, answer, &got); err != nil {
		return err
	}
	return checkCreated(asked.Customer, &got)
}

func checkBatch(request, answer []byte) error {
	var asked chinookv1.BatchCreateCustomersRequest
	var got chinookv1.BatchCreateCustomersResponse
	if err := decode(request, &asked, answer, &got); err != nil {
		return err
	}
	if len(got.Customers) != len(asked.Requests) {
		return fmt.Errorf("asked for %d customers, got %d", len(asked.Requests), len(got.Customers))
	}
	for i, created := range got.Customers {
		if err := checkCreated(asked.Requests[i].Customer, created); err != nil {
			return err
		}
	}
	return nil
}

func checkList(request, answer []byte) error {
	var asked chinookv1.ListCustomersRequest
	var got chinookv1.ListCustomersResponse
	if err := decode(request, &asked, answer, &got); err != nil {
		return err
	}
	if len(got.Customers) != int(asked.PageSize) {
		return fmt.Errorf("asked for %d customers, got %d", asked.PageSize, len(got.Customers))
	}
	return checkWhole(got.Customers[len(got.Customers)-1])
}

// checkWhole holds a customer that this program has seeded to what is in every one of them.
func checkWhole(c *chinookv1.Customer) error {
	whole := c.Email != "" && c.SupportRep != "" && c.Status == chinookv1.Customer_ACTIVE &&
		c.Etag != "" && c.CreateTime != nil && c.UpdateTime != nil &&
		c.Preferences.GetQuietHours() != nil && len(c.Tags) == 2 &&
		c.Loyalty.GetJoinTime() != nil && len(c.Attributes) == 2 && c.GetContactEmail() == c.Email
	if !whole {
		return fmt.Errorf("not the customer that was created: %v", c)
	}
	return nil
}

func checkCreated(asked, got *chinookv1.Customer) error {
	if err := checkWhole(got); err != nil {
		return err
	}
	sent := proto.CloneOf(got)
	sent.Name, sent.Etag, sent.CreateTime, sent.UpdateTime, sent.Status = "", "", nil, nil, 0
	if !proto.Equal(sent, asked) {
		return fmt.Errorf("sent %v, got %v", asked, got)
	}
	return nil
}

func decode(request []byte, asked proto.Message, answer []byte, got proto.Message) error {
	if err := proto.Unmarshal(request, asked); err != nil {
		return err
	}
	return proto.Unmarshal(answer, got)
}

// countField counts how often a message has the length-delimited field, without decoding it.
func countField(message []byte, field protowire.Number) (int, error) {
	count := 0
	for len(message) > 0 {
		number, _, n := protowire.ConsumeField(message)
		if n < 0 {
			return 0, protowire.ParseError(n)
		}
		if number == field {
			count++
		}
		message = message[n:]
	}
	return count, nil
}
