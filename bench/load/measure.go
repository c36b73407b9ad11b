// The closed loop: every client calls again as soon as it has its answer. Latencies are kept one by
// one, since a histogram would be coarse where it matters, at the top.

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

const (
	// Each client decodes this many of its first answers.
	answersChecked = 3
	// A measurement of slow calls goes on until there are this many, but not for longer than that.
	callsMin       = 20
	overtimeMax    = 30 * time.Second
	overtimeStride = 50 * time.Millisecond
)

// figures are what one group has measured.
type figures struct {
	Calls          int     `json:"calls"`
	CallsPerSecond float64 `json:"callsPerSecond"`
	P50Ms          float64 `json:"p50Ms"`
	P99Ms          float64 `json:"p99Ms"`
	MaxMs          float64 `json:"maxMs"`
}

type report struct {
	Workload string `json:"workload"`
	figures
	Seconds float64 `json:"seconds"`
	// How many cores the client has used: near 1 on one core, the client is what is measured.
	ClientCores float64            `json:"clientCores"`
	Errors      map[string]int     `json:"errors"`
	Others      map[string]figures `json:"others,omitempty"`
}

type client struct {
	group     *group
	ended     *atomic.Int64 // the calls of all clients of the group, while measuring, failed ones too
	conn      *grpc.ClientConn
	latencies []time.Duration
	errors    map[string]int
}

func measure(command string, groups []*group, o options) (*report, error) {
	var clients []*client
	ended := make([]atomic.Int64, len(groups))
	for i, g := range groups {
		for range g.connections {
			conn, err := dial(o.address, windowBytes)
			if err != nil {
				return nil, err
			}
			defer conn.Close()
			for range g.streams {
				clients = append(clients, &client{group: g, ended: &ended[i], conn: conn, errors: map[string]int{}})
			}
		}
	}
	var measuring, stopping atomic.Bool
	var done sync.WaitGroup
	for i, c := range clients {
		done.Go(func() { c.run(uint64(i), &measuring, &stopping) })
	}
	time.Sleep(o.warmUp)
	measuring.Store(true)
	began, cpuBegan := time.Now(), cpuTime()
	time.Sleep(o.measured)
	for ended[0].Load() < callsMin && time.Since(began) < o.measured+overtimeMax {
		time.Sleep(overtimeStride)
	}
	measuring.Store(false)
	elapsed, cpu := time.Since(began), cpuTime()-cpuBegan
	stopping.Store(true)
	done.Wait()

	r := &report{
		Workload:    command,
		Seconds:     elapsed.Seconds(),
		ClientCores: cpu.Seconds() / elapsed.Seconds(),
		Errors:      map[string]int{},
		Others:      map[string]figures{},
	}
	for i, g := range groups {
		var latencies []time.Duration
		for _, c := range clients {
			if c.group == g {
				latencies = append(latencies, c.latencies...)
			}
		}
		if i == 0 {
			r.figures = figuresOf(latencies, elapsed)
		} else {
			r.Others[g.name] = figuresOf(latencies, elapsed)
		}
	}
	for _, c := range clients {
		for code, count := range c.errors {
			r.Errors[code] += count
		}
	}
	if r.Calls == 0 && len(r.Errors) == 0 {
		return nil, fmt.Errorf("no call ended within %v", elapsed.Round(time.Second))
	}
	return r, nil
}

func (c *client) run(seed uint64, measuring, stopping *atomic.Bool) {
	random := newRandom(seed)
	ctx := context.Background()
	r := reply{}
	for calls := 0; !stopping.Load(); calls++ {
		request := c.group.next(random)
		r.keep = calls < answersChecked
		began := time.Now()
		err := c.conn.Invoke(ctx, c.group.method, request, &r)
		took := time.Since(began)
		if err == nil && r.keep {
			if wrong := c.group.check(request, r.bytes); wrong != nil {
				c.errors[fmt.Sprintf("%s: wrong answer: %v", c.group.name, wrong)]++
				return
			}
		}
		if measuring.Load() {
			c.ended.Add(1)
			if err == nil {
				c.latencies = append(c.latencies, took)
			}
		}
		if err != nil {
			c.errors[fmt.Sprintf("%s: %v: %s", c.group.name, status.Code(err), status.Convert(err).Message())]++
			// A client that is refused at once must not spin.
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func figuresOf(latencies []time.Duration, elapsed time.Duration) figures {
	if len(latencies) == 0 {
		return figures{}
	}
	slices.Sort(latencies)
	at := func(quantile float64) float64 {
		return float64(latencies[int(quantile*float64(len(latencies)-1))]) / float64(time.Millisecond)
	}
	return figures{
		Calls:          len(latencies),
		CallsPerSecond: float64(len(latencies)) / elapsed.Seconds(),
		P50Ms:          at(0.5),
		P99Ms:          at(0.99),
		MaxMs:          at(1),
	}
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
