// Connections, and calls whose messages are bytes that pass as they are. It reads no message and
// keeps no figures.

package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

const (
	healthMethod = "/grpc.health.v1.Health/Check"
	service      = "/chinook.v1.CustomerService/"
	exportMethod = "/protostore.v1.StoreService/Export"
	// Wide enough that no page of a List waits for the client to say that it may go on.
	windowBytes = 16 << 20
	// The least that HTTP/2 has: the server is ahead of a slow reader by no more than this.
	windowBytesSmall = 65_535
	messageBytesMax  = 64 << 20
)

// reply is what a call returns: the size of the message, and the bytes only if they are asked for.
type reply struct {
	keep  bool
	size  int
	bytes []byte
}

// rawCodec passes bytes through.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(message any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(message.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, message any) error {
	r := message.(*reply)
	r.size = data.Len()
	if r.keep {
		r.bytes = data.Materialize()
	}
	return nil
}

func dial(address string, window int32) (*grpc.ClientConn, error) {
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(window),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(rawCodec{}),
			grpc.MaxCallRecvMsgSize(messageBytesMax),
		),
	)
}

// call makes one call and returns the bytes of the answer.
func call(ctx context.Context, conn *grpc.ClientConn, method string, request []byte) ([]byte, error) {
	r := reply{keep: true}
	err := conn.Invoke(ctx, method, request, &r)
	return r.bytes, err
}

func wait(o options) error {
	conn, err := dial(o.address, windowBytes)
	if err != nil {
		return err
	}
	defer conn.Close()
	const limit = 60 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for ctx.Err() == nil {
		conn.ResetConnectBackoff()
		answer, err := call(ctx, conn, healthMethod, nil)
		if err == nil && checkServing(nil, answer) == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%s is not SERVING after %v", o.address, limit)
}
