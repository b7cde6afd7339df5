//! Status: what every call reports, and the other numbers of the API.

use std::ffi::c_char;

use crate::core::status::Status;

/// What a call reports: ETCD_OK or one of the ETCD_ERR_ constants. The ranges tell whom an error concerns: 1 to 99
/// the caller, 100 to 199 the context, 200 to 299 the cluster, 300 to 399 one endpoint, 400 to 499 the answer,
/// 900 to 999 the library. Later versions may add numbers; treat an unknown one by its range.
pub type etcd_status = i32;

/// Success.
pub const ETCD_OK: etcd_status = 0;
/// An argument is not valid; the message starts with its name. Nothing was sent.
pub const ETCD_ERR_INVALID_ARGUMENT: etcd_status = 1;
/// The client was closed, before or during the call.
pub const ETCD_ERR_CLOSED: etcd_status = 2;
/// A blocking call inside one of the library's callbacks was refused.
pub const ETCD_ERR_WOULD_DEADLOCK: etcd_status = 3;
/// The object was made before fork(); in the child it can only be freed.
pub const ETCD_ERR_FORKED: etcd_status = 4;
/// Another call of this kind is running on the same object.
pub const ETCD_ERR_BUSY: etcd_status = 5;
/// The result was already taken.
pub const ETCD_ERR_ALREADY_TAKEN: etcd_status = 6;
/// The result is not there yet.
pub const ETCD_ERR_NOT_READY: etcd_status = 7;
/// Not supported by this version, this server or this system; the message says which.
pub const ETCD_ERR_UNSUPPORTED: etcd_status = 8;
/// The context was cancelled.
pub const ETCD_ERR_CANCELED: etcd_status = 100;
/// The context's deadline, or the client's request timeout, passed.
pub const ETCD_ERR_DEADLINE_EXCEEDED: etcd_status = 101;
/// No endpoint gave a usable answer; the error's list says why, endpoint by endpoint.
pub const ETCD_ERR_CLUSTER: etcd_status = 200;
/// The list of endpoints is empty.
pub const ETCD_ERR_NO_ENDPOINTS: etcd_status = 201;
/// The leader's endpoint could not be found.
pub const ETCD_ERR_NO_LEADER_ENDPOINT: etcd_status = 202;
/// The v2 API is switched off or gone on every server that answered; the message says what to do.
pub const ETCD_ERR_API_NOT_SERVED: etcd_status = 203;
/// The connection could not be made.
pub const ETCD_ERR_CONNECT: etcd_status = 300;
/// The endpoint's host name could not be resolved.
pub const ETCD_ERR_DNS: etcd_status = 301;
/// TLS failed: a certificate was not accepted, by us or by the server, a certificate file cannot be used, or only one side speaks TLS.
pub const ETCD_ERR_TLS: etcd_status = 302;
/// The connection broke.
pub const ETCD_ERR_IO: etcd_status = 303;
/// The endpoint did not answer in the time that this attempt had.
pub const ETCD_ERR_TIMEOUT: etcd_status = 304;
/// The endpoint answered with an HTTP status of 500 or more.
pub const ETCD_ERR_HTTP_STATUS: etcd_status = 305;
/// The endpoint answered that it has no leader.
pub const ETCD_ERR_NO_LEADER: etcd_status = 306;
/// The endpoint redirected more often than the configuration allows.
pub const ETCD_ERR_TOO_MANY_REDIRECTS: etcd_status = 307;
/// The endpoint redirected to where the library cannot or will not go.
pub const ETCD_ERR_BAD_REDIRECT: etcd_status = 308;
/// etcd refused the request; etcd_error_api_code says why.
pub const ETCD_ERR_API: etcd_status = 400;
/// etcd's auth API refused the request.
pub const ETCD_ERR_AUTH: etcd_status = 401;
/// etcd's members API refused the request.
pub const ETCD_ERR_MEMBERS: etcd_status = 402;
/// The answer makes no sense; the endpoint is probably not etcd.
pub const ETCD_ERR_INVALID_RESPONSE: etcd_status = 403;
/// The answer has an empty body.
pub const ETCD_ERR_EMPTY_BODY: etcd_status = 404;
/// The answer is larger than the library accepts.
pub const ETCD_ERR_TOO_LARGE: etcd_status = 405;
/// There is not enough memory for a size that the caller or an answer asked for. The outcome says what a write has done.
pub const ETCD_ERR_NO_MEMORY: etcd_status = 900;
/// A bug in the library was caught. The client that it struck refuses further calls with this status.
pub const ETCD_ERR_PANIC: etcd_status = 901;
/// An internal error, such as no file descriptors left.
pub const ETCD_ERR_INTERNAL: etcd_status = 902;

