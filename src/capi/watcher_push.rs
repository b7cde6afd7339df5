//! Watcher, pushed: a callback for each event.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use super::border;
use super::client::ClientHandle;
use super::config::etcd_drop_fn;
use super::error::{ErrorText, etcd_error};
use super::queue::{self, etcd_queue};
use super::response::{ResponseObject, etcd_response};
use super::status::etcd_status;
use super::watcher::etcd_watcher;
use crate::core::error::{Error, Result};
use crate::core::response::Response;
use crate::ffi::handle::{self, Object};
use crate::ffi::user_data::UserData;
use crate::rt::callback;
use crate::rt::callback_place::CallbackPlace;

/// Receives what etcd_watcher_next would give: an event, or an error of the watch; exactly one of the two is not NULL. Both
/// are borrowed for the call (etcd_response_clone keeps a response). Inside you may start calls, stop or free this watcher,
/// and free anything else; blocking calls and etcd_queue_poll give ETCD_ERR_WOULD_DEADLOCK. It must not throw or longjmp,
/// and a child that it forks must exec or _exit and not return from it.
pub type etcd_watch_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, response: *const etcd_response, error: *const etcd_error)>;

type WatchFunction =
    unsafe extern "C" fn(user_data: *mut c_void, response: *const etcd_response, error: *const etcd_error);

/// Calls `fn` with user_data for each event, one after another and in their order, never two at a time: in etcd_queue_poll
/// of `queue`, or, with a NULL queue, on the client's one thread for callbacks, which is started here if it does not run.
/// The watch begins now, and is there when etcd has answered: to miss nothing, read first and watch after the index of the
/// answer (etcd_watcher_options_set_after_index). While the callback runs, or nobody polls, events are collected up to a
/// limit, as between two calls of etcd_watcher_next. Nothing else may read the watcher then.
///
/// An error does not end the watch: as with etcd_watcher_next it goes on from where it was after a pause of up to 3 seconds,
/// and an error that comes again each time is told each time: stop then. The last callback has ETCD_ERR_CLOSED when the
/// client was closed, ETCD_ERR_INTERNAL or ETCD_ERR_PANIC when the watch has broken down; after etcd_watcher_stop and
/// etcd_watcher_free there is none. `drop`, which may be NULL, is called once with user_data after the last callback, where
/// callbacks run; or when this fails, or when the queue is freed, which ends the watch.
///
/// ETCD_ERR_BUSY: it has a callback, or another thread waits for its next event. ETCD_ERR_CLOSED: it was stopped, or the
/// client closed. ETCD_ERR_INVALID_ARGUMENT: watcher or fn is NULL, or queue is not a queue. ETCD_ERR_INTERNAL: no thread to
/// be had. ETCD_ERR_FORKED, ETCD_ERR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_watcher_start(
    watcher: *mut etcd_watcher,
    queue: *mut etcd_queue,
    r#fn: etcd_watch_fn,
    user_data: *mut c_void,
    drop: etcd_drop_fn,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let user_data = UserData::new(user_data, drop);
    let start = || {
        // SAFETY: the C caller's promise.
        let handle = Arc::clone(unsafe { border::required("watcher", watcher.cast_const()) }?);
        // SAFETY: the C caller's promise.
        let queue = unsafe { queue::optional(queue) };
        let function = r#fn.ok_or_else(|| Error::invalid_argument("fn", "is NULL"))?;
        handle.client.call(|client| {
            let place = CallbackPlace::new(queue?, client.callbacks().clone());
            let maker = Arc::clone(&handle.client);
            handle.watcher.start(place, move |event| call(&maker, function, &user_data, event))
        })
    };
    // SAFETY: the C caller's promise.
    unsafe { border::fallible(error, start) }
}

/// What C gets is marked as borrowed: a free inside the callback does nothing.
fn call(
    client: &ClientHandle,
    function: WatchFunction,
    user_data: &UserData,
    event: Result<Response>,
) -> Option<Response> {
    let (mut response, mut error, mut kept) = (None, None, None);
    match event.and_then(|event| client.caught(|| ResponseObject::new(event))) {
        Ok(Ok(object)) => response = Some(Object::borrowed::<etcd_response>(object)),
        Ok(Err((lacking, event))) => (error, kept) = (Some(borrowed(lacking)), Some(event)),
        Err(failure) => error = Some(borrowed(failure)),
    }
    let response = response.as_ref().map_or(ptr::null(), handle::inside::<etcd_response>);
    let error = error.as_ref().map_or(ptr::null(), handle::inside::<etcd_error>);
    // SAFETY: the application gave the function for this pointer; both objects outlive the call.
    callback::call(|| unsafe { function(user_data.pointer(), response, error) });
    kept
}

fn borrowed(error: Error) -> Object<ErrorText> {
    Object::borrowed::<etcd_error>(ErrorText::new(error))
}
