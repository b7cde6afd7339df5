//! Watcher: the changes of a key or a tree, one after another.

use std::ffi::{c_char, c_int};
use std::ptr;
use std::sync::Arc;

use super::border;
use super::client::{ClientHandle, etcd_client};
use super::context::etcd_context;
use super::error::etcd_error;
use super::response::{self, ResponseObject, etcd_response};
use super::status::etcd_status;
use crate::core::config::timeout_from_ms;
use crate::core::watch::{WatchOptions, Watcher};
use crate::ffi::handle::{self, Handle};
use crate::ffi::{out, strings};

/// A watch of one key or tree. Many threads at once, but only one waits for the next event at a time. Keeps what it needs
/// of its client, which may be freed before it.
pub struct etcd_watcher {
    _opaque: [u8; 0],
}

/// Options of etcd_watcher_new. One thread at a time while they are changed.
pub struct etcd_watcher_options {
    _opaque: [u8; 0],
}

/// A watcher with the client that it was made from, which knows about forks and panics.
pub struct WatcherHandle {
    pub(super) client: Arc<ClientHandle>,
    pub(super) watcher: Arc<Watcher>,
}

impl Handle for etcd_watcher {
    type Value = Arc<WatcherHandle>;
    const TAG: u64 = 0x6577_6174_6368_6572;
}

impl Handle for etcd_watcher_options {
    type Value = WatchOptions;
    const TAG: u64 = 0x6577_6174_6f70_7473;
}

/// # Safety
/// As for `handle::borrow_mut`.
unsafe fn change(
    options: *mut etcd_watcher_options,
    body: impl FnOnce(&mut WatchOptions) -> crate::core::error::Result<()>,
) -> etcd_status {
    // SAFETY: the caller's promise.
    border::status(|| body(unsafe { border::required_mut("options", options) }?))
}

/// Default options. The caller frees them with etcd_watcher_options_free. Never NULL but for lack of memory.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_watcher_options_new() -> *mut etcd_watcher_options {
    border::infallible(ptr::null_mut(), || handle::give(WatchOptions::default()))
}

/// Frees options; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_watcher_options_free(options: *mut etcd_watcher_options) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(options) }
}

/// The first event is the one after `index`: pass etcd_response_index of the get that gave the state, or etcd_error_api_index
/// of the error that said that there is none. 0, the default: from now on, which is when etcd answers the first
/// request of the watch: what is written a moment after etcd_watcher_start can come before that.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_watcher_options_set_after_index(
    options: *mut etcd_watcher_options,
    index: u64,
) -> etcd_status {
    let body = |options: &mut WatchOptions| {
        options.after_index = index;
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(options, body) }
}

/// Non-zero: watch everything below the key too, except hidden keys (whose name begins with _). Default 0.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_watcher_options_set_recursive(
    options: *mut etcd_watcher_options,
    on: c_int,
) -> etcd_status {
    let body = |options: &mut WatchOptions| {
        options.recursive = on != 0;
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(options, body) }
}

/// Non-zero: where etcd has forgotten the events that come next (it keeps 1000 for the whole store), etcd_watcher_next gives
/// the whole state instead of the error ETCD_API_EVENT_INDEX_CLEARED: a response of action ETCD_ACTION_RESYNC, whose node is
/// what a quorum get of the key gives (recursive as the watch, sorted; hidden keys are not in it), or NULL when the key is
/// not there. It replaces everything known before. The watch goes on from its index. Default 0.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_watcher_options_set_resync(options: *mut etcd_watcher_options, on: c_int) -> etcd_status {
    let body = |options: &mut WatchOptions| {
        options.resync = on != 0;
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(options, body) }
}

/// Non-zero, the default: one request brings many events. 0: one request per event, as the Go client does it, for a proxy that
/// cannot pass on an answer piece by piece.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_watcher_options_set_stream(options: *mut etcd_watcher_options, on: c_int) -> etcd_status {
    let body = |options: &mut WatchOptions| {
        options.stream = on != 0;
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(options, body) }
}

