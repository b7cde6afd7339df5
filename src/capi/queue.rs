//! Queue: callbacks that wait for a thread of the application to run them.

use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::border;
use crate::core::error::{Error, Result};
use crate::core::status::Status;
use crate::ffi::handle::{self, Handle};
use crate::ffi::process;
use crate::rt::callback;
use crate::rt::callback_place::HostQueue;
use crate::rt::callback_queue::Patience;

/// Callbacks that wait until the application runs them, in etcd_queue_poll, on its own thread: as long as the queue lives,
/// neither they nor their `drop` are called from a thread of the library. Belongs to no client; one for a whole program is
/// fine, and so is one for each thread or event loop. May be used from many threads at once. An event loop watches
/// etcd_queue_fd, and calls etcd_queue_poll(queue, 0, 0) when it is readable.
pub struct etcd_queue {
    _opaque: [u8; 0],
}

/// For one who does not say how many callbacks one poll may run.
const MOST_AT_ONCE: u64 = 1000;

pub struct QueueHandle {
    queue: Arc<HostQueue>,
    /// The process that made it: in a forked child its locks are the parent's.
    process: u32,
}

impl Handle for etcd_queue {
    type Value = QueueHandle;
    const TAG: u64 = 0x6571_7565_7565_3131;
}

impl QueueHandle {
    fn of_this_process(&self) -> Result<&Arc<HostQueue>> {
        match self.process == process::id() {
            true => Ok(&self.queue),
            false => Err(Error::new(Status::Forked, "the queue was made before fork(); make a new one in the child")),
        }
    }
}

/// The queue behind an argument that may be NULL.
///
/// # Safety
/// As for `handle::borrow`.
pub(super) unsafe fn optional(queue: *mut etcd_queue) -> Result<Option<Arc<HostQueue>>> {
    // SAFETY: the caller's promise.
    let queue = unsafe { border::optional("queue", queue.cast_const()) }?;
    queue.map(|queue| queue.of_this_process().map(Arc::clone)).transpose()
}

/// A new queue, without a thread and without a descriptor. The caller frees it with etcd_queue_free. NULL only for lack of
/// memory.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_queue_new() -> *mut etcd_queue {
    border::infallible(ptr::null_mut(), || handle::give(QueueHandle { queue: Arc::default(), process: process::id() }))
}

/// Frees a queue; NULL is fine; from any thread, also inside a callback that it runs. Callbacks that still wait are not
/// called any more, neither are those of calls that are still in flight, and watches that deliver to it end; each `drop` is
/// called all the same: of what waits here on this thread, of the rest on the client's thread for callbacks, as soon as its
/// call ends. Who wants none there (Ruby's Fiddle cannot be called from it), or none later, closes the client first and
/// polls until 0 comes. The descriptor closes when nothing uses the queue any more: take it out of the event loop first. As
/// with any object, no other thread may be using it: threads that poll are told by a flag and one etcd_queue_wakeup each,
/// and joined. In a forked child nothing happens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_queue_free(queue: *mut etcd_queue) {
    border::infallible((), || {
        // SAFETY: the caller owns the object.
        let Some(handle) = (unsafe { handle::take(queue) }) else { return };
        match handle.of_this_process() {
            Ok(queue) => queue.free(),
            Err(_) => std::mem::forget(handle),
        }
    });
}

/// A descriptor for poll, epoll, kqueue or select: readable while callbacks wait, or after etcd_queue_wakeup. Never read
/// from it, write to it or close it: it belongs to the queue, and etcd_queue_poll makes it unreadable again. It is made by
/// the first call, and is close-on-exec.
///
/// -1: queue is NULL or was made before fork(), the process has no descriptor left (try again), or this is Windows, where
/// there is none: wait in etcd_queue_poll instead.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_queue_fd(queue: *const etcd_queue) -> i32 {
    border::infallible(-1, || {
        // SAFETY: the C caller's promise.
        let queue = unsafe { handle::borrow(queue) }.and_then(|handle| handle.of_this_process().ok());
        queue.and_then(|queue| queue.descriptor()).unwrap_or(-1)
    })
}

/// Runs callbacks that wait, on this thread, one after another until none waits, and returns how many it ran. At most `max`
/// of them; 0 or less means 1000, so that a busy watch does not hold the event loop up: the descriptor stays readable then.
/// When none waits: with `timeout_ms` 0 it returns 0 at once, with a positive number it waits as many milliseconds for the
/// first, with a negative one as long as it takes or until etcd_queue_wakeup, which makes it return as well. A signal does
/// not end the wait: a handler that sets a flag needs a thread that calls etcd_queue_wakeup. Several threads may poll one
/// queue; the callbacks of one watch never run at the same time. An edge-triggered loop has to poll until 0 comes.
///
/// A negative result is a status with its sign changed: -ETCD_ERR_INVALID_ARGUMENT: queue is NULL. -ETCD_ERR_WOULD_DEADLOCK:
/// called inside a callback of the library. -ETCD_ERR_FORKED, -ETCD_ERR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_queue_poll(queue: *mut etcd_queue, timeout_ms: i64, max: i32) -> i32 {
    let poll = || {
        // SAFETY: the C caller's promise. Held while it polls, since a callback may free the queue.
        let queue = Arc::clone(unsafe { border::required("queue", queue.cast_const()) }?.of_this_process()?);
        callback::refuse_to_block()?;
        let most = u64::try_from(max).ok().filter(|max| *max > 0).unwrap_or(MOST_AT_ONCE);
        let ran = queue.poll(patience(timeout_ms), most);
        Ok(i32::try_from(ran).unwrap_or(i32::MAX))
    };
    border::infallible(Err(Error::new(Status::Panic, "")), poll).unwrap_or_else(|error| -error.status().number())
}

/// As poll(2) counts: 0 does not wait, and a negative number waits for ever.
pub(super) fn patience(timeout_ms: i64) -> Patience {
    match u64::try_from(timeout_ms) {
        Ok(0) => Patience::None,
        Ok(ms) => Instant::now().checked_add(Duration::from_millis(ms)).map_or(Patience::Endless, Patience::Until),
        Err(_) => Patience::Endless,
    }
}

/// Makes one etcd_queue_poll return: one that waits, or else the next; the descriptor is readable until then. Call it once
/// for each thread that polls. Any thread, also inside a callback; NULL is fine. Not in a signal handler, since it takes a
/// lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_queue_wakeup(queue: *mut etcd_queue) {
    border::infallible((), || {
        // SAFETY: the C caller's promise.
        let queue = unsafe { handle::borrow(queue.cast_const()) }.and_then(|handle| handle.of_this_process().ok());
        queue.into_iter().for_each(|queue| queue.wakeup());
    });
}
