// A watch, a hundred goroutines that set and get, and a call that its context ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"sync"
	"time"

	"example.org/etcd/etcd"
)

const (
	directory = "/example/go"
	count     = 100
)

func setAndGet(ctx context.Context, client *etcd.Client, number int) error {
	key, value := fmt.Sprintf("%s/%d", directory, number), fmt.Sprint(number)
	if _, err := client.Set(ctx, key, value); err != nil {
		return err
	}
	got, err := client.Get(ctx, key)
	if err == nil && got.Value != value {
		err = fmt.Errorf("%s is %q", key, got.Value)
	}
	return err
}

func watchAndSet(ctx context.Context, client *etcd.Client) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begin, err := client.Set(ctx, directory+"/begin", "")
	if err != nil {
		return err
	}
	events, err := client.Watch(ctx, directory, begin.Index)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	failures := make(chan error, count)
	for number := 0; number < count; number++ {
		group.Add(1)
		go func(number int) {
			defer group.Done()
			failures <- setAndGet(ctx, client, number)
		}(number)
	}
	seen := map[string]bool{}
	for len(seen) < count {
		event, ok := <-events
		if !ok || event.Err != nil {
			return fmt.Errorf("watch: %v", event.Err)
		}
		seen[event.Key] = true
	}
	group.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	cancel()
	for range events { // closed when the watch has ended
	}
	fmt.Printf("%d sets and gets, %d events\n", count, len(seen))
	return nil
}

func expectError(ctx context.Context, client *etcd.Client) error {
	_, err := client.Get(ctx, directory+"/not-there")
	var refusal *etcd.Error
	if !errors.As(err, &refusal) || refusal.APICode != etcd.KeyNotFound {
		return fmt.Errorf("a key that is not there: %v", err)
	}
	fmt.Println(err)
	return nil
}

// A server that takes connections and stays silent, because an etcd in good health answers at once.
func expectCancel() error {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := etcd.NewClient("http://" + server.Addr().String())
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		if connection, err := server.Accept(); err == nil {
			defer connection.Close()
		}
		cancel()
	}()
	if _, err := client.Get(ctx, "/never"); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("nothing was cancelled: %v", err)
	}
	fmt.Println("cancelled")
	return nil
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	endpoints := os.Getenv("ETCD_ENDPOINTS")
	if endpoints == "" {
		endpoints = "http://127.0.0.1:2379"
	}
	client, err := etcd.NewClient(endpoints)
	if err != nil {
		return err
	}
	if err := watchAndSet(ctx, client); err != nil {
		return err
	}
	if err := expectError(ctx, client); err != nil {
		return err
	}
	if err := client.Close(); err != nil {
		return err
	}
	return expectCancel()
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
