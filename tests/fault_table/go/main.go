// The load of the fault table on the real Go client: a plan as one line of JSON on standard input, then each call and
// each event as a line of JSON on standard output, until standard input ends.
// With an argument it tells its version.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/etcd/client/v2"
)

// What the README of the client sets "to fail fast when the target endpoint is unavailable".
const headerTimeout = time.Second

type plan struct {
	Endpoints  []string `json:"endpoints"`
	First      string   `json:"first"`
	Dir        string   `json:"dir"`
	Calls      string   `json:"calls"`
	AfterIndex uint64   `json:"after_index"`
	Threads    int      `json:"threads"`
	PaceMs     int64    `json:"pace_ms"`
	DeadlineMs int64    `json:"deadline_ms"`
}

// line has exactly one field set.
type line struct {
	Call  *call  `json:"call,omitempty"`
	Event *event `json:"event,omitempty"`
}

// output is written by one goroutine at a time.
type output struct {
	lock  sync.Mutex
	lines *json.Encoder
}

func (o *output) write(l line) {
	o.lock.Lock()
	defer o.lock.Unlock()
	if err := o.lines.Encode(l); err != nil {
		fail("a line cannot be written: %v", err)
	}
}

func main() {
	if len(os.Args) > 1 {
		fmt.Println(version())
		return
	}
	input := bufio.NewReader(os.Stdin)
	first, err := input.ReadBytes('\n')
	if err != nil {
		fail("no plan: %v", err)
	}
	var p plan
	if err := json.Unmarshal(first, &p); err != nil {
		fail("not a plan: %v: %s", err, first)
	}
	out := &output{lines: json.NewEncoder(os.Stdout)}

	watching, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	var running sync.WaitGroup
	calls, events := client.NewKeysAPI(pinned(p)), client.NewKeysAPI(pinned(p))
	for number := 0; number < p.Threads; number++ {
		running.Add(1)
		go func(number int) {
			defer running.Done()
			newThread(p, calls, number).run(stopped, out)
		}(number)
	}
	running.Add(1)
	go func() {
		defer running.Done()
		watch(watching, events, p, out)
	}()

	_, _ = io.Copy(io.Discard, input)
	close(stopped)
	stop()
	running.Wait()
}

// pinned makes clients until the shuffle of one begins with the wanted endpoint.
func pinned(p plan) client.Client {
	for {
		made, err := client.New(client.Config{Endpoints: p.Endpoints, HeaderTimeoutPerRequest: headerTimeout})
		if err != nil {
			fail("no client: %v", err)
		}
		if made.Endpoints()[0] == p.First {
			return made
		}
	}
}

func version() string {
	const path = "go.etcd.io/etcd/client/v2"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == path {
				return path + " " + module.Version + ", " + runtime.Version()
			}
		}
	}
	return path + ", " + runtime.Version()
}

// now is the wall clock in microseconds, which the test compares with its own.
func now() int64 {
	return time.Now().UnixMicro()
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}
