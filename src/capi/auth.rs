//! Auth: whether the cluster asks for users.

use super::border;
use super::client::{self, etcd_client};
use super::context::etcd_context;
use super::error::etcd_error;
use super::status::etcd_status;
use crate::core::caller::Caller;
use crate::ffi::out;

/// Makes the cluster ask for users. The user root must exist (etcd_auth_user_add); the client's own credentials are
/// needed from then on: see etcd_config_set_credentials. Requests without a user act in the role guest, which may do
/// everything with keys until its permissions are revoked. Like every write of this API, it is sent elsewhere only
/// while no byte of it has gone out.
///
/// ETCD_ERR_INVALID_ARGUMENT: client is NULL. ETCD_ERR_AUTH: etcd refused; etcd_error_api_message has its words, such
/// as "auth: No root user available, please create one" or "auth: already enabled" (HTTP 409), or "Insufficient
/// credentials" (HTTP 401). The other statuses of etcd_auth_status, and for a write that must not be sent again what
/// happened at its endpoint: ETCD_ERR_IO, ETCD_ERR_TIMEOUT, ETCD_ERR_HTTP_STATUS, ETCD_ERR_NO_LEADER,
/// ETCD_ERR_INVALID_RESPONSE; its outcome is ETCD_MAYBE_APPLIED then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_enable(
    client: *mut etcd_client,
    context: *const etcd_context,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { client::write(client, context, error, |client, context| client.carry_out(context, Caller::auth_enable)) }
}

/// Lets everybody do everything again; users and roles stay. While auth is enabled, this and all other calls of this
/// API but etcd_auth_status need a user with the role root. Statuses as for etcd_auth_enable; ETCD_ERR_AUTH: "auth:
/// already disabled" (HTTP 409), or "Insufficient credentials" (HTTP 401).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_disable(
    client: *mut etcd_client,
    context: *const etcd_context,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { client::write(client, context, error, |client, context| client.carry_out(context, Caller::auth_disable)) }
}

/// Whether auth is enabled. Needs no user. `enabled` is false on failure. A read: it may be sent to one endpoint after
/// another until one answers.
///
/// ETCD_ERR_INVALID_ARGUMENT: client or enabled is NULL. ETCD_ERR_AUTH: etcd refused; etcd_error_api_message has its
/// words. ETCD_ERR_CANCELED, ETCD_ERR_DEADLINE_EXCEEDED: the context's end. ETCD_ERR_CLUSTER: no endpoint answered.
/// ETCD_ERR_API_NOT_SERVED: v2 is off or gone. ETCD_ERR_INVALID_RESPONSE, ETCD_ERR_EMPTY_BODY, ETCD_ERR_TOO_LARGE: the
/// answer. ETCD_ERR_API: a refusal with a code. ETCD_ERR_CLOSED, ETCD_ERR_FORKED, ETCD_ERR_WOULD_DEADLOCK,
/// ETCD_ERR_PANIC, ETCD_ERR_NO_MEMORY, ETCD_ERR_INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_auth_status(
    client: *mut etcd_client,
    context: *const etcd_context,
    enabled: *mut bool,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(enabled, false) };
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::call(client, context, error, |client, context| {
            border::present("enabled", enabled)?;
            out::put(enabled, client.carry_out(context, Caller::auth_status)?);
            Ok(())
        })
    }
}
