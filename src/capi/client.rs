//! Client: made from a configuration, used by any number of threads, closed or just freed.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::Arc;

use super::border;
use super::config::etcd_config;
use super::context::etcd_context;
use super::error::etcd_error;
use super::status::etcd_status;
use super::strings::{self as string_list, etcd_strings};
use crate::core::caller::Caller;
use crate::core::client::Client;
use crate::core::config::{Config, timeout_from_ms};
use crate::core::error::{Error, Outcome, Result};
use crate::core::status::Status;
use crate::core::v2::version::ServerVersion;
use crate::ffi::handle::{self, Handle};
use crate::ffi::process;
use crate::ffi::{out, panics, strings};
use crate::rt::context::Context;

/// A client of one etcd cluster. May be used from many threads at once. Calls in flight keep it alive.
pub struct etcd_client {
    _opaque: [u8; 0],
}

/// The versions of a server and its cluster. Immutable, so any number of threads may read it.
pub struct etcd_server_version {
    _opaque: [u8; 0],
}

/// A client with what the border has to know of it.
pub struct ClientHandle {
    client: Arc<Client>,
    /// The process that made it: in a forked child its locks and sockets are the parent's.
    process: u32,
}

pub struct VersionText {
    server: CString,
    cluster: CString,
}

impl VersionText {
    pub(super) fn new(version: &ServerVersion) -> Result<VersionText> {
        Ok(VersionText {
            server: strings::large_c_string(&version.server, "a version")?,
            cluster: strings::large_c_string(&version.cluster, "a version")?,
        })
    }
}

impl Handle for etcd_client {
    type Value = Arc<ClientHandle>;
    const TAG: u64 = 0x6563_6c69_656e_7431;
}

impl Handle for etcd_server_version {
    type Value = VersionText;
    const TAG: u64 = 0x6576_6572_7369_6f6e;
}

impl ClientHandle {
    pub(super) fn is_inherited(&self) -> bool {
        self.process != process::id()
    }

    /// Runs a call of this client, unless it was inherited by fork or struck by a panic.
    pub(super) fn call(&self, body: impl FnOnce(&Arc<Client>) -> Result<()>) -> Result<()> {
        self.end(|client| {
            client.trust().refuse_when_lost()?;
            body(client)
        })
    }

    /// As `call`, for what ends something: that has to work after a panic too.
    pub(super) fn end(&self, body: impl FnOnce(&Arc<Client>) -> Result<()>) -> Result<()> {
        if self.is_inherited() {
            return Err(Error::new(Status::Forked, "the client was made before fork(); make a new one in the child"));
        }
        self.finish(|| body(&self.client))
    }

    /// Runs code of the library that has nobody to return to; a panic in it strikes the client.
    pub(super) fn caught<T>(&self, body: impl FnOnce() -> T) -> Result<T> {
        panics::catch(body).inspect_err(|panic| self.client.trust().lost(panic))
    }

    /// Runs the library's code; a panic in it, or one that it tells of, strikes the client.
    pub(super) fn finish(&self, body: impl FnOnce() -> Result<()>) -> Result<()> {
        let result = panics::catch(body).and_then(|result| result);
        if let Err(error) = &result
            && error.status() == Status::Panic
        {
            self.client.trust().lost(error);
        }
        result
    }
}

/// Runs a call that can fail on the client and context that C gave.
///
/// # Safety
/// The pointers are NULL or valid, as the header asks.
pub(super) unsafe fn call(
    client: *mut etcd_client,
    context: *const etcd_context,
    error: *mut *mut etcd_error,
    body: impl FnOnce(&Client, Option<&Context>) -> Result<()>,
) -> etcd_status {
    // SAFETY: the caller's promise.
    unsafe { call_once(client, context, error, &mut once(body)) }
}

/// Compiled once, and not for each function of the header.
///
/// # Safety
/// As for `call`.
#[inline(never)]
unsafe fn call_once(
    client: *mut etcd_client,
    context: *const etcd_context,
    error: *mut *mut etcd_error,
    body: Body<'_>,
) -> etcd_status {
    let call = || {
        // SAFETY: the caller's promise.
        let client = Arc::clone(unsafe { border::required("client", client.cast_const()) }?);
        // SAFETY: the caller's promise.
        let context = unsafe { border::optional("context", context) }?.cloned();
        client.call(|client| body(client, context.as_ref()))
    };
    // SAFETY: the caller's promise.
    unsafe { border::fallible(error, call) }
}

