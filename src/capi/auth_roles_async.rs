//! Roles, without waiting.

use std::ffi::c_char;

use super::auth_roles::{self, etcd_permission};
use super::client::etcd_client;
use super::context::etcd_context;
use super::future::{self, Kind, etcd_future};
use super::strings::{self as string_list, etcd_strings};
use crate::core::caller::Caller;
use crate::core::error::Outcome;
use crate::ffi::strings;

/// Begins etcd_auth_role_add, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_add_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    role: *const c_char,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            let role = strings::owned_text("role", role)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| caller.auth_role_add(role))
        })
    }
}

/// Begins etcd_auth_role_remove, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_remove_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    role: *const c_char,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            let role = strings::owned_text("role", role)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| caller.auth_role_remove(role))
        })
    }
}

/// Begins etcd_auth_role_get, as etcd_keys_get_async does it; its future is taken with etcd_future_take_prefixes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_get_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    role: *const c_char,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Prefixes, client, context, |client, cancel, completed| {
            let role = strings::owned_text("role", role)?;
            client.start(cancel, Outcome::NotApplied, completed, |caller| caller.auth_role_get(role))
        })
    }
}

/// Begins etcd_auth_role_list, as etcd_keys_get_async does it; its future is taken with etcd_future_take_strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_list_async(
    client: *mut etcd_client,
    context: *const etcd_context,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Strings, client, context, |client, cancel, completed| {
            client.start(cancel, Outcome::NotApplied, completed, Caller::auth_role_list)
        })
    }
}

/// Begins etcd_auth_role_grant_kv, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_grant_kv_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    role: *const c_char,
    prefixes: *const etcd_strings,
    permission: etcd_permission,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            let role = strings::owned_text("role", role)?;
            let prefixes = string_list::owned("prefixes", prefixes)?;
            let permission = auth_roles::permission(permission)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| {
                caller.auth_role_grant(role, prefixes, permission)
            })
        })
    }
}

/// Begins etcd_auth_role_revoke_kv, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_revoke_kv_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    role: *const c_char,
    prefixes: *const etcd_strings,
    permission: etcd_permission,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            let role = strings::owned_text("role", role)?;
            let prefixes = string_list::owned("prefixes", prefixes)?;
            let permission = auth_roles::permission(permission)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| {
                caller.auth_role_revoke(role, prefixes, permission)
            })
        })
    }
}
