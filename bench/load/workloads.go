// The workloads: which clients there are, how many, and what each asks for next. It measures nothing
// and starts no clients.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"

	chinookv1 "protostore/bench/gen/chinook/v1"
)

const (
	preparedRequests = 8192
	pagesMax         = 200
)

// group is a number of like clients: each of the connections has a number of calls in flight.
type group struct {
	name        string
	method      string
	connections int
	streams     int
	requests    [][]byte // encoded; each call takes one at random
	check       checker
}

func (g *group) next(random *rand.Rand) []byte { return g.requests[random.IntN(len(g.requests))] }

// workload is what a command runs; the figures of the first group are the command's.
func workload(command string, o options) ([]*group, error) {
	with := func(g *group, err error) ([]*group, error) {
		if o.connections > 0 {
			g.connections = o.connections
		}
		if o.streams > 0 {
			g.streams = o.streams
		}
		return []*group{g}, err
	}
	switch command {
	case "echo":
		return with(&group{"echo", healthMethod, 8, 8, [][]byte{{}}, checkServing}, nil)
	case "get":
		return with(getGroup(o, 8, 8), nil)
	case "create":
		return with(createGroup(8, 8), nil)
	case "list":
		return with(listGroup(o, o.pageSize, 4, 2))
	case "batch":
		return with(&group{"batch", service + "BatchCreateCustomers", 4, 1, batchRequests(4, batchSize), checkBatch}, nil)
	case "mixed":
		list, err := listGroup(o, 1000, 4, 1)
		return []*group{getGroup(o, o.clients, 1), createGroup(16, 1), list}, err
	}
	return nil, fmt.Errorf("there is no such command\n%s", usage)
}

func getGroup(o options, connections, streams int) *group {
	random := newRandom(3)
	requests := make([][]byte, preparedRequests)
	for i := range requests {
		id := o.first + random.Int64N(o.last-o.first+1)
		requests[i] = encode(&chinookv1.GetCustomerRequest{Name: fmt.Sprintf("customers/%d", id)})
	}
	return &group{"get", service + "GetCustomer", connections, streams, requests, checkGet}
}

func createGroup(connections, streams int) *group {
	requests := createRequests(preparedRequests)
	return &group{"create", service + "CreateCustomer", connections, streams, requests, checkCreate}
}

// listGroup walks through the table once for the tokens of its pages, so that they can be asked for
// in any order. The last page is left out, as it may not be full.
func listGroup(o options, pageSize, connections, streams int) (*group, error) {
	g := &group{"list", service + "ListCustomers", connections, streams, nil, checkList}
	conn, err := dial(o.address, windowBytes)
	if err != nil {
		return g, err
	}
	defer conn.Close()
	token := ""
	for len(g.requests) < pagesMax {
		request := encode(&chinookv1.ListCustomersRequest{PageSize: int32(pageSize), PageToken: token})
		answer, err := call(context.Background(), conn, g.method, request)
		if err != nil {
			return g, err
		}
		var page chinookv1.ListCustomersResponse
		if err := proto.Unmarshal(answer, &page); err != nil {
			return g, err
		}
		if len(page.Customers) < pageSize || page.NextPageToken == "" {
			break
		}
		// The sample customers that come first have not all fields that a seeded one has.
		if token != "" {
			g.requests = append(g.requests, request)
		}
		token = page.NextPageToken
	}
	if len(g.requests) == 0 {
		return g, fmt.Errorf("too few customers for pages of %d", pageSize)
	}
	return g, nil
}
