package etcd

// #include <etcd_client.h>
import "C"

import (
	"errors"
	"os"
	"syscall"
)

// A queue of the library whose descriptor Go's own poller watches: a goroutine that waits for callbacks takes no thread.
type queue struct {
	c    *C.etcd_queue
	file *os.File
	conn syscall.RawConn
}

func newQueue() (*queue, error) {
	c := C.etcd_queue_new()
	// A copy, since Go closes what it watches, and the queue's own descriptor is the queue's.
	fd, err := syscall.Dup(int(C.etcd_queue_fd(c)))
	if err != nil {
		C.etcd_queue_free(c)
		return nil, err
	}
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "etcd_queue")
	conn, err := file.SyscallConn()
	if err != nil {
		file.Close()
		C.etcd_queue_free(c)
		return nil, err
	}
	return &queue{c, file, conn}, nil
}

// Waits for callbacks and runs some of them, at most max (0: all that wait), in this goroutine. Fails after stop.
func (q *queue) run(max C.int32_t) (err error) {
	waited := q.conn.Read(func(uintptr) bool {
		ran := C.etcd_queue_poll(q.c, 0, max)
		if ran < 0 {
			err = errors.New(C.GoString(C.etcd_status_name(-ran)))
		}
		return ran != 0
	})
	if waited != nil {
		return waited
	}
	return err
}

// Ends a run that waits and every later one; the goroutine that ran the callbacks frees the queue then.
func (q *queue) stop() { q.file.Close() }

func (q *queue) free() { C.etcd_queue_free(q.c) }
