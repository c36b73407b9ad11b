// A reader of an export that is slower than the server: what the server holds back for it is what
// is asked here. The runner looks at the server's memory meanwhile; this only reads.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	resourceType = "chinook.example.com/Customer"
	// ExportRequest.resource_type and ExportResponse.resources.
	resourceTypeField = 1
	resourcesField    = 1
)

type exported struct {
	Workload string  `json:"workload"`
	Messages int     `json:"messages"`
	Rows     int     `json:"rows"`
	Bytes    int64   `json:"bytes"`
	Seconds  float64 `json:"seconds"`
	// What the reader took while it was slow.
	SlowBytes   int64   `json:"slowBytes"`
	SlowSeconds float64 `json:"slowSeconds"`
}

func export(o options) (*exported, error) {
	conn, err := dial(o.address, windowBytesSmall)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, exportMethod)
	if err != nil {
		return nil, err
	}
	request := protowire.AppendTag(nil, resourceTypeField, protowire.BytesType)
	if err := stream.SendMsg(protowire.AppendString(request, resourceType)); err != nil {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	result := &exported{Workload: "export"}
	bytesPerSecond := float64(o.rateKB) * 1000
	began := time.Now()
	for {
		r := reply{keep: true}
		err := stream.RecvMsg(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("after %d rows: %w", result.Rows, err)
		}
		rows, err := countField(r.bytes, resourcesField)
		if err != nil {
			return nil, err
		}
		result.Messages++
		result.Rows += rows
		result.Bytes += int64(r.size)
		if time.Since(began) < o.measured {
			due := time.Duration(float64(result.Bytes) / bytesPerSecond * float64(time.Second))
			time.Sleep(min(due, o.measured) - time.Since(began))
			result.SlowBytes = result.Bytes
			result.SlowSeconds = time.Since(began).Seconds()
		}
	}
	result.Seconds = time.Since(began).Seconds()
	return result, nil
}
