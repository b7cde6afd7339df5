//! Sync: the endpoints become those that the cluster advertises.

use super::client::{self, etcd_client};
use super::context::etcd_context;
use super::error::etcd_error;
use super::status::etcd_status;
use crate::core::caller::Caller;
use crate::core::client::Client;
use crate::rt::context::Context;

/// Replaces the endpoints by those that the members advertise as their client URLs. The configured endpoints (or those of the
/// last etcd_client_set_endpoints) that are not advertised stay behind them as a last resort, so that URLs which cannot be
/// reached from here do no harm. URLs that this client cannot or must not use are left out with a warning in the log: a
/// client with https endpoints only never takes a plain one. Blocks.
///
/// ETCD_SELECT_RANDOM: when the advertised endpoints are still the same, nothing changes; otherwise they are shuffled, and the
/// first at which a member of the cluster answers is pinned. ETCD_SELECT_LEADER: calls start at the leader, until it fails or the next sync.
/// An etcd_client_set_endpoints made meanwhile wins.
///
/// On failure the endpoints stay. ETCD_ERR_NO_ENDPOINTS: no client URL is advertised, or none can be used.
/// ETCD_ERR_NO_LEADER_ENDPOINT: with ETCD_SELECT_LEADER, no leader was found; the error's list says why.
/// ETCD_ERR_INVALID_ARGUMENT: client is NULL. ETCD_ERR_CANCELED, ETCD_ERR_DEADLINE_EXCEEDED, ETCD_ERR_CLUSTER,
/// ETCD_ERR_API_NOT_SERVED, ETCD_ERR_MEMBERS, ETCD_ERR_API, ETCD_ERR_EMPTY_BODY, ETCD_ERR_INVALID_RESPONSE,
/// ETCD_ERR_TOO_LARGE, ETCD_ERR_CLOSED, ETCD_ERR_FORKED, ETCD_ERR_WOULD_DEADLOCK, ETCD_ERR_PANIC, ETCD_ERR_NO_MEMORY, ETCD_ERR_INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_sync(
    client: *mut etcd_client,
    context: *const etcd_context,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let body = |client: &Client, context: Option<&Context>| client.carry_out(context, Caller::sync);
    // SAFETY: the C caller's promise.
    unsafe { client::call(client, context, error, body) }
}

/// Syncs at once and then every `interval_ms` milliseconds, on the calling thread, as Go's AutoSync. It returns only with an
/// error: that of the first sync that fails, ETCD_ERR_CANCELED or ETCD_ERR_DEADLINE_EXCEEDED when the context ends, or
/// ETCD_ERR_CLOSED. Each sync may take the client's request timeout at most; a NULL context sets no limit to the whole.
/// Waiting between two syncs holds no connection back from other calls. Programs that want to go on after failures use
/// etcd_client_start_auto_sync.
///
/// ETCD_ERR_INVALID_ARGUMENT: client is NULL, or interval_ms is not positive. All others as for etcd_client_sync:
/// ETCD_ERR_NO_ENDPOINTS, ETCD_ERR_NO_LEADER_ENDPOINT, ETCD_ERR_CLUSTER, ETCD_ERR_API_NOT_SERVED, ETCD_ERR_MEMBERS,
/// ETCD_ERR_API, ETCD_ERR_EMPTY_BODY, ETCD_ERR_INVALID_RESPONSE, ETCD_ERR_TOO_LARGE, ETCD_ERR_FORKED,
/// ETCD_ERR_WOULD_DEADLOCK, ETCD_ERR_PANIC, ETCD_ERR_NO_MEMORY, ETCD_ERR_INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_auto_sync(
    client: *mut etcd_client,
    context: *const etcd_context,
    interval_ms: i64,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let body = |client: &Client, context: Option<&Context>| client.auto_sync(context, interval_ms);
    // SAFETY: the C caller's promise.
    unsafe { client::call(client, context, error, body) }
}

/// Syncs at once and then every `interval_ms` milliseconds in the background, until etcd_client_stop_auto_sync,
/// etcd_client_close or etcd_client_free. Starts the client's thread if it does not run yet. A sync that fails is a warning
/// in the log, and is tried again sooner than the interval, less and less often. Called again, the new interval replaces
/// the old one, beginning with a sync. Does not block. Ten seconds to a minute is a good interval.
///
/// ETCD_ERR_INVALID_ARGUMENT: client is NULL, or interval_ms is not positive. ETCD_ERR_CLOSED, ETCD_ERR_FORKED,
/// ETCD_ERR_PANIC, ETCD_ERR_NO_MEMORY, ETCD_ERR_INTERNAL: no thread could be started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_start_auto_sync(
    client: *mut etcd_client,
    interval_ms: i64,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let body = |client: &Client, _: Option<&Context>| client.start_auto_sync(interval_ms);
    // SAFETY: the C caller's promise.
    unsafe { client::call(client, std::ptr::null(), error, body) }
}

/// Ends the background auto-sync: no sync starts after this has returned, and one that runs is given up. Fine when none runs.
/// The endpoints stay as they are. Does not block.
///
/// ETCD_ERR_INVALID_ARGUMENT: client is NULL. ETCD_ERR_FORKED, ETCD_ERR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_stop_auto_sync(client: *mut etcd_client) -> etcd_status {
    let body = |client: &Client, _: Option<&Context>| {
        client.stop_auto_sync();
        Ok(())
    };
    // SAFETY: the C caller's promise; there is no error object.
    unsafe { client::call(client, std::ptr::null(), std::ptr::null_mut(), body) }
}
