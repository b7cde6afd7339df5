// Package etcd is libetcd_client for Go: a call ends by its context.Context alone, and a watch is a channel.
//
// One goroutine polls a queue, and runs the callbacks that resolve the calls' futures into channels. No thread of the library
// ever calls Go, and no goroutine that waits takes a thread, as one inside a blocking call of C would.
package etcd

// #cgo pkg-config: etcd_client
// #include <etcd_client.h>
// #include <stdlib.h>
//
// void goFutureReady(void *user_data, etcd_future *future);
// void goWatchEvent(void *user_data, etcd_response *response, etcd_error *error);
//
// // A cgo.Handle is a number, which only C can make a pointer of.
// static etcd_status on_ready(etcd_future *future, etcd_queue *queue, uintptr_t handle)
// {
//     return etcd_future_on_ready(future, queue, goFutureReady, (void *)handle, NULL);
// }
//
// static etcd_status start(etcd_watcher *watcher, etcd_queue *queue, uintptr_t handle, etcd_error **error)
// {
//     return etcd_watcher_start(watcher, queue, (etcd_watch_fn)goWatchEvent, (void *)handle, NULL, error);
// }
import "C"

import (
	"context"
	"fmt"
	"runtime/cgo"
	"sync"
	"unsafe"
)

const KeyNotFound = C.ETCD_API_KEY_NOT_FOUND

// Error is a copy of an etcd_error.
type Error struct {
	Status  int
	APICode int
	Message string
}

func (e *Error) Error() string { return e.Message }

func copyError(err *C.etcd_error) *Error {
	message := C.GoString(C.etcd_error_message(err))
	return &Error{int(C.etcd_error_status(err)), int(C.etcd_error_api_code(err)), message}
}

// What a call told by its status and its error object, which is freed.
func failure(status C.etcd_status, err *C.etcd_error) error {
	if status == C.ETCD_OK {
		return nil
	}
	defer C.etcd_error_free(err)
	if err == nil {
		return &Error{Status: int(status), Message: C.GoString(C.etcd_status_name(status))}
	}
	return copyError(err)
}

// Node is a key and its value; Index is that of the store when it answered.
type Node struct {
	Key, Value    string
	ModifiedIndex uint64
	Index         uint64
}

func node(response *C.etcd_response) Node {
	n := C.etcd_response_node(response)
	var keyLen, valueLen C.size_t
	key, value := C.etcd_node_key(n, &keyLen), C.etcd_node_value(n, &valueLen)
	return Node{
		Key:           C.GoStringN(key, C.int(keyLen)),
		Value:         C.GoStringN(value, C.int(valueLen)),
		ModifiedIndex: uint64(C.etcd_node_modified_index(n)),
		Index:         uint64(C.etcd_response_index(response)),
	}
}

type Client struct {
	c       *C.etcd_client
	noLimit *C.etcd_context // Go's contexts set the limits
	queue   *queue
	calls   sync.WaitGroup
	ended   chan struct{}
}

func NewClient(endpoints string) (*Client, error) {
	config := C.etcd_config_new()
	defer C.etcd_config_free(config)
	url := C.CString(endpoints)
	defer C.free(unsafe.Pointer(url))
	if err := failure(C.etcd_config_add_endpoint(config, url), nil); err != nil {
		return nil, err
	}
	queue, err := newQueue()
	if err != nil {
		return nil, err
	}
	client := &Client{queue: queue, ended: make(chan struct{})}
	var cErr *C.etcd_error
	status := C.etcd_client_new(config, &client.c, &cErr)
	if err := failure(status, cErr); err != nil {
		queue.stop()
		queue.free()
		return nil, err
	}
	client.noLimit = C.etcd_context_new(nil)
	go func() {
		defer close(client.ended)
		for queue.run(0) == nil {
		}
	}()
	return client, nil
}

// Close ends the calls in flight and the watches. No other method may be called any more.
func (c *Client) Close() error {
	var err *C.etcd_error
	status := C.etcd_client_close(c.c, 5000, &err)
	// All futures have ended. Their callbacks run before the queue goes, and so everybody who waits returns.
	c.calls.Wait()
	c.queue.stop()
	<-c.ended
	c.queue.free()
	C.etcd_context_free(c.noLimit)
	C.etcd_client_free(c.c)
	return failure(status, err)
}

func (c *Client) Get(ctx context.Context, key string) (Node, error) {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	return c.wait(ctx, C.etcd_keys_get_async(c.c, c.noLimit, k, nil))
}

func (c *Client) Set(ctx context.Context, key, value string) (Node, error) {
	k, v := C.CString(key), C.CString(value)
	defer C.free(unsafe.Pointer(k))
	defer C.free(unsafe.Pointer(v))
	return c.wait(ctx, C.etcd_keys_set_async(c.c, c.noLimit, k, v, C.size_t(len(value)), nil))
}

func (c *Client) wait(ctx context.Context, future *C.etcd_future) (Node, error) {
	c.calls.Add(1)
	defer c.calls.Done()
	defer C.etcd_future_free(future)
	ready := make(chan struct{}, 1)
	handle := cgo.NewHandle(ready)
	if status := C.on_ready(future, c.queue.c, C.uintptr_t(handle)); status != C.ETCD_OK {
		handle.Delete()
		return Node{}, failure(status, nil)
	}
	select {
	case <-ready:
	case <-ctx.Done():
		// The future ends at once, and its error tells whether a write may have happened.
		C.etcd_future_cancel(future)
		<-ready
	}
	var response *C.etcd_response
	var err *C.etcd_error
	status := C.etcd_future_take_response(future, &response, &err)
	defer C.etcd_response_free(response)
	if status == C.ETCD_ERR_CANCELED && ctx.Err() != nil {
		return Node{}, fmt.Errorf("%w: %v", ctx.Err(), failure(status, err))
	}
	if status != C.ETCD_OK {
		return Node{}, failure(status, err)
	}
	return node(response), nil
}

// Event is what happened to a key, or an error, after which the watch goes on.
type Event struct {
	Node
	Action string
	Err    error
}

type watch struct {
	last Event
}

// Watch gives the events of everything below key after an index. The channel closes when ctx ends. A reader that is slow
// slows its watch down and no other: it has a queue of its own, which is polled for one event at a time.
func (c *Client) Watch(ctx context.Context, key string, afterIndex uint64) (<-chan Event, error) {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	options := C.etcd_watcher_options_new()
	defer C.etcd_watcher_options_free(options)
	C.etcd_watcher_options_set_after_index(options, C.uint64_t(afterIndex))
	C.etcd_watcher_options_set_recursive(options, 1)

	queue, err := newQueue()
	if err != nil {
		return nil, err
	}
	watch := &watch{}
	handle := cgo.NewHandle(watch)
	var watcher *C.etcd_watcher
	var cErr *C.etcd_error
	end := func() {
		C.etcd_watcher_free(watcher)
		queue.stop()
		queue.free()
		handle.Delete()
	}
	status := C.etcd_watcher_new(c.c, k, options, &watcher, &cErr)
	if status == C.ETCD_OK {
		status = C.start(watcher, queue.c, C.uintptr_t(handle), &cErr)
	}
	if status != C.ETCD_OK {
		end()
		return nil, failure(status, cErr)
	}

	events := make(chan Event)
	go func() {
		<-ctx.Done()
		queue.stop()
	}()
	go func() {
		defer close(events)
		defer end() // in the goroutine that polls, so that no callback runs now
		for queue.run(1) == nil {
			select {
			case events <- watch.last:
			case <-ctx.Done():
				return
			}
		}
	}()
	return events, nil
}
