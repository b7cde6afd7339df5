package main

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	client "go.etcd.io/etcd/client/v2"
)

// waitForDescriptors waits as benches/watches.c does: a watch has a connection of its own.
func waitForDescriptors(count int) {
	for i := 0; descriptorsNow() < count; i++ {
		if i == 6000 {
			panic(fmt.Sprintf("%d descriptors after a minute, and not %d", descriptorsNow(), count))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func idle(keys client.KeysAPI, count int) {
	resident, descriptors := status("VmRSS"), descriptorsNow()
	for i := 0; i < count; i++ {
		watcher := keys.Watcher("/bench/idle/"+strconv.Itoa(i), nil)
		go func() { _, _ = watcher.Next(context.Background()) }()
		if i%500 == 499 {
			waitForDescriptors(descriptors + i + 1)
		}
	}
	waitForDescriptors(descriptors + count)
	time.Sleep(time.Second)
	before := usageNow()
	time.Sleep(time.Second)
	after := usageNow()
	fmt.Printf(`{"watches": %d, "resident_kb": %d, "kb_per_watch": %.2f, "threads": %d, "descriptors": %d, "cpu_ms_per_second": %.2f}`+"\n",
		count, status("VmRSS"), float64(status("VmRSS")-resident)/float64(count), status("Threads"), descriptorsNow(),
		(after.all-before.all)/1e3)
}

func follow(keys client.KeysAPI, events, burst, after uint64, key string) {
	watcher := keys.Watcher(key, &client.WatcherOptions{AfterIndex: after})
	following, begin, last := time.Duration(0), time.Now(), uint64(0)
	before := usageNow()
	for i := uint64(0); i < events; i++ {
		response, err := watcher.Next(context.Background())
		if err != nil {
			panic(err)
		}
		index := response.Node.ModifiedIndex
		if last != 0 && index != last+1 {
			panic(fmt.Sprintf("the event after %d has the index %d", last, index))
		}
		last = index
		if i%burst == 0 {
			begin = time.Now()
		}
		if i%burst == burst-1 {
			following += time.Since(begin)
		}
	}
	used := usageNow().all - before.all
	fmt.Printf(`{"events": %d, "events_per_second": %.0f, "cpu_us": %.3f, "peak_kb": %d}`+"\n", events,
		float64(events-events/burst)/following.Seconds(), used/float64(events), status("VmHWM"))
}

func fanOut(keys client.KeysAPI, count, events int, key, setKey string, after uint64) {
	var heard int64
	var durations histogram
	descriptors := descriptorsNow()
	for i := 0; i < count; i++ {
		watcher := keys.Watcher(key, &client.WatcherOptions{AfterIndex: after})
		go func() {
			for {
				if _, err := watcher.Next(context.Background()); err == nil {
					atomic.AddInt64(&heard, 1)
				}
			}
		}()
	}
	waitForDescriptors(descriptors + count)
	time.Sleep(500 * time.Millisecond)
	before := usageNow()
	for event := 0; event <= events; event++ {
		// The first one is not counted: with it, every connection and buffer is there.
		if event == 1 {
			before = usageNow()
		}
		atomic.StoreInt64(&heard, 0)
		begin := time.Now()
		if _, err := keys.Set(context.Background(), setKey, "event", nil); err != nil {
			panic(err)
		}
		for atomic.LoadInt64(&heard) < int64(count) {
			time.Sleep(100 * time.Microsecond)
		}
		if event > 0 {
			durations.add(uint64(time.Since(begin)))
		}
	}
	used := usageNow().all - before.all
	fmt.Printf(`{"watches": %d, "events": %d, "p50_us": %.1f, "p99_us": %.1f, "cpu_us_per_event": %.1f, "peak_kb": %d, "threads": %d}`+"\n",
		count, events, durations.us(0.5), durations.us(0.99), used/float64(events), status("VmHWM"), status("Threads"))
}
