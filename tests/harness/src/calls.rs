//! The blocking calls by their own names, each of which is made through a future instead where `ETCD_TEST_CALLS` is
//! `async`: what a test promises of a call, its asynchronous twin promises too.

use std::ffi::c_char;
use std::sync::OnceLock;

use ::etcd_client::capi::auth_roles::etcd_permission;
use ::etcd_client::capi::client::{etcd_client, etcd_server_version};
use ::etcd_client::capi::context::etcd_context;
use ::etcd_client::capi::error::etcd_error;
use ::etcd_client::capi::future::{etcd_future, etcd_future_free, etcd_future_wait};
use ::etcd_client::capi::future_take::*;
use ::etcd_client::capi::members::etcd_members;
use ::etcd_client::capi::options::*;
use ::etcd_client::capi::response::etcd_response;
use ::etcd_client::capi::strings::etcd_strings;
use ::etcd_client::capi::{
    auth, auth_async, auth_roles, auth_roles_async, auth_users, client, client_async, keys, keys_async, members,
    members_async, monitoring, sync,
};

fn is_asynchronous() -> bool {
    static ASYNCHRONOUS: OnceLock<bool> = OnceLock::new();
    *ASYNCHRONOUS.get_or_init(|| std::env::var("ETCD_TEST_CALLS").is_ok_and(|calls| calls == "async"))
}

/// Waits for the future, takes what it brings, and frees it.
unsafe fn finish(future: *mut etcd_future, take: impl FnOnce(*mut etcd_future) -> i32) -> i32 {
    assert!(!future.is_null(), "a future, whatever the arguments");
    // SAFETY: the future is ours until the free.
    unsafe {
        assert_eq!(etcd_future_wait(future, -1), 0);
        let status = take(future);
        etcd_future_free(future);
        status
    }
}

macro_rules! either {
    ($($module:ident::$name:ident or $async_module:ident::$async_name:ident
        ($($argument:ident: $type:ty),*) -> $take:ident($($output:ident: $output_type:ty),*);)*) => {
        $(
            #[allow(clippy::too_many_arguments)]
            pub(crate) unsafe fn $name(
                client: *mut etcd_client,
                context: *const etcd_context,
                $($argument: $type,)*
                $($output: $output_type,)*
                error: *mut *mut etcd_error,
            ) -> i32 {
                // SAFETY: the caller's promises are the same for both.
                unsafe {
                    if is_asynchronous() {
                        let future = $async_module::$async_name(client, context, $($argument),*);
                        finish(future, |future| $take(future, $($output,)* error))
                    } else {
                        $module::$name(client, context, $($argument,)* $($output,)* error)
                    }
                }
            }
        )*
    };
}

type Text = *const c_char;
type Strings = *const etcd_strings;