/// The time in milliseconds within which a watch leaves a member that has stopped, is cut off from the majority or cannot be
/// reached, and goes on at another one, with nothing lost: after 7 tenths of it without an event, the member is asked for a
/// quorum read of a key that is not there (/_etcd_client_is_this_member_alive; /health where the user may not read), once for
/// all watches on it, and has the rest of the time to answer. However short it is, the member gets 500 ms to answer, and is first asked a
/// second after the watch began there. On a
/// busy store it is asked more often, at most once a second, because a quiet watch must be moved forward before its place
/// falls out of the history. Where
/// users and passwords are on, etcd takes a tenth of a second or more for each question: do not make it too short. 0 = never,
/// as in Go: then a stopped or isolated member is not noticed. Default 10000.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL, or ms is negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_watcher_options_set_idle_timeout_ms(
    options: *mut etcd_watcher_options,
    ms: i64,
) -> etcd_status {
    let body = |options: &mut WatchOptions| {
        options.idle_timeout = timeout_from_ms("ms", ms)?;
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(options, body) }
}

/// Makes a watcher of `key`. `options`, which are copied, may be NULL. No network traffic: the watch begins with the first
/// etcd_watcher_next, or with etcd_watcher_start. The caller frees it with etcd_watcher_free.
///
/// ETCD_ERR_INVALID_ARGUMENT: client, key or watcher is NULL, or the key cannot be one (see etcd_keys_get). ETCD_ERR_CLOSED,
/// ETCD_ERR_FORKED, ETCD_ERR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_watcher_new(
    client: *mut etcd_client,
    key: *const c_char,
    options: *const etcd_watcher_options,
    watcher: *mut *mut etcd_watcher,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(watcher, ptr::null_mut()) };
    let make = || {
        border::present("watcher", watcher)?;
        // SAFETY: the C caller's promises for pointers and strings.
        let (client, key, options) = unsafe {
            let client = Arc::clone(border::required("client", client.cast_const())?);
            (client, strings::text("key", key)?, border::optional("options", options)?)
        };
        let options = options.cloned().unwrap_or_default();
        client.call(|core| {
            let core = Watcher::new(core.clone(), key, options)?;
            let made = WatcherHandle { client: client.clone(), watcher: Arc::new(core) };
            // SAFETY: the C caller's promise.
            unsafe { out::put(watcher, handle::give(Arc::new(made))) };
            Ok(())
        })
    };
    // SAFETY: the C caller's promise.
    unsafe { border::fallible(error, make) }
}

