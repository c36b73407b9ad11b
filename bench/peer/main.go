// Command peer is what the field would build in place of protostore: grpc-go with database/sql and
// go-sqlite3, or with pgx, and one table with a JSON column. It is the other side of the benchmark and nothing else;
// it knows nothing of our file format and must stay as a competent Go engineer would write it.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/mattn/go-sqlite3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	chinookv1 "protostore/bench/gen/chinook/v1"
)

func main() {
	log.SetFlags(0)
	database := flag.String("database", "peer.db", "the database file, made if it is absent, or postgres://…")
	address := flag.String("address", "127.0.0.1:50052", "where to listen, host:port")
	synchronous := flag.String("synchronous", "NORMAL", "FULL syncs each commit, NORMAL only checkpoints")
	readPool := flag.Int("read-pool", 0, "read-only connections beside the one that writes; 0 reads on that one")
	pool := flag.Int("pool", 16, "connections to PostgreSQL")
	version := flag.Bool("version", false, "prints what this is made of")
	flag.Parse()
	if *version {
		sqlite, _, _ := sqlite3.Version()
		fmt.Printf("%s, grpc-go %s, SQLite %s, pgx %s\n", runtime.Version(), grpc.Version, sqlite, versionOf("github.com/jackc/pgx/v5"))
		return
	}
	store, err := openStore(*database, strings.ToUpper(*synchronous), *readPool, *pool)
	if err != nil {
		log.Fatalf("peer: %v", err)
	}
	defer store.close()
	if err := serve(store, *address); err != nil {
		log.Fatalf("peer: %v", err)
	}
}

func openStore(database, synchronous string, readPool, pool int) (store, error) {
	if strings.HasPrefix(database, "postgres://") {
		return openPostgres(database, pool)
	}
	if synchronous != "FULL" && synchronous != "NORMAL" {
		return nil, fmt.Errorf("-synchronous is FULL or NORMAL, not %q", synchronous)
	}
	return openSQLite(database, synchronous, readPool)
}

func versionOf(module string) string {
	build, _ := debug.ReadBuildInfo()
	for _, dependency := range build.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "unknown"
}

func serve(store store, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	chinookv1.RegisterCustomerServiceServer(server, &customerService{store: store})
	healthpb.RegisterHealthServer(server, health.NewServer())

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-stop
		server.GracefulStop()
	}()
	return server.Serve(listener)
}
