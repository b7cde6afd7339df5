//! Keys: the six calls. All of them block until the answer, the context's end, or close.

use std::cell::Cell;
use std::ffi::c_char;

use super::client::{self, etcd_client};
use super::context::etcd_context;
use super::error::etcd_error;
use super::operations;
use super::options::{etcd_create_in_order_options, etcd_delete_options, etcd_get_options, etcd_set_options};
use super::response::{self, etcd_response};
use super::status::etcd_status;
use crate::core::client::Client;
use crate::core::error::{Outcome, Result};
use crate::core::keys::Operation;
use crate::ffi::{out, panics};
use crate::rt::context::Context;

/// # Safety
/// The pointers are NULL or valid, as the header asks.
unsafe fn call(
    client: *mut etcd_client,
    context: *const etcd_context,
    response: *mut *mut etcd_response,
    error: *mut *mut etcd_error,
    body: impl FnOnce(&dyn Fn(&Operation<'_>) -> Result<()>) -> Result<()>,
) -> etcd_status {
    // SAFETY: the caller's promise.
    unsafe { out::put(response, std::ptr::null_mut()) };
    let run = |client: &Client, context: Option<&Context>| {
        let is_write = Cell::new(false);
        let carry_out = || {
            body(&|operation| {
                is_write.set(operation.is_write());
                let answer = client.keys(operation, context)?;
                if !response.is_null() {
                    // Behind an answer that was understood.
                    let outcome = if is_write.get() { Outcome::Applied } else { Outcome::NotApplied };
                    let given = response::give(answer).map_err(|error| error.with_outcome(outcome))?;
                    // SAFETY: the caller's promise.
                    unsafe { out::put(response, given) };
                }
                Ok(())
            })
        };
        client::undecided_by_a_panic(|| is_write.get(), panics::catch(carry_out))
    };
    // SAFETY: the caller's promise.
    unsafe { client::call(client, context, error, run) }
}

/// Reads a key or lists a directory. `options` may be NULL. `response`, which may be NULL, receives the answer, to be freed with
/// etcd_response_free. A NULL context means the client's request timeout. Any number of threads at once.
///
/// A read may be sent to one endpoint after another until one answers.
///
/// ETCD_ERR_INVALID_ARGUMENT: client or key is NULL, the key is not UTF-8, longer than 60000 bytes when encoded with its
/// prefix, or climbs out of the keys with "..".
/// ETCD_ERR_API: etcd refused; ETCD_API_KEY_NOT_FOUND for a key that is not there.
/// ETCD_ERR_CANCELED, ETCD_ERR_DEADLINE_EXCEEDED: the context's end. ETCD_ERR_CLUSTER: no endpoint answered.
/// ETCD_ERR_API_NOT_SERVED: v2 is off or gone. ETCD_ERR_INVALID_RESPONSE, ETCD_ERR_EMPTY_BODY, ETCD_ERR_TOO_LARGE: the answer.
/// ETCD_ERR_NO_MEMORY: for what is to be sent (nothing was), or for the answer. ETCD_ERR_CLOSED, ETCD_ERR_FORKED,
/// ETCD_ERR_WOULD_DEADLOCK, ETCD_ERR_PANIC, ETCD_ERR_INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_get(
    client: *mut etcd_client,
    context: *const etcd_context,
    key: *const c_char,
    options: *const etcd_get_options,
    response: *mut *mut etcd_response,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { call(client, context, response, error, |run| operations::get(key, options, run)) }
}

/// Sets a key to a value of `value_len` bytes (ETCD_STRLEN: up to its NUL), or makes a directory, under the conditions of
/// `options`, which may be NULL. The value must be UTF-8, since etcd v2 would silently replace other bytes. `response` may be NULL.
///
/// Without conditions it is sent to one endpoint after another until one answers, unless etcd_config_set_resend_sets or
/// etcd_set_options_set_resend say otherwise; an endpoint that froze or broke off with the request in hand may have carried its
/// copy out, or do so later, over newer values: etcd_response_was_resent. With a condition (prev_value, prev_index,
/// prev_exist), dir or refresh it is sent elsewhere only while no byte of it has gone out. When an error follows, etcd_error_outcome
/// says whether the write happened.
///
/// The statuses of etcd_keys_get, and for a write that must not be sent again what happened at its endpoint: ETCD_ERR_IO,
/// ETCD_ERR_TLS (plain text was spoken to a TLS port),
/// ETCD_ERR_TIMEOUT, ETCD_ERR_HTTP_STATUS, ETCD_ERR_NO_LEADER, ETCD_ERR_INVALID_RESPONSE; its outcome is ETCD_MAYBE_APPLIED then.
/// ETCD_ERR_API has ETCD_API_COMPARE_FAILED, ETCD_API_NODE_EXIST, ETCD_API_KEY_NOT_FOUND, ETCD_API_NOT_FILE, ETCD_API_NOT_DIR,
/// ETCD_API_ROOT_READ_ONLY and so on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_set(
    client: *mut etcd_client,
    context: *const etcd_context,
    key: *const c_char,
    value: *const c_char,
    value_len: usize,
    options: *const etcd_set_options,
    response: *mut *mut etcd_response,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { call(client, context, response, error, |run| operations::set(key, value, value_len, options, run)) }
}