/// What a write had done when a panic struck, here or on the library's own thread, nobody can say.
pub(super) fn undecided_by_a_panic(is_write: impl FnOnce() -> bool, result: Result<Result<()>>) -> Result<()> {
    result.and_then(|result| result).map_err(|error| match error.status() == Status::Panic && is_write() {
        true => error.with_outcome(Outcome::MaybeApplied),
        false => error,
    })
}

/// As `call`, for what changes the cluster: what it had done when a panic struck, nobody can say.
///
/// # Safety
/// As for `call`.
pub(super) unsafe fn write(
    client: *mut etcd_client,
    context: *const etcd_context,
    error: *mut *mut etcd_error,
    body: impl FnOnce(&Client, Option<&Context>) -> Result<()>,
) -> etcd_status {
    // SAFETY: the caller's promise.
    unsafe { write_once(client, context, error, &mut once(body)) }
}

/// As `call_once`.
///
/// # Safety
/// As for `call`.
#[inline(never)]
unsafe fn write_once(
    client: *mut etcd_client,
    context: *const etcd_context,
    error: *mut *mut etcd_error,
    body: Body<'_>,
) -> etcd_status {
    let run = |client: &Client, context: Option<&Context>| {
        undecided_by_a_panic(|| true, panics::catch(|| body(client, context)))
    };
    // SAFETY: the caller's promise.
    unsafe { call(client, context, error, run) }
}

/// What a function of the header does, behind a pointer.
type Body<'a> = &'a mut dyn FnMut(&Client, Option<&Context>) -> Result<()>;

fn once(
    body: impl FnOnce(&Client, Option<&Context>) -> Result<()>,
) -> impl FnMut(&Client, Option<&Context>) -> Result<()> {
    let mut body = Some(body);
    move |client, context| match body.take() {
        Some(body) => body(client, context),
        None => Err(Error::new(Status::Internal, "a call was to be made twice")),
    }
}

/// Makes a client from a copy of `config`; NULL takes all defaults. No network traffic, no thread. The caller frees it with
/// etcd_client_free. Create clients before threads that change the environment: the proxy variables are read here.
///
/// ETCD_ERR_INVALID_ARGUMENT: client is NULL, or config is not a configuration. ETCD_ERR_UNSUPPORTED:
/// ETCD_PROTOCOL_V3, in this version. ETCD_ERR_TLS: a CA or client certificate file cannot be read or used, or a key is not that of
/// its certificate; the error names the file and says why.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_new(
    config: *const etcd_config,
    client: *mut *mut etcd_client,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(client, ptr::null_mut()) };
    let make = || {
        border::present("client", client)?;
        // SAFETY: the C caller's promise.
        let config = unsafe { border::optional("config", config) }?.map_or_else(Config::default, Config::clone);
        let made = ClientHandle { client: Arc::new(Client::new(config)?), process: process::id() };
        // SAFETY: the C caller's promise.
        unsafe { out::put(client, handle::give(Arc::new(made))) };
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { border::fallible(error, make) }
}

/// Frees a client; NULL is fine. Never waits: calls that other threads have running go on to their end. Any thread. In a
/// forked child the client is left alone and its memory is not given back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_free(client: *mut etcd_client) {
    border::infallible((), || {
        // SAFETY: the caller owns the object.
        if let Some(client) = unsafe { handle::take(client) }
            && client.is_inherited()
        {
            std::mem::forget(client);
        }
    });
}

