// Command load asks a server and measures its answers. Requests are encoded before the clock starts
// and answers are looked at, not decoded, so that the client is not what is measured. It prints one
// line of JSON; it starts no server and knows nothing of databases.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"time"
)

type options struct {
	address     string
	connections int
	streams     int
	warmUp      time.Duration
	measured    time.Duration
	first, last int64 // the ids that are there
	rows        int   // seed: how many to create
	pageSize    int
	rateKB      int // export: how fast the reader is
	clients     int // mixed: how many of them Get
}

const usage = `usage: load COMMAND [flags]

wait      waits until the server is SERVING
seed      creates -rows customers and prints the ids that they got
echo      grpc.health.v1.Health/Check, the empty call
get       GetCustomer of a random id from -first to -last
create    CreateCustomer
list      ListCustomers, pages of -page-size taken at random
batch     BatchCreateCustomers of 1000
mixed     16 clients Create, 4 list 1000 rows, -clients Get: the figures are those of Get
export    protostore.v1.StoreService/Export, read at -rate for -measured, then to the end at once
`

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	command := os.Args[1]
	var o options
	flags := flag.NewFlagSet(command, flag.ExitOnError)
	flags.StringVar(&o.address, "address", "127.0.0.1:50051", "the server, host:port")
	flags.IntVar(&o.connections, "connections", 0, "connections; 0 is what suits the command")
	flags.IntVar(&o.streams, "streams", 0, "calls at once on each connection; 0 is what suits the command")
	flags.DurationVar(&o.warmUp, "warm-up", 2*time.Second, "how long to call before measuring")
	flags.DurationVar(&o.measured, "measured", 5*time.Second, "how long to measure")
	flags.Int64Var(&o.first, "first", 1, "the lowest id to Get")
	flags.Int64Var(&o.last, "last", 1, "the highest id to Get")
	flags.IntVar(&o.rows, "rows", 10_000, "how many customers to seed")
	flags.IntVar(&o.pageSize, "page-size", 100, "the rows of a page")
	flags.IntVar(&o.rateKB, "rate", 1024, "kilobytes a second that the reader of an export takes")
	flags.IntVar(&o.clients, "clients", 16, "clients that Get in the mixed load")
	if err := flags.Parse(os.Args[2:]); err != nil {
		log.Fatalf("load: %v", err)
	}
	result, err := run(command, o)
	if err == nil && result != nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		log.Fatalf("load %s: %v", command, err)
	}
	if r, ok := result.(*report); ok && len(r.Errors) > 0 {
		os.Exit(1)
	}
}

func run(command string, o options) (any, error) {
	switch command {
	case "wait":
		return nil, wait(o)
	case "seed":
		return seed(o)
	case "export":
		return export(o)
	}
	groups, err := workload(command, o)
	if err != nil {
		return nil, err
	}
	return measure(command, groups, o)
}
