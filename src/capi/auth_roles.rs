//! Roles: what users may do with keys. While auth is enabled, all these calls need a user with the role root.

use std::ffi::c_char;
use std::ptr;

use super::border;
use super::client::{self, etcd_client};
use super::context::etcd_context;
use super::error::etcd_error;
use super::status::etcd_status;
use super::strings::{self as string_list, etcd_strings};
use crate::core::auth::Permission;
use crate::core::caller::Caller;
use crate::core::error::{Error, Result};
use crate::ffi::{handle, out, strings};

/// What is granted or revoked: ETCD_READ, ETCD_WRITE or ETCD_READ_WRITE.
pub type etcd_permission = i32;

/// Reading and watching.
pub const ETCD_READ: etcd_permission = 0;
/// Setting, creating and deleting.
pub const ETCD_WRITE: etcd_permission = 1;
/// Both.
pub const ETCD_READ_WRITE: etcd_permission = 2;

pub(super) fn permission(number: etcd_permission) -> Result<Permission> {
    match number {
        ETCD_READ => Ok(Permission::Read),
        ETCD_WRITE => Ok(Permission::Write),
        ETCD_READ_WRITE => Ok(Permission::ReadWrite),
        unknown => Err(Error::invalid_argument("permission", format_args!("{unknown} is not one of the constants"))),
    }
}

/// Adds a role without permissions. Names are as for users. Statuses as for etcd_auth_enable.
/// ETCD_ERR_INVALID_ARGUMENT: client or role is NULL, or the name is empty, has a "/", or is "." or "..".
/// ETCD_ERR_AUTH: the role exists (HTTP 409), it is the built-in role root (HTTP 403), or "Insufficient credentials"
/// (HTTP 401).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_add(
    client: *mut etcd_client,
    context: *const etcd_context,
    role: *const c_char,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let role = strings::owned_text("role", role)?;
            client.carry_out(context, |caller| caller.auth_role_add(role))
        })
    }
}

/// Removes a role. Users to whom it was granted keep its name, and etcd cannot answer etcd_auth_user_get for them until
/// it is revoked. Statuses as for etcd_auth_role_add. ETCD_ERR_AUTH: there is no such role, for which
/// etcd_error_is_role_not_found is true (HTTP 404), it is the built-in role root (HTTP 403), or "Insufficient
/// credentials" (HTTP 401).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_remove(
    client: *mut etcd_client,
    context: *const etcd_context,
    role: *const c_char,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let role = strings::owned_text("role", role)?;
            client.carry_out(context, |caller| caller.auth_role_remove(role))
        })
    }
}

/// What a role may read and write: keys, or prefixes that end in "*". Both lists may be NULL when they are not wanted;
/// the caller frees them with etcd_strings_free. Statuses as for etcd_auth_status. ETCD_ERR_INVALID_ARGUMENT: client or
/// role is NULL, or the name is one that etcd_auth_role_add refuses. ETCD_ERR_AUTH: there is no such role
/// (etcd_error_is_role_not_found, HTTP 404), or "Insufficient credentials" (HTTP 401).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_get(
    client: *mut etcd_client,
    context: *const etcd_context,
    role: *const c_char,
    read_prefixes: *mut *mut etcd_strings,
    write_prefixes: *mut *mut etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(read_prefixes, ptr::null_mut()) };
    // SAFETY: the C caller's promise.
    unsafe { out::put(write_prefixes, ptr::null_mut()) };
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::call(client, context, error, |client, context| {
            let role = strings::owned_text("role", role)?;
            let prefixes = client.carry_out(context, |caller| caller.auth_role_get(role))?;
            let lists = [string_list::c_strings(&prefixes.read)?, string_list::c_strings(&prefixes.write)?];
            for (list, output) in lists.into_iter().zip([read_prefixes, write_prefixes]) {
                if !output.is_null() {
                    out::put(output, handle::give(list));
                }
            }
            Ok(())
        })
    }
}

/// The names of all roles, the built-in root among them. The caller frees the list with etcd_strings_free. Statuses as
/// for etcd_auth_status.
/// ETCD_ERR_INVALID_ARGUMENT: client or roles is NULL. ETCD_ERR_AUTH: "Insufficient credentials" (HTTP 401).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_list(
    client: *mut etcd_client,
    context: *const etcd_context,
    roles: *mut *mut etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(roles, ptr::null_mut()) };
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::call(client, context, error, |client, context| {
            border::present("roles", roles)?;
            out::put(roles, string_list::give(&client.carry_out(context, Caller::auth_role_list)?)?);
            Ok(())
        })
    }
}

/// Lets a role read or write these keys: "/a" is the key alone, "/a*" everything that starts so, "/a/" followed by "*"
/// all below the directory. Recursive calls need a prefix that ends in "*". All are granted or, on failure, none.
/// Statuses as for etcd_auth_role_remove.
/// ETCD_ERR_INVALID_ARGUMENT also when prefixes is NULL or empty (etcd would take that for a new role) or has an empty
/// string (etcd would crash in every request that it checks against it), or the permission is unknown. ETCD_ERR_AUTH
/// also when one of them was granted already (HTTP 409).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_grant_kv(
    client: *mut etcd_client,
    context: *const etcd_context,
    role: *const c_char,
    prefixes: *const etcd_strings,
    permission: etcd_permission,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let prefixes = string_list::owned("prefixes", prefixes)?;
            let permission = self::permission(permission)?;
            let role = strings::owned_text("role", role)?;
            client.carry_out(context, |caller| caller.auth_role_grant(role, prefixes, permission))
        })
    }
}

/// Takes permissions from a role; those that it does not have are passed over as long as there is one that it has.
/// Statuses as for etcd_auth_role_remove. ETCD_ERR_INVALID_ARGUMENT also when prefixes is NULL or empty, or the
/// permission is unknown. ETCD_ERR_AUTH also when it has none of them (HTTP 400).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_role_revoke_kv(
    client: *mut etcd_client,
    context: *const etcd_context,
    role: *const c_char,
    prefixes: *const etcd_strings,
    permission: etcd_permission,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let prefixes = string_list::owned("prefixes", prefixes)?;
            let permission = self::permission(permission)?;
            let role = strings::owned_text("role", role)?;
            client.carry_out(context, |caller| caller.auth_role_revoke(role, prefixes, permission))
        })
    }
}