/// Closes a client in good order: running calls return ETCD_ERR_CLOSED at once, new ones are refused with it, and this call
/// waits, at most `timeout_ms` milliseconds (0 = as long as it takes), until all have returned, all connections are closed and
/// the library's thread has ended. The client must still be freed. Closing twice is fine, and so is closing after a caught panic.
///
/// ETCD_ERR_DEADLINE_EXCEEDED: something was still running at the end; the client is closed all the same.
/// ETCD_ERR_INVALID_ARGUMENT: client is NULL, or timeout_ms is negative. ETCD_ERR_WOULD_DEADLOCK: called inside one of the
/// library's callbacks. ETCD_ERR_FORKED, ETCD_ERR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_close(
    client: *mut etcd_client,
    timeout_ms: i64,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let close = || {
        // SAFETY: the C caller's promise.
        let client = Arc::clone(unsafe { border::required("client", client.cast_const()) }?);
        client.end(|client| client.close(timeout_from_ms("timeout_ms", timeout_ms)?))
    };
    // SAFETY: the C caller's promise.
    unsafe { border::fallible(error, close) }
}

/// The endpoints in the shuffled order in which they are tried, without credentials. After a sync those that the cluster
/// advertises come first, and behind them the configured ones that it does not advertise, which are the last resort. The
/// caller frees the list. No network traffic.
///
/// ETCD_ERR_INVALID_ARGUMENT: client or endpoints is NULL. ETCD_ERR_FORKED, ETCD_ERR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_endpoints(
    client: *mut etcd_client,
    endpoints: *mut *mut etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(endpoints, ptr::null_mut()) };
    let body = |client: &Client, _: Option<&Context>| {
        border::present("endpoints", endpoints)?;
        // SAFETY: the C caller's promise.
        unsafe { out::put(endpoints, string_list::give(&client.endpoints())?) };
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { call(client, ptr::null(), error, body) }
}

/// Replaces the endpoints, all or nothing; the list is copied. They are shuffled, and the first is pinned. Calls in flight keep
/// the endpoints that they started with, and a sync in flight changes nothing any more. From now on these are the endpoints
/// that a sync keeps as a last resort.
///
/// ETCD_ERR_NO_ENDPOINTS: the list is empty. ETCD_ERR_INVALID_ARGUMENT: client or endpoints is NULL, or a URL cannot work.
/// ETCD_ERR_CLOSED, ETCD_ERR_FORKED, ETCD_ERR_PANIC. The old endpoints stay then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_set_endpoints(
    client: *mut etcd_client,
    endpoints: *const etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let body = |client: &Client, _: Option<&Context>| {
        // SAFETY: the C caller's promise.
        let list = unsafe { string_list::texts("endpoints", endpoints) }?;
        client.set_endpoints(list.into_iter())
    };
    // SAFETY: the C caller's promise.
    unsafe { call(client, ptr::null(), error, body) }
}

/// The version of the server that answers, and of its cluster. The caller frees it with etcd_server_version_free. Blocks.
///
/// ETCD_ERR_INVALID_ARGUMENT: client or version is NULL. ETCD_ERR_CANCELED, ETCD_ERR_DEADLINE_EXCEEDED, ETCD_ERR_CLUSTER,
/// ETCD_ERR_INVALID_RESPONSE, ETCD_ERR_EMPTY_BODY, ETCD_ERR_API, ETCD_ERR_TOO_LARGE, ETCD_ERR_CLOSED, ETCD_ERR_FORKED,
/// ETCD_ERR_WOULD_DEADLOCK, ETCD_ERR_PANIC, ETCD_ERR_NO_MEMORY, ETCD_ERR_INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_client_version(
    client: *mut etcd_client,
    context: *const etcd_context,
    version: *mut *mut etcd_server_version,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(version, ptr::null_mut()) };
    let body = |client: &Client, context: Option<&Context>| {
        border::present("version", version)?;
        let text = VersionText::new(&client.carry_out(context, Caller::version)?)?;
        // SAFETY: the C caller's promise.
        unsafe { out::put(version, handle::give(text)) };
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { call(client, context, error, body) }
}

/// The server's version, such as "3.4.23"; borrowed; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_server_version_server(v: *const etcd_server_version) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { handle::borrow(v) }.map_or(ptr::null(), |version| version.server.as_ptr())
}

/// The cluster's version, such as "3.4.0", or "not_decided" while it starts; borrowed; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_server_version_cluster(v: *const etcd_server_version) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { handle::borrow(v) }.map_or(ptr::null(), |version| version.cluster.as_ptr())
}

/// Frees a version; NULL is fine; any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_server_version_free(v: *mut etcd_server_version) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(v) }
}
