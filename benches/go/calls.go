package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	client "go.etcd.io/etcd/client/v2"
)

const (
	warming = iota
	measuring
	stopping
)

// workload is what benches/workload.h has.
type workload struct {
	key                   string
	valueLength, children int
}

var workloads = map[string]workload{
	"get":       {"/bench/value", 100, 0},
	"put":       {"/bench/put", 100, 0},
	"large":     {"/bench/large", 10240, 0},
	"directory": {"/bench/directory", 0, 1000},
	"listing":   {"/bench/listing", 0, 100000},
	"watch":     {"/bench/watch", 0, 0},
}

var putValue = strings.Repeat("p", 100)

// caller is what a goroutine makes its calls with.
type caller struct {
	keys     client.KeysAPI
	name     string
	workload workload
	number   int
	first    uint64
	watcher  client.Watcher
}

// call makes one call, and says whether its answer is right.
func (c *caller) call(event uint64) bool {
	var response *client.Response
	var err error
	switch c.name {
	case "put":
		response, err = c.keys.Set(context.Background(), c.workload.key+"-"+strconv.Itoa(c.number), putValue, nil)
	case "watch":
		if event == c.first {
			c.watcher = c.keys.Watcher(c.workload.key, &client.WatcherOptions{AfterIndex: event - 1})
		}
		response, err = c.watcher.Next(context.Background())
	default:
		response, err = c.keys.Get(context.Background(), c.workload.key, nil)
	}
	if err != nil || response.Node == nil || response.Index == 0 {
		return false
	}
	if c.name == "watch" {
		return response.Node.ModifiedIndex == event
	}
	return len(response.Node.Value) == c.workload.valueLength && len(response.Node.Nodes) == c.workload.children
}

// measure runs goroutines as benches/measure.h runs threads, and prints the same line.
func measure(arguments arguments, keys client.KeysAPI, name string, goroutines int, seconds float64) {
	first, events := uint64(arguments.number("first", 1)), uint64(arguments.number("events", 0))
	eventOf := func(call uint64) uint64 {
		if events == 0 {
			return first + call
		}
		return first + call%events
	}
	callerOf := func(number int) *caller {
		return &caller{keys: keys, name: name, workload: workloads[name], number: number, first: first}
	}
	if calls := uint64(arguments.number("calls", 0)); calls > 0 {
		makeCalls(callerOf(0), calls, eventOf)
		return
	}

	var phase int32
	var wait sync.WaitGroup
	durations, errors := make([]histogram, goroutines), make([]uint64, goroutines)
	for i := 0; i < goroutines; i++ {
		wait.Add(1)
		go func(number int) {
			defer wait.Done()
			caller := callerOf(number)
			for call := uint64(0); atomic.LoadInt32(&phase) != stopping; call++ {
				begin := time.Now()
				right := caller.call(eventOf(call))
				duration := time.Since(begin)
				if atomic.LoadInt32(&phase) != measuring {
					continue
				}
				if right {
					durations[number].add(uint64(duration))
				} else {
					errors[number]++
				}
			}
		}(i)
	}
	time.Sleep(time.Duration(arguments.number("warm", 0.1) * 1e9))
	before, begin := usageNow(), time.Now()
	atomic.StoreInt32(&phase, measuring)
	time.Sleep(time.Duration(seconds * 1e9))
	elapsed, after := time.Since(begin).Seconds(), usageNow()
	peak, threads, descriptors := status("VmHWM"), status("Threads"), descriptorsNow()
	atomic.StoreInt32(&phase, stopping)
	wait.Wait()

	var all histogram
	failed := uint64(0)
	for i := range durations {
		all.merge(&durations[i])
		failed += errors[i]
	}
	calls := float64(all.count)
	if calls == 0 {
		calls = 1
	}
	fmt.Printf(`{"calls": %d, "errors": %d, "calls_per_second": %.0f, "p50_us": %.2f, "p99_us": %.2f, "cpu_us": %.2f, `+
		`"user_us": %.2f, "switches": %.2f, "peak_kb": %d, "threads": %d, "descriptors": %d}`+"\n",
		all.count, failed, float64(all.count)/elapsed, all.us(0.5), all.us(0.99), (after.all-before.all)/calls,
		(after.user-before.user)/calls, float64(after.switches-before.switches)/calls, peak, threads, descriptors)
}

func makeCalls(caller *caller, calls uint64, eventOf func(uint64) uint64) {
	errors := 0
	for call := uint64(0); call < calls; call++ {
		if !caller.call(eventOf(call)) {
			errors++
		}
		if call == 0 {
			fmt.Println("answered")
		}
	}
	fmt.Printf(`{"calls": %d, "errors": %d, "peak_kb": %d}`+"\n", calls, errors, status("VmHWM"))
	if errors > 0 {
		os.Exit(1)
	}
}
