//! Members, without waiting.

use std::ffi::c_char;

use super::client::etcd_client;
use super::context::etcd_context;
use super::future::{self, Kind, etcd_future};
use super::strings::{self as string_list, etcd_strings};
use crate::core::caller::Caller;
use crate::core::error::Outcome;
use crate::core::value::Value;
use crate::ffi::strings;

/// Begins etcd_members_list, as etcd_keys_get_async does it; its future is taken with etcd_future_take_members.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_list_async(
    client: *mut etcd_client,
    context: *const etcd_context,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Members, client, context, |client, cancel, completed| {
            client.start(cancel, Outcome::NotApplied, completed, Caller::members_list)
        })
    }
}

/// Begins etcd_members_add, as etcd_keys_get_async does it; its future is taken with etcd_future_take_members.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_add_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    peer_url: *const c_char,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Members, client, context, |client, cancel, completed| {
            let peer_url = strings::owned_text("peer_url", peer_url)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| async move {
                caller.members_add(peer_url).await.map(Value::Added)
            })
        })
    }
}

/// Begins etcd_members_remove, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_remove_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    member_id: *const c_char,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            let member_id = strings::owned_text("member_id", member_id)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| caller.members_remove(member_id))
        })
    }
}

/// Begins etcd_members_update, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_update_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    member_id: *const c_char,
    peer_urls: *const etcd_strings,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            let member_id = strings::owned_text("member_id", member_id)?;
            let peer_urls = string_list::owned("peer_urls", peer_urls)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| caller.members_update(member_id, peer_urls))
        })
    }
}

/// Begins etcd_members_leader, as etcd_keys_get_async does it; its future is taken with etcd_future_take_members.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_leader_async(
    client: *mut etcd_client,
    context: *const etcd_context,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Members, client, context, |client, cancel, completed| {
            client.start(cancel, Outcome::NotApplied, completed, Caller::members_leader)
        })
    }
}
