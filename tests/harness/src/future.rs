use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ::etcd_client::capi::error::etcd_error;
use ::etcd_client::capi::future::*;
use ::etcd_client::capi::future_take::*;
use ::etcd_client::capi::keys_async::*;
use ::etcd_client::capi::queue::*;
use ::etcd_client::capi::response::{etcd_response, etcd_response_clone};
use ::etcd_client::capi::watcher_push::etcd_watcher_start;

use crate::client::{Client, Context, outcome, raw};
use crate::{Failure, Response, Watcher, c};

/// A call in flight; freed when dropped.
pub struct Future(*mut etcd_future);

// SAFETY: the header says that a future may be used from many threads at once.
unsafe impl Send for Future {}
// SAFETY: as above.
unsafe impl Sync for Future {}

impl Client {
    pub fn get_async(&self, key: &str) -> Future {
        self.get_async_with(None, key)
    }

    pub fn get_async_with(&self, context: Option<&Context>, key: &str) -> Future {
        // SAFETY: everything lives for the call.
        Future::of(unsafe { etcd_keys_get_async(self.raw(), raw(context), c(key).as_ptr(), null()) })
    }

    pub fn set_async(&self, key: &str, value: &str) -> Future {
        let (pointer, len) = (value.as_ptr().cast(), value.len());
        // SAFETY: everything lives for the call.
        Future::of(unsafe { etcd_keys_set_async(self.raw(), null(), c(key).as_ptr(), pointer, len, null()) })
    }

    pub fn create_async(&self, key: &str, value: &str) -> Future {
        let (pointer, len) = (value.as_ptr().cast(), value.len());
        // SAFETY: everything lives for the call.
        Future::of(unsafe { etcd_keys_create_async(self.raw(), null(), c(key).as_ptr(), pointer, len) })
    }
}

impl Future {
    pub fn of(future: *mut etcd_future) -> Future {
        assert!(!future.is_null(), "a future, whatever the arguments");
        Future(future)
    }

    pub fn raw(&self) -> *mut etcd_future {
        self.0
    }

    pub fn wait(&self, timeout_ms: i64) -> i32 {
        // SAFETY: the future is alive.
        unsafe { etcd_future_wait(self.0, timeout_ms) }
    }

    pub fn is_ready(&self) -> bool {
        // SAFETY: the future is alive.
        unsafe { etcd_future_is_ready(self.0) }
    }

    pub fn cancel(&self) {
        // SAFETY: the future is alive.
        unsafe { etcd_future_cancel(self.0) }
    }

    pub fn take(&self) -> Result<Response, Failure> {
        // SAFETY: the future is alive.
        unsafe { take_response(self.0) }
    }

    /// Waits and takes.
    pub fn finish(&self) -> Result<Response, Failure> {
        assert_eq!(self.wait(-1), 0);
        self.take()
    }

    /// Registers a callback; gives the status and what becomes of it.
    pub fn on_ready(&self, queue: Option<&Queue>, body: impl FnMut(*mut etcd_future) + Send + 'static) -> (i32, Told) {
        let (told, user_data) = Told::new(Body::Future(Box::new(body)));
        // SAFETY: future and queue are alive; the user data is freed by the drop function.
        let status = unsafe { etcd_future_on_ready(self.0, of(queue), Some(ready), user_data, Some(free)) };
        (status, told)
    }
}

impl Drop for Future {
    fn drop(&mut self) {
        // SAFETY: the future is ours.
        unsafe { etcd_future_free(self.0) }
    }
}

/// Takes the response of a future that is borrowed by a callback, or of one's own.
///
/// # Safety
/// The future is alive.
pub unsafe fn take_response(future: *mut etcd_future) -> Result<Response, Failure> {
    let (mut response, mut error) = (null_mut(), null_mut());
    // SAFETY: the future is alive, the out-parameters are ours.
    let status = unsafe { etcd_future_take_response(future, &mut response, &mut error) };
    assert_eq!(status == 0, !response.is_null(), "a response on success and only then");
    outcome(status, error).map(|()| Response::take(response))
}

/// A queue that the test polls; freed when dropped.
pub struct Queue(*mut etcd_queue);

// SAFETY: the header says that a queue may be used from many threads at once.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Default for Queue {
    fn default() -> Queue {
        Queue(etcd_queue_new())
    }
}

