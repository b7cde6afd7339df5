//! Sync and monitoring, without waiting.

use std::ffi::c_char;

use super::client::etcd_client;
use super::context::etcd_context;
use super::future::{self, Kind, etcd_future};
use crate::core::caller::Caller;
use crate::core::error::Outcome;
use crate::ffi::strings;

/// Begins etcd_client_sync, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_sync_async(
    client: *mut etcd_client,
    context: *const etcd_context,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            client.start(cancel, Outcome::NotApplied, completed, Caller::sync)
        })
    }
}

/// Begins etcd_client_version, as etcd_keys_get_async does it; its future is taken with etcd_future_take_version.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_version_async(
    client: *mut etcd_client,
    context: *const etcd_context,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Version, client, context, |client, cancel, completed| {
            client.start(cancel, Outcome::NotApplied, completed, Caller::version)
        })
    }
}

/// Begins etcd_client_health, as etcd_keys_get_async does it; its future is taken with etcd_future_take_bool.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_health_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    endpoint: *const c_char,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Bool, client, context, |client, cancel, completed| {
            let endpoint = strings::optional_text("endpoint", endpoint)?.map(str::to_owned);
            client.start(cancel, Outcome::NotApplied, completed, |caller| caller.health(endpoint))
        })
    }
}

/// Begins etcd_client_stats, as etcd_keys_get_async does it; its future is taken with etcd_future_take_string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_stats_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    kind: *const c_char,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::String, client, context, |client, cancel, completed| {
            let kind = strings::owned_text("kind", kind)?;
            client.start(cancel, Outcome::NotApplied, completed, |caller| caller.stats(kind))
        })
    }
}
