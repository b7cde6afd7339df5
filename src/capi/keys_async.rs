//! Keys, without waiting: the same six calls, each of which gives a future at once.

use std::cell::Cell;
use std::ffi::c_char;

use super::client::etcd_client;
use super::context::etcd_context;
use super::future::{self, Kind, etcd_future};
use super::operations;
use super::options::{etcd_create_in_order_options, etcd_delete_options, etcd_get_options, etcd_set_options};
use crate::core::error::{Outcome, Result};

/// # Safety
/// The pointers are NULL or valid, as the header asks.
unsafe fn begin(
    client: *mut etcd_client,
    context: *const etcd_context,
    body: impl FnOnce(operations::Run<'_>) -> Result<()>,
) -> *mut etcd_future {
    // SAFETY: the caller's promise.
    unsafe {
        future::begin(Kind::Response, client, context, |client, cancel, completed| {
            let lost = Cell::new(Outcome::NotApplied);
            body(&|operation| client.start_keys(operation, cancel, completed).map(|may_do| lost.set(may_do)))?;
            Ok(lost.get())
        })
    }
}

/// Begins etcd_keys_get and returns at once. The future is the caller's, to be freed with etcd_future_free; take the
/// response with etcd_future_take_response. All arguments are copied. Thousands may be in flight: they share one thread and
/// at most 64 connections to each endpoint, and wait for their turn, which counts against the deadline; a NULL context means
/// the client's request timeout from now on: give a context of your own to a burst that may take longer. The client may be
/// freed meanwhile.
///
/// Never NULL but for lack of memory: what is wrong with the arguments comes through the future too, as do ETCD_ERR_CLOSED
/// and ETCD_ERR_FORKED. Any thread, also inside callbacks of the library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_get_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    key: *const c_char,
    options: *const etcd_get_options,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { begin(client, context, |run| operations::get(key, options, run)) }
}

/// Begins etcd_keys_set, as etcd_keys_get_async does it. Calls in flight may be carried out in any order: wait for one
/// before the next where the order counts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_set_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    key: *const c_char,
    value: *const c_char,
    value_len: usize,
    options: *const etcd_set_options,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { begin(client, context, |run| operations::set(key, value, value_len, options, run)) }
}

/// Begins etcd_keys_create, as etcd_keys_get_async does it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_create_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    key: *const c_char,
    value: *const c_char,
    value_len: usize,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { begin(client, context, |run| operations::create(key, value, value_len, run)) }
}

/// Begins etcd_keys_update, as etcd_keys_get_async does it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_update_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    key: *const c_char,
    value: *const c_char,
    value_len: usize,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { begin(client, context, |run| operations::update(key, value, value_len, run)) }
}

/// Begins etcd_keys_create_in_order, as etcd_keys_get_async does it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_create_in_order_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    dir: *const c_char,
    value: *const c_char,
    value_len: usize,
    options: *const etcd_create_in_order_options,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { begin(client, context, |run| operations::create_in_order(dir, value, value_len, options, run)) }
}

/// Begins etcd_keys_delete, as etcd_keys_get_async does it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_delete_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    key: *const c_char,
    options: *const etcd_delete_options,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { begin(client, context, |run| operations::delete(key, options, run)) }
}
