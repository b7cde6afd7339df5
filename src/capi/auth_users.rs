//! Users. While auth is enabled, all these calls need a user with the role root.

use std::ffi::c_char;
use std::ptr;

use super::border;
use super::client::{self, etcd_client};
use super::context::etcd_context;
use super::error::etcd_error;
use super::status::etcd_status;
use super::strings::{self as string_list, etcd_strings};
use crate::core::caller::Caller;
use crate::ffi::{out, strings};

/// Adds a user with a password; the user root gets the role root by itself. A user that exists is refused and keeps its
/// password, which Go and the server would replace: the user is looked for first, all in the time of one call. When
/// another client adds the same user between the look and the request, or the member that is asked lags behind, the
/// server replaces the password all the same, and the call says so: ETCD_ERR_AUTH with outcome ETCD_APPLIED.
///
/// Names are case-sensitive and cannot have a "/". etcd does not list users whose name starts with "_", and no one can
/// log in as a user with a ":" in the name.
///
/// ETCD_ERR_INVALID_ARGUMENT: client, user or password is NULL or empty, or the name has a "/" or is "." or "..".
/// ETCD_ERR_AUTH: "auth: User bob already exists." (HTTP 409), or "Insufficient credentials" (HTTP 401): nobody with
/// the role root. The statuses of etcd_auth_enable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_add(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
    password: *const c_char,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let user = strings::owned_text("user", user)?;
            let password = strings::owned_text("password", password)?;
            client.carry_out(context, |caller| caller.auth_user_add(user, password))
        })
    }
}

/// Replaces the password of a user that exists; a missing one is refused and not made. Clients that use the old
/// password are refused from then on, this one too if it is its own user. Statuses as for etcd_auth_user_add.
/// ETCD_ERR_AUTH: there is no such user, for which etcd_error_is_user_not_found is true (HTTP 404), or "Insufficient
/// credentials" (HTTP 401).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_change_password(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
    password: *const c_char,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let user = strings::owned_text("user", user)?;
            let password = strings::owned_text("password", password)?;
            client.carry_out(context, |caller| caller.auth_user_change_password(user, password))
        })
    }
}

/// Removes a user. Statuses as for etcd_auth_user_change_password; ETCD_ERR_AUTH also for root while auth is enabled
/// (HTTP 403).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_remove(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let user = strings::owned_text("user", user)?;
            client.carry_out(context, |caller| caller.auth_user_remove(user))
        })
    }
}

/// The names of a user's roles, as the member that answers knows them. The caller frees the list with
/// etcd_strings_free. Statuses as for etcd_auth_status. ETCD_ERR_INVALID_ARGUMENT: client, user or roles is NULL, or
/// the name is one that etcd_auth_user_add refuses. ETCD_ERR_AUTH: there is no such user (etcd_error_is_user_not_found,
/// HTTP 404), one of its roles is gone (etcd_error_is_role_not_found, HTTP 404), or "Insufficient credentials" (HTTP
/// 401).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_get(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
    roles: *mut *mut etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(roles, ptr::null_mut()) };
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::call(client, context, error, |client, context| {
            border::present("roles", roles)?;
            let user = strings::owned_text("user", user)?;
            let list = client.carry_out(context, |caller| caller.auth_user_get(user))?;
            out::put(roles, string_list::give(&list)?);
            Ok(())
        })
    }
}

/// The names of all users. The caller frees the list with etcd_strings_free. Statuses as for etcd_auth_status.
/// ETCD_ERR_INVALID_ARGUMENT: client or users is NULL. ETCD_ERR_AUTH: "Insufficient credentials" (HTTP 401).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_list(
    client: *mut etcd_client,
    context: *const etcd_context,
    users: *mut *mut etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(users, ptr::null_mut()) };
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::call(client, context, error, |client, context| {
            border::present("users", users)?;
            out::put(users, string_list::give(&client.carry_out(context, Caller::auth_user_list)?)?);
            Ok(())
        })
    }
}

/// Gives a user roles: all of them or, on failure, none. etcd takes roles that do not exist too, and then cannot answer
/// etcd_auth_user_get. Statuses as for etcd_auth_user_change_password. ETCD_ERR_INVALID_ARGUMENT also when roles is
/// NULL or empty or has an empty name. ETCD_ERR_AUTH also when the user has one of the roles already (HTTP 409).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_grant(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
    roles: *const etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let roles = string_list::owned("roles", roles)?;
            let user = strings::owned_text("user", user)?;
            client.carry_out(context, |caller| caller.auth_user_grant(user, roles))
        })
    }
}

/// Takes roles from a user: all of them or, on failure, none. Statuses as for etcd_auth_user_change_password.
/// ETCD_ERR_INVALID_ARGUMENT also when roles is NULL or empty. ETCD_ERR_AUTH also when the user does not have one of
/// the roles (HTTP 409).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_user_revoke(
    client: *mut etcd_client,
    context: *const etcd_context,
    user: *const c_char,
    roles: *const etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let roles = string_list::owned("roles", roles)?;
            let user = strings::owned_text("user", user)?;
            client.carry_out(context, |caller| caller.auth_user_revoke(user, roles))
        })
    }
}