/// Creates a key that does not exist yet; ETCD_API_NODE_EXIST otherwise. As etcd_keys_set with ETCD_PREV_NO_EXIST: sent elsewhere
/// only while no byte of it has gone out. Statuses as for etcd_keys_set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_create(
    client: *mut etcd_client,
    context: *const etcd_context,
    key: *const c_char,
    value: *const c_char,
    value_len: usize,
    response: *mut *mut etcd_response,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { call(client, context, response, error, |run| operations::create(key, value, value_len, run)) }
}

/// Changes a key that exists; ETCD_API_KEY_NOT_FOUND otherwise. As etcd_keys_set with ETCD_PREV_EXIST: sent elsewhere only while
/// no byte of it has gone out. A TTL that the key had is removed. Statuses as for etcd_keys_set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_update(
    client: *mut etcd_client,
    context: *const etcd_context,
    key: *const c_char,
    value: *const c_char,
    value_len: usize,
    response: *mut *mut etcd_response,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { call(client, context, response, error, |run| operations::update(key, value, value_len, run)) }
}

/// Creates a key below `dir` whose name the server makes from its index, so that names sort by creation; the name is in the response's
/// node. `options` may be NULL. Sent elsewhere only while no byte of it has gone out: an entry is never doubled behind the
/// caller's back. Statuses as for etcd_keys_set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_create_in_order(
    client: *mut etcd_client,
    context: *const etcd_context,
    dir: *const c_char,
    value: *const c_char,
    value_len: usize,
    options: *const etcd_create_in_order_options,
    response: *mut *mut etcd_response,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        call(client, context, response, error, |run| operations::create_in_order(dir, value, value_len, options, run))
    }
}

/// Deletes a key, or a directory where `options`, which may be NULL, say so. Sent elsewhere only while no byte of it has gone out.
/// Statuses as for etcd_keys_set; ETCD_ERR_API has ETCD_API_KEY_NOT_FOUND, ETCD_API_NOT_FILE for a directory without dir or
/// recursive, ETCD_API_DIR_NOT_EMPTY, ETCD_API_COMPARE_FAILED. ETCD_ERR_INVALID_ARGUMENT also for a prev_value that does not fit
/// into the request line (see etcd_delete_options_set_prev_value).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_keys_delete(
    client: *mut etcd_client,
    context: *const etcd_context,
    key: *const c_char,
    options: *const etcd_delete_options,
    response: *mut *mut etcd_response,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { call(client, context, response, error, |run| operations::delete(key, options, run)) }
}