impl Queue {
    pub fn raw(&self) -> *mut etcd_queue {
        self.0
    }

    pub fn poll(&self, timeout_ms: i64, max: i32) -> i32 {
        // SAFETY: the queue is alive.
        unsafe { etcd_queue_poll(self.0, timeout_ms, max) }
    }

    pub fn wakeup(&self) {
        // SAFETY: the queue is alive.
        unsafe { etcd_queue_wakeup(self.0) }
    }

    pub fn descriptor(&self) -> i32 {
        // SAFETY: the queue is alive.
        unsafe { etcd_queue_fd(self.0) }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours.
        unsafe { etcd_queue_free(self.0) }
    }
}

fn of(queue: Option<&Queue>) -> *mut etcd_queue {
    queue.map_or(null_mut(), |queue| queue.0)
}

/// What became of a callback.
#[derive(Clone, Default)]
pub struct Told(Arc<Seen>);

#[derive(Default)]
struct Seen {
    called: AtomicU32,
    dropped: AtomicU32,
    /// The names of the threads of the callbacks and of the drop.
    threads: Mutex<Vec<String>>,
}

impl Told {
    fn new(body: Body) -> (Told, *mut c_void) {
        let told = Told::default();
        let user_data = Box::new(UserData { told: told.clone(), body: Mutex::new(body) });
        (told, Box::into_raw(user_data).cast())
    }

    pub fn called(&self) -> u32 {
        self.0.called.load(Ordering::SeqCst)
    }

    pub fn dropped(&self) -> u32 {
        self.0.dropped.load(Ordering::SeqCst)
    }

    /// Where it was called, and, once it was dropped, where that was.
    pub fn threads(&self) -> Vec<String> {
        self.0.threads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self) {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        self.0.threads.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }
}

struct UserData {
    told: Told,
    body: Mutex<Body>,
}

enum Body {
    Future(Box<dyn FnMut(*mut etcd_future) + Send>),
    Watch(Box<dyn FnMut(Result<Response, Failure>) + Send>),
}

impl UserData {
    /// Never two at a time, and never after the drop.
    fn call(&self, body: impl FnOnce(&mut Body)) {
        let mut alone = self.body.try_lock().expect("one callback at a time");
        self.told.note();
        body(&mut alone);
        drop(alone);
        self.told.0.called.fetch_add(1, Ordering::SeqCst);
    }
}

unsafe extern "C" fn ready(user_data: *mut c_void, future: *mut etcd_future) {
    // SAFETY: `free` has not been called yet.
    let user_data = unsafe { &*user_data.cast::<UserData>() };
    user_data.call(|body| {
        if let Body::Future(body) = body {
            body(future);
        }
    });
}

unsafe extern "C" fn watched(user_data: *mut c_void, response: *const etcd_response, error: *const etcd_error) {
    assert_ne!(response.is_null(), error.is_null(), "one of the two");
    // SAFETY: `free` has not been called yet; response and error live for the call.
    unsafe {
        let event = match error.is_null() {
            true => Ok(Response::take(etcd_response_clone(response))),
            false => Err(Failure::read(error)),
        };
        (*user_data.cast::<UserData>()).call(|body| {
            if let Body::Watch(body) = body {
                body(event);
            }
        });
    }
}

unsafe extern "C" fn free(user_data: *mut c_void) {
    // SAFETY: it came from `Told::new`, and is freed once, or this finds it freed.
    let user_data = unsafe { Box::from_raw(user_data.cast::<UserData>()) };
    let told = user_data.told.clone();
    told.note();
    drop(user_data);
    told.0.dropped.fetch_add(1, Ordering::SeqCst);
}

impl Watcher {
    /// Gives the events to `body`; gives the status and what becomes of it.
    pub fn start(
        &self,
        queue: Option<&Queue>,
        body: impl FnMut(Result<Response, Failure>) + Send + 'static,
    ) -> (Result<(), Failure>, Told) {
        let (told, user_data) = Told::new(Body::Watch(Box::new(body)));
        let mut error = null_mut();
        // SAFETY: watcher and queue are alive; the user data is freed by the drop function.
        let status =
            unsafe { etcd_watcher_start(self.raw(), of(queue), Some(watched), user_data, Some(free), &mut error) };
        (outcome(status, error), told)
    }
}