/// Key not found.
pub const ETCD_API_KEY_NOT_FOUND: i32 = 100;
/// Compare failed; the cause is "[wanted != actual]".
pub const ETCD_API_COMPARE_FAILED: i32 = 101;
/// Not a file: the key is a directory.
pub const ETCD_API_NOT_FILE: i32 = 102;
/// Reached the max number of peers in the cluster (etcd 0.4).
pub const ETCD_API_NO_MORE_PEER: i32 = 103;
/// Not a directory: a part of the path is a file.
pub const ETCD_API_NOT_DIR: i32 = 104;
/// Key already exists.
pub const ETCD_API_NODE_EXIST: i32 = 105;
/// The prefix of given key is a keyword in etcd (etcd 0.4).
pub const ETCD_API_KEY_IS_PRESERVED: i32 = 106;
/// Root is read only.
pub const ETCD_API_ROOT_READ_ONLY: i32 = 107;
/// Directory not empty.
pub const ETCD_API_DIR_NOT_EMPTY: i32 = 108;
/// Peer address has existed (etcd 0.4).
pub const ETCD_API_EXISTING_PEER_ADDR: i32 = 109;
/// The request requires user authentication: wrong or missing credentials, or permissions that do not suffice.
pub const ETCD_API_UNAUTHORIZED: i32 = 110;
/// Value is Required in POST form (etcd 0.4).
pub const ETCD_API_VALUE_REQUIRED: i32 = 200;
/// PrevValue is Required in POST form.
pub const ETCD_API_PREV_VALUE_REQUIRED: i32 = 201;
/// The given TTL in POST form is not a number.
pub const ETCD_API_TTL_NAN: i32 = 202;
/// The given index in POST form is not a number.
pub const ETCD_API_INDEX_NAN: i32 = 203;
/// Value or TTL is required in POST form (etcd 0.4).
pub const ETCD_API_VALUE_OR_TTL_REQUIRED: i32 = 204;
/// The given timeout in POST form is not a number (etcd 0.4).
pub const ETCD_API_TIMEOUT_NAN: i32 = 205;
/// Name is required in POST form (etcd 0.4).
pub const ETCD_API_NAME_REQUIRED: i32 = 206;
/// Index or value is required (etcd 0.4).
pub const ETCD_API_INDEX_OR_VALUE_REQUIRED: i32 = 207;
/// Index and value cannot both be specified (etcd 0.4).
pub const ETCD_API_INDEX_VALUE_MUTEX: i32 = 208;
/// Invalid field.
pub const ETCD_API_INVALID_FIELD: i32 = 209;
/// Invalid POST form, among other things a value larger than etcd takes.
pub const ETCD_API_INVALID_FORM: i32 = 210;
/// Value provided on refresh.
pub const ETCD_API_REFRESH_VALUE: i32 = 211;
/// A TTL must be provided on refresh.
pub const ETCD_API_REFRESH_TTL_REQUIRED: i32 = 212;
/// Raft Internal Error: the cluster did not decide in time. A write may still happen, even after a newer one.
pub const ETCD_API_RAFT_INTERNAL: i32 = 300;
/// During Leader Election.
pub const ETCD_API_LEADER_ELECT: i32 = 301;
/// Watcher is cleared due to etcd recovery.
pub const ETCD_API_WATCHER_CLEARED: i32 = 400;
/// The event in requested index is outdated and cleared.
pub const ETCD_API_EVENT_INDEX_CLEARED: i32 = 401;
/// Standby Internal Error (etcd 0.4).
pub const ETCD_API_STANDBY_INTERNAL: i32 = 402;
/// Invalid active size (etcd 0.4).
pub const ETCD_API_INVALID_ACTIVE_SIZE: i32 = 403;
/// Standby remove delay (etcd 0.4).
pub const ETCD_API_INVALID_REMOVE_DELAY: i32 = 404;
/// Client Internal Error (etcd 0.4).
pub const ETCD_API_CLIENT_INTERNAL: i32 = 500;

/// Whether a write happened: ETCD_NOT_APPLIED, ETCD_MAYBE_APPLIED or ETCD_APPLIED.
pub type etcd_outcome = i32;

/// The write did not happen and will not: it may be sent again. Also the outcome of reads.
pub const ETCD_NOT_APPLIED: etcd_outcome = 0;
/// The write may have happened, or may still happen: look before sending it again.
pub const ETCD_MAYBE_APPLIED: etcd_outcome = 1;
/// The write happened; only its answer could not be used.
pub const ETCD_APPLIED: etcd_outcome = 2;

/// The constant's own name, such as "ETCD_ERR_CLUSTER"; "ETCD_ERR_UNKNOWN" for a number that this version of the
/// library does not know. Static; never NULL; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_status_name(status: etcd_status) -> *const c_char {
    Status::from_number(status).map_or(c"ETCD_ERR_UNKNOWN", Status::name).as_ptr()
}

/// What the status means, in a few words of English. An error's own message says more: etcd_error_message.
/// Static; never NULL; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_status_text(status: etcd_status) -> *const c_char {
    Status::from_number(status).map_or(c"unknown status", Status::text).as_ptr()
}
