//! Auth and users, without waiting.

use std::ffi::c_char;

use super::client::etcd_client;
use super::context::etcd_context;
use super::future::{self, Kind, etcd_future};
use super::strings::{self as string_list, etcd_strings};
use crate::core::caller::Caller;
use crate::core::error::Outcome;
use crate::ffi::strings;

/// Begins etcd_auth_enable, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_enable_async(
    client: *mut etcd_client,
    context: *const etcd_context,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            client.start(cancel, Outcome::MaybeApplied, completed, Caller::auth_enable)
        })
    }
}

/// Begins etcd_auth_disable, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_disable_async(
    client: *mut etcd_client,
    context: *const etcd_context,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            client.start(cancel, Outcome::MaybeApplied, completed, Caller::auth_disable)
        })
    }
}

/// Begins etcd_auth_status, as etcd_keys_get_async does it; its future is taken with etcd_future_take_bool.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_status_async(
    client: *mut etcd_client,
    context: *const etcd_context,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Bool, client, context, |client, cancel, completed| {
            client.start(cancel, Outcome::NotApplied, completed, Caller::auth_status)
        })
    }
}

/// Begins etcd_auth_user_add, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_add_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
    password: *const c_char,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            let user = strings::owned_text("user", user)?;
            let password = strings::owned_text("password", password)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| caller.auth_user_add(user, password))
        })
    }
}

/// Begins etcd_auth_user_change_password, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_change_password_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
    password: *const c_char,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            let user = strings::owned_text("user", user)?;
            let password = strings::owned_text("password", password)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| {
                caller.auth_user_change_password(user, password)
            })
        })
    }
}

/// Begins etcd_auth_user_remove, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_remove_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            let user = strings::owned_text("user", user)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| caller.auth_user_remove(user))
        })
    }
}

/// Begins etcd_auth_user_get, as etcd_keys_get_async does it; its future is taken with etcd_future_take_strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_get_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Strings, client, context, |client, cancel, completed| {
            let user = strings::owned_text("user", user)?;
            client.start(cancel, Outcome::NotApplied, completed, |caller| caller.auth_user_get(user))
        })
    }
}

/// Begins etcd_auth_user_list, as etcd_keys_get_async does it; its future is taken with etcd_future_take_strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_list_async(
    client: *mut etcd_client,
    context: *const etcd_context,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Strings, client, context, |client, cancel, completed| {
            client.start(cancel, Outcome::NotApplied, completed, Caller::auth_user_list)
        })
    }
}

/// Begins etcd_auth_user_grant, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_grant_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
    roles: *const etcd_strings,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            let user = strings::owned_text("user", user)?;
            let roles = string_list::owned("roles", roles)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| caller.auth_user_grant(user, roles))
        })
    }
}

/// Begins etcd_auth_user_revoke, as etcd_keys_get_async does it; its future is taken with etcd_future_take.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_revoke_async(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
    roles: *const etcd_strings,
) -> *mut etcd_future {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        future::begin(Kind::Nothing, client, context, |client, cancel, completed| {
            let user = strings::owned_text("user", user)?;
            let roles = string_list::owned("roles", roles)?;
            client.start(cancel, Outcome::MaybeApplied, completed, |caller| caller.auth_user_revoke(user, roles))
        })
    }
}