either! {
    keys::etcd_keys_get or keys_async::etcd_keys_get_async
        (key: Text, options: *const etcd_get_options) -> etcd_future_take_response(response: *mut *mut etcd_response);
    keys::etcd_keys_set or keys_async::etcd_keys_set_async
        (key: Text, value: Text, value_len: usize, options: *const etcd_set_options)
        -> etcd_future_take_response(response: *mut *mut etcd_response);
    keys::etcd_keys_create or keys_async::etcd_keys_create_async
        (key: Text, value: Text, value_len: usize) -> etcd_future_take_response(response: *mut *mut etcd_response);
    keys::etcd_keys_update or keys_async::etcd_keys_update_async
        (key: Text, value: Text, value_len: usize) -> etcd_future_take_response(response: *mut *mut etcd_response);
    keys::etcd_keys_create_in_order or keys_async::etcd_keys_create_in_order_async
        (dir: Text, value: Text, value_len: usize, options: *const etcd_create_in_order_options)
        -> etcd_future_take_response(response: *mut *mut etcd_response);
    keys::etcd_keys_delete or keys_async::etcd_keys_delete_async
        (key: Text, options: *const etcd_delete_options)
        -> etcd_future_take_response(response: *mut *mut etcd_response);

    members::etcd_members_list or members_async::etcd_members_list_async
        () -> etcd_future_take_members(list: *mut *mut etcd_members);
    members::etcd_members_leader or members_async::etcd_members_leader_async
        () -> etcd_future_take_members(list: *mut *mut etcd_members);
    members::etcd_members_add or members_async::etcd_members_add_async
        (peer_url: Text) -> etcd_future_take_members(added: *mut *mut etcd_members);
    members::etcd_members_remove or members_async::etcd_members_remove_async
        (member_id: Text) -> etcd_future_take();
    members::etcd_members_update or members_async::etcd_members_update_async
        (member_id: Text, peer_urls: Strings) -> etcd_future_take();

    auth::etcd_auth_enable or auth_async::etcd_auth_enable_async () -> etcd_future_take();
    auth::etcd_auth_disable or auth_async::etcd_auth_disable_async () -> etcd_future_take();
    auth::etcd_auth_status or auth_async::etcd_auth_status_async () -> etcd_future_take_bool(enabled: *mut bool);
    auth_users::etcd_auth_user_add or auth_async::etcd_auth_user_add_async
        (user: Text, password: Text) -> etcd_future_take();
    auth_users::etcd_auth_user_change_password or auth_async::etcd_auth_user_change_password_async
        (user: Text, password: Text) -> etcd_future_take();
    auth_users::etcd_auth_user_remove or auth_async::etcd_auth_user_remove_async (user: Text) -> etcd_future_take();
    auth_users::etcd_auth_user_get or auth_async::etcd_auth_user_get_async
        (user: Text) -> etcd_future_take_strings(list: *mut *mut etcd_strings);
    auth_users::etcd_auth_user_list or auth_async::etcd_auth_user_list_async
        () -> etcd_future_take_strings(list: *mut *mut etcd_strings);
    auth_users::etcd_auth_user_grant or auth_async::etcd_auth_user_grant_async
        (user: Text, roles: Strings) -> etcd_future_take();
    auth_users::etcd_auth_user_revoke or auth_async::etcd_auth_user_revoke_async
        (user: Text, roles: Strings) -> etcd_future_take();
    auth_roles::etcd_auth_role_add or auth_roles_async::etcd_auth_role_add_async (role: Text) -> etcd_future_take();
    auth_roles::etcd_auth_role_remove or auth_roles_async::etcd_auth_role_remove_async
        (role: Text) -> etcd_future_take();
    auth_roles::etcd_auth_role_get or auth_roles_async::etcd_auth_role_get_async
        (role: Text) -> etcd_future_take_prefixes(read: *mut *mut etcd_strings, write: *mut *mut etcd_strings);
    auth_roles::etcd_auth_role_list or auth_roles_async::etcd_auth_role_list_async
        () -> etcd_future_take_strings(list: *mut *mut etcd_strings);
    auth_roles::etcd_auth_role_grant_kv or auth_roles_async::etcd_auth_role_grant_kv_async
        (role: Text, prefixes: Strings, permission: etcd_permission) -> etcd_future_take();
    auth_roles::etcd_auth_role_revoke_kv or auth_roles_async::etcd_auth_role_revoke_kv_async
        (role: Text, prefixes: Strings, permission: etcd_permission) -> etcd_future_take();

    client::etcd_client_version or client_async::etcd_client_version_async
        () -> etcd_future_take_version(version: *mut *mut etcd_server_version);
    monitoring::etcd_client_health or client_async::etcd_client_health_async
        (endpoint: Text) -> etcd_future_take_bool(healthy: *mut bool);
    monitoring::etcd_client_stats or client_async::etcd_client_stats_async
        (kind: Text) -> etcd_future_take_string(json: *mut *mut c_char, len: *mut usize);
    sync::etcd_client_sync or client_async::etcd_client_sync_async () -> etcd_future_take();
}
