//! Health and statistics.

use std::ffi::c_char;
use std::ptr;

use super::border;
use super::client::{self, etcd_client};
use super::context::etcd_context;
use super::error::etcd_error;
use super::status::etcd_status;
use crate::core::client::Client;
use crate::ffi::{out, strings};
use crate::rt::context::Context;

/// Whether a member has a leader and can commit, as its /health says. `endpoint` is the URL of the one member that is asked; it
/// need not be one of the client's, but only those get the client's user name and password. NULL asks the first endpoint
/// that answers. A member that says "false" is no error: ETCD_OK, with *healthy false. Blocks.
///
/// *healthy is false on every failure. ETCD_ERR_INVALID_ARGUMENT: client or healthy is NULL, or the endpoint is no URL.
/// ETCD_ERR_UNSUPPORTED: the server has no /health (before etcd 2.0).
/// With an endpoint, what happened there: ETCD_ERR_CONNECT, ETCD_ERR_DNS, ETCD_ERR_TLS, ETCD_ERR_IO, ETCD_ERR_TIMEOUT,
/// ETCD_ERR_HTTP_STATUS, ETCD_ERR_NO_LEADER, ETCD_ERR_TOO_MANY_REDIRECTS, ETCD_ERR_BAD_REDIRECT; without one,
/// ETCD_ERR_CLUSTER: no endpoint answered. ETCD_ERR_INVALID_RESPONSE, ETCD_ERR_TOO_LARGE, ETCD_ERR_CANCELED,
/// ETCD_ERR_DEADLINE_EXCEEDED, ETCD_ERR_CLOSED, ETCD_ERR_FORKED, ETCD_ERR_WOULD_DEADLOCK, ETCD_ERR_PANIC, ETCD_ERR_NO_MEMORY, ETCD_ERR_INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_health(
    client: *mut etcd_client,
    context: *const etcd_context,
    endpoint: *const c_char,
    healthy: *mut bool,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(healthy, false) };
    let body = |client: &Client, context: Option<&Context>| {
        border::present("healthy", healthy)?;
        // SAFETY: the C caller's promise.
        let endpoint = unsafe { strings::optional_text("endpoint", endpoint) }?.map(str::to_owned);
        let answer = client.carry_out(context, |caller| caller.health(endpoint))?;
        // SAFETY: the C caller's promise.
        unsafe { out::put(healthy, answer) };
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { client::call(client, context, error, body) }
}

/// The statistics of /v2/stats as the server writes them, in JSON. `kind` is "self" (the member that answers), "store" (its
/// operations) or "leader" (how the followers keep up; the call finds the leader by itself, if it is one of the endpoints).
/// The caller frees the text with etcd_string_free; `len`, which may be NULL, is its length without the NUL. Blocks.
///
/// ETCD_ERR_INVALID_ARGUMENT: client, kind or json is NULL, or kind is another word. ETCD_ERR_NO_LEADER_ENDPOINT: for "leader",
/// none was found, or it is not among the endpoints: sync, or add it. ETCD_ERR_CANCELED, ETCD_ERR_DEADLINE_EXCEEDED,
/// ETCD_ERR_CLUSTER, ETCD_ERR_API_NOT_SERVED, ETCD_ERR_API, ETCD_ERR_MEMBERS, ETCD_ERR_INVALID_RESPONSE, ETCD_ERR_EMPTY_BODY,
/// ETCD_ERR_TOO_LARGE, ETCD_ERR_CLOSED, ETCD_ERR_FORKED, ETCD_ERR_WOULD_DEADLOCK, ETCD_ERR_PANIC, ETCD_ERR_NO_MEMORY, ETCD_ERR_INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_stats(
    client: *mut etcd_client,
    context: *const etcd_context,
    kind: *const c_char,
    json: *mut *mut c_char,
    len: *mut usize,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises.
    unsafe {
        out::put(json, ptr::null_mut());
        out::put(len, 0);
    }
    let body = |client: &Client, context: Option<&Context>| {
        border::present("json", json)?;
        // SAFETY: the C caller's promise.
        let kind = unsafe { strings::owned_text("kind", kind) }?;
        let text = client.carry_out(context, |caller| caller.stats(kind))?;
        let text = strings::large_c_string(&text, "statistics")?;
        // SAFETY: the C caller's promises.
        unsafe {
            out::put(len, text.count_bytes());
            out::put(json, strings::give(text));
        }
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { client::call(client, context, error, body) }
}