/// Waits for the next event and gives it, to be freed with etcd_response_free; `response` may be NULL. Its action says what
/// happened, its node where (after a delete: without a value), its previous node what was there before. Events come in the
/// order of their indexes, none twice and none left out, from whichever member. A NULL context waits for ever: neither the
/// client's request timeout nor its header timeout is for watches. Between two calls events are collected, up to a limit; a
/// reader that is slower for long gets ETCD_API_EVENT_INDEX_CLEARED (or a resync), never a gap.
///
/// An error does not end the watch, and loses nothing: call again and it goes on from where it was, after a pause of up to 3
/// seconds that keeps a loop around a dead cluster from spinning. Only ETCD_ERR_CLOSED is for ever. Where the watch was can be a
/// place at which it cannot go on: after ETCD_API_EVENT_INDEX_CLEARED and after an event of another cluster (without
/// resync), and after ETCD_ERR_TOO_LARGE, each further call says the same; make a new watcher behind that place.
///
/// ETCD_ERR_CANCELED, ETCD_ERR_DEADLINE_EXCEEDED: the context's end; an event that has come meanwhile stays for the next call.
/// ETCD_ERR_CLOSED: the watcher was stopped or the client closed, before or while it waited; or the watcher was freed while it
/// waited. (As with any object, a call that begins after the free is a mistake: stop, join the readers, then free.)
/// ETCD_ERR_BUSY: another thread waits for the next event of this watcher, or etcd_watcher_start has given them a callback.
/// ETCD_ERR_API: etcd refused; ETCD_API_EVENT_INDEX_CLEARED: the events that come next are forgotten. Get the state, and watch
/// anew from its index. ETCD_ERR_CLUSTER: every endpoint failed, one after another. ETCD_ERR_API_NOT_SERVED.
/// ETCD_ERR_INVALID_RESPONSE: no event of etcd, or one of another cluster. ETCD_ERR_TOO_LARGE. ETCD_ERR_NO_MEMORY: for the next
/// event, which the next call asks for again. ETCD_ERR_INVALID_ARGUMENT:
/// watcher is NULL. ETCD_ERR_FORKED, ETCD_ERR_WOULD_DEADLOCK, ETCD_ERR_PANIC, ETCD_ERR_INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_watcher_next(
    watcher: *mut etcd_watcher,
    context: *const etcd_context,
    response: *mut *mut etcd_response,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(response, ptr::null_mut()) };
    let next = || {
        // SAFETY: the C caller's promise. Held by this call, so that a free meanwhile only ends the wait.
        let handle = Arc::clone(unsafe { border::required("watcher", watcher.cast_const()) }?);
        // SAFETY: the C caller's promise.
        let context = unsafe { border::optional("context", context) }?.cloned();
        handle.client.call(|_| {
            let event = handle.watcher.next(context.as_ref())?;
            if !response.is_null() {
                let object = ResponseObject::new(event).map_err(|(error, event)| {
                    handle.watcher.put_back(event);
                    error
                })?;
                // SAFETY: the C caller's promise.
                unsafe { out::put(response, response::give_object(object)) };
            }
            Ok(())
        })
    };
    // SAFETY: the C caller's promise.
    unsafe { border::fallible(error, next) }
}

/// Ends the watch for ever: an etcd_watcher_next that waits in another thread returns ETCD_ERR_CLOSED at once, and so does every
/// later one; a callback of etcd_watcher_start is not called any more when this has returned. Waits until the call or
/// callback that runs has returned, at most `timeout_ms` milliseconds (0 = as long as it takes); inside the callback of this watcher it
/// returns at once, and the callback is the last. The watcher must still be freed. Stopping twice is fine, and so is stopping after a
/// caught panic.
///
/// ETCD_ERR_DEADLINE_EXCEEDED: a call or callback had not returned in time. ETCD_ERR_WOULD_DEADLOCK: one runs in another
/// thread, and this was called inside another callback, which must not wait. The watcher is stopped all the same.
/// ETCD_ERR_INVALID_ARGUMENT: watcher is NULL, or timeout_ms is negative. ETCD_ERR_FORKED, ETCD_ERR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_watcher_stop(watcher: *mut etcd_watcher, timeout_ms: i64) -> etcd_status {
    border::status(|| {
        // SAFETY: the C caller's promise.
        let handle = Arc::clone(unsafe { border::required("watcher", watcher.cast_const()) }?);
        handle.client.end(|_| handle.watcher.stop(timeout_from_ms("timeout_ms", timeout_ms)?))
    })
}

/// Ends the watch and frees the watcher; NULL is fine. Never waits: an etcd_watcher_next in another thread returns
/// ETCD_ERR_CLOSED by itself. Any thread, before or after the client is freed. In a forked child nothing happens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_watcher_free(watcher: *mut etcd_watcher) {
    border::infallible((), || {
        // SAFETY: the caller owns the object.
        let Some(handle) = (unsafe { handle::take(watcher) }) else { return };
        if handle.client.is_inherited() {
            std::mem::forget(handle);
        } else {
            handle.watcher.end();
        }
    });
}
