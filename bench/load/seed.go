// Fills a server through BatchCreate, so that its rows are what it would have made of a client's.
// It never opens a database.

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	chinookv1 "protostore/bench/gen/chinook/v1"
)

const seedRequests = 16

// seeded are the ids of the customers; all between them are there.
type seeded struct {
	First         int64   `json:"first"`
	Last          int64   `json:"last"`
	Rows          int     `json:"rows"`
	RowsPerSecond float64 `json:"rowsPerSecond"`
}

func seed(o options) (*seeded, error) {
	conn, err := dial(o.address, windowBytes)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	result := &seeded{}
	size := min(batchSize, o.rows)
	requests := batchRequests(seedRequests, size)
	began := time.Now()
	for result.Rows < o.rows {
		request := requests[result.Rows/size%len(requests)]
		answer, err := call(context.Background(), conn, service+"BatchCreateCustomers", request)
		if err != nil {
			return nil, err
		}
		var created chinookv1.BatchCreateCustomersResponse
		if err := proto.Unmarshal(answer, &created); err != nil {
			return nil, err
		}
		if len(created.Customers) != size {
			return nil, fmt.Errorf("asked for %d customers, got %d", size, len(created.Customers))
		}
		first, last := idOf(created.Customers[0]), idOf(created.Customers[size-1])
		if first == 0 || last-first != int64(size-1) || (result.Rows > 0 && first != result.Last+1) {
			return nil, fmt.Errorf("the ids %d to %d do not follow %d", first, last, result.Last)
		}
		if result.Rows == 0 {
			result.First = first
		}
		result.Last = last
		result.Rows += size
	}
	result.RowsPerSecond = float64(result.Rows) / time.Since(began).Seconds()
	return result, nil
}

func idOf(c *chinookv1.Customer) int64 {
	id, err := strconv.ParseInt(strings.TrimPrefix(c.Name, "customers/"), 10, 64)
	if err != nil {
		return 0
	}
	return id
}
