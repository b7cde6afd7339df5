package etcd

// What C calls. These are in a file of their own, because a file with exported functions must not define any in C.

// #include <etcd_client.h>
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

//export goFutureReady
func goFutureReady(userData unsafe.Pointer, future *C.etcd_future) {
	handle := cgo.Handle(uintptr(userData))
	handle.Value().(chan struct{}) <- struct{}{} // has room for it
	handle.Delete()
}

//export goWatchEvent
func goWatchEvent(userData unsafe.Pointer, response *C.etcd_response, failure *C.etcd_error) {
	watch := cgo.Handle(uintptr(userData)).Value().(*watch)
	if failure != nil {
		watch.last = Event{Err: copyError(failure)}
	} else {
		watch.last = Event{Node: node(response), Action: C.GoString(C.etcd_response_action_name(response))}
	}
}
