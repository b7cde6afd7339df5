//! Config: what a client is made from.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::border;
use super::status::etcd_status;
use crate::core::config::{self, Config, Protocol, SelectionMode};
use crate::core::endpoint::Credentials;
use crate::core::error::{Error, Result};
use crate::core::log::{Level, Log, Sink};
use crate::faults::{self, Place};
use crate::ffi::handle::{self, Handle};
use crate::ffi::strings;
use crate::ffi::user_data::UserData;
use crate::rt::callback;

/// The configuration of a client. One thread at a time; etcd_client_new copies it, and the caller always frees it.
pub struct etcd_config {
    _opaque: [u8; 0],
}

impl Handle for etcd_config {
    type Value = Config;
    const TAG: u64 = 0x6563_6f6e_6669_6731;
}

/// How a client chooses the endpoint that it pins: ETCD_SELECT_RANDOM or ETCD_SELECT_LEADER.
pub type etcd_selection_mode = i32;

/// The endpoints are shuffled, and the first one is pinned.
pub const ETCD_SELECT_RANDOM: etcd_selection_mode = 0;
/// As ETCD_SELECT_RANDOM, but a sync pins the leader.
pub const ETCD_SELECT_LEADER: etcd_selection_mode = 1;

/// How much is logged: ETCD_LOG_ERROR to ETCD_LOG_DEBUG, each with all before it.
pub type etcd_log_level = i32;

/// What the library could not do.
pub const ETCD_LOG_ERROR: etcd_log_level = 1;
/// Endpoints that failed.
pub const ETCD_LOG_WARN: etcd_log_level = 2;
/// Changes of the endpoints.
pub const ETCD_LOG_INFO: etcd_log_level = 3;
/// Every attempt, as a cURL command without credentials.
pub const ETCD_LOG_DEBUG: etcd_log_level = 4;

/// The protocol spoken to etcd: ETCD_PROTOCOL_AUTO, ETCD_PROTOCOL_V2 or ETCD_PROTOCOL_V3.
pub type etcd_protocol = i32;

/// What the server offers; in this version always v2.
pub const ETCD_PROTOCOL_AUTO: etcd_protocol = 0;
/// etcd's v2 API.
pub const ETCD_PROTOCOL_V2: etcd_protocol = 2;
/// etcd's v3 API. Not in this version: etcd_client_new reports ETCD_ERR_UNSUPPORTED.
pub const ETCD_PROTOCOL_V3: etcd_protocol = 3;

/// Frees `user_data`. Called exactly once, after the last callback that gets it: where callbacks run, or on the thread whose
/// call fails, before that call returns. Blocking calls inside give ETCD_ERR_WOULD_DEADLOCK; everything may be freed.
pub type etcd_drop_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Receives a log message: one line of UTF-8, without credentials, borrowed for the call. Called on the thread that
/// makes the call, or on one of the library's; calls that block return ETCD_ERR_WOULD_DEADLOCK inside it.
pub type etcd_log_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, level: etcd_log_level, message: *const c_char)>;

/// # Safety
/// As for `handle::borrow_mut`.
pub(super) unsafe fn change(config: *mut etcd_config, body: impl FnOnce(&mut Config) -> Result<()>) -> etcd_status {
    let mut body = Some(body);
    // SAFETY: the caller's promise.
    unsafe { change_once(config, &mut |config| body.take().map_or(Ok(()), |body| body(config))) }
}

/// Compiled once, and not for each function of the header.
///
/// # Safety
/// As for `change`.
#[inline(never)]
unsafe fn change_once(config: *mut etcd_config, body: &mut dyn FnMut(&mut Config) -> Result<()>) -> etcd_status {
    // SAFETY: the caller's promise.
    border::status(|| body(unsafe { border::required_mut("config", config) }?))
}

/// A configuration with every default. The caller frees it with etcd_config_free. Never NULL but for lack of memory.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_config_new() -> *mut etcd_config {
    border::infallible(std::ptr::null_mut(), || handle::give(Config::default()))
}

/// Frees a configuration; NULL is fine. Clients made from it live on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_free(config: *mut etcd_config) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(config) }
}

/// Adds an endpoint, or several with commas between: http://host:port, https://host:port, unix:///path/to/socket, and unixs
/// for TLS over a socket. What is https is never sent in plain text. Without any, a client
/// uses http://127.0.0.1:2379. A path in front of the API is kept. A query is merged into every request as in Go; it is no place
/// for secrets, since it shows in messages and logs. user:password@ never shows, and is sent to that endpoint alone;
/// etcd_config_set_credentials goes before it. A comma in a password must be written %2C.
///
/// ETCD_ERR_INVALID_ARGUMENT: config or url is NULL, or one of the URLs cannot work (no scheme, another scheme than
/// http, https, unix, unixs, no host, a bad port); none of them is added then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_add_endpoint(config: *mut etcd_config, url: *const c_char) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { change(config, |config| config.add_endpoints(strings::text("url", url)?)) }
}

/// User name and password for Basic authentication on every request. They go to configured endpoints only, never to
/// where a redirect leads otherwise, and are never logged. A NULL or empty user name means none.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, the text is not UTF-8, or the user name has a colon (RFC 7617).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_credentials(
    config: *mut etcd_config,
    username: *const c_char,
    password: *const c_char,
) -> etcd_status {
    let body = |config: &mut Config| {
        // SAFETY: the C caller's promise for strings.
        let (username, password) =
            unsafe { (strings::optional_text("username", username)?, strings::optional_text("password", password)?) };
        let username = username.unwrap_or_default();
        if username.contains(':') {
            return Err(Error::invalid_argument("username", "has a colon, which Basic authentication cannot carry"));
        }
        config.credentials = (!username.is_empty()).then(|| Credentials::basic(username, password.unwrap_or_default()));
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(config, body) }
}

/// The time limit in milliseconds of calls with a NULL context; 0 = none; default 5000.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, or ms is negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_request_timeout_ms(config: *mut etcd_config, ms: i64) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe {
        change(config, |config| config::timeout_from_ms("ms", ms).map(|timeout| config.request_timeout = timeout))
    }
}

/// How long one attempt at one endpoint may take until the headers of its answer are there, in milliseconds: connect,
/// send and wait, anew for each redirect, not the body. Go's HeaderTimeoutPerRequest: an endpoint that takes longer is given
/// up. 0 = none, the default: then one that takes longer than a fair share of what is left of the deadline is overtaken; the
/// next one is asked as well, and whoever answers first counts.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, or ms is negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_header_timeout_ms(config: *mut etcd_config, ms: i64) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(config, |config| config::timeout_from_ms("ms", ms).map(|timeout| config.header_timeout = timeout)) }
}

/// How long a connection may take to be made, in milliseconds, name resolution, proxy and TLS included; 0 = none; default 30000, as
/// Go's DefaultTransport.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, or ms is negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_connect_timeout_ms(config: *mut etcd_config, ms: i64) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe {
        change(config, |config| config::timeout_from_ms("ms", ms).map(|timeout| config.connect_timeout = timeout))
    }
}

/// How the pinned endpoint is chosen; default ETCD_SELECT_RANDOM. ETCD_SELECT_LEADER takes effect with a sync, as in Go.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, or the mode is unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_selection_mode(
    config: *mut etcd_config,
    mode: etcd_selection_mode,
) -> etcd_status {
    let body = |config: &mut Config| {
        config.selection_mode = match mode {
            ETCD_SELECT_RANDOM => SelectionMode::Random,
            ETCD_SELECT_LEADER => SelectionMode::Leader,
            unknown => return Err(Error::invalid_argument("mode", format_args!("{unknown} is not a selection mode"))),
        };
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(config, body) }
}

/// How many redirects of one endpoint are followed; default 10, 0 = none; never more than 99, as in Go.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, or max is negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_max_redirects(config: *mut etcd_config, max: i32) -> etcd_status {
    let body = |config: &mut Config| {
        let negative = |_| Error::invalid_argument("max", format_args!("{max} is negative"));
        config.max_redirects = u32::try_from(max).map_err(negative)?;
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(config, body) }
}

/// The largest answer that is read, in bytes: the body of a response, or one event of a watch. A larger one ends its call
/// with ETCD_ERR_TOO_LARGE: at once where the server announces its length, and otherwise when it has come so far. Default
/// 256 MiB (268435456). The head of an answer has limits of its own: 64 KiB and 100 headers.
///
/// An answer below the limit for which there is no memory ends its call with ETCD_ERR_NO_MEMORY.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, or bytes is 0, negative, or more than a size_t holds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_max_response_bytes(config: *mut etcd_config, bytes: i64) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(config, |config| config.set_max_body(bytes)) }
}

/// The path in front of every key: Go's NewKeysAPIWithPrefix. Default "/v2/keys"; "" for none.
///
/// ETCD_ERR_INVALID_ARGUMENT: config or prefix is NULL, not UTF-8, too long, or climbs out with "..".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_keys_prefix(config: *mut etcd_config, prefix: *const c_char) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { change(config, |config| config.set_keys_prefix(strings::text("prefix", prefix)?)) }
}

/// The HTTP proxy for all endpoints, as http://host:port; user:password@ is sent to the proxy alone. For https it is asked for a
/// tunnel (CONNECT) and sees nothing of what is said. NULL = none. Default: the environment (HTTP_PROXY for http, HTTPS_PROXY for
/// https, ALL_PROXY, NO_PROXY, and all in lower case), read once by etcd_client_new. Loopback addresses, localhost and sockets are
/// never proxied.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, or url is not a URL with scheme http.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_proxy(config: *mut etcd_config, url: *const c_char) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { change(config, |config| config.set_proxy(strings::optional_text("url", url)?)) }
}

/// Sends log messages up to `level` to `fn`, with `user_data`. A NULL fn switches logging off. `drop`, which may be NULL,
/// is called exactly once with user_data when neither this configuration nor a client made from it can log any more,
/// also when this call fails. Nothing is ever written to stdout or stderr.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, or the level is unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_log(
    config: *mut etcd_config,
    level: etcd_log_level,
    r#fn: etcd_log_fn,
    user_data: *mut c_void,
    drop: etcd_drop_fn,
) -> etcd_status {
    // Made first, so that drop is called on every path.
    let user_data = UserData::new(user_data, drop);
    let body = |config: &mut Config| {
        let unknown = || Error::invalid_argument("level", format_args!("{level} is not a log level"));
        let level = Level::from_number(level).ok_or_else(unknown)?;
        config.log = match r#fn {
            None => Log::default(),
            Some(function) => Log::new(level, sink(function, user_data)),
        };
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(config, body) }
}

type LogFunction = unsafe extern "C" fn(user_data: *mut c_void, level: etcd_log_level, message: *const c_char);

fn sink(function: LogFunction, user_data: UserData) -> Sink {
    Arc::new(move |level, message| {
        faults::here(Place::Log, message.as_bytes());
        let message = strings::c_string(message);
        // SAFETY: the application gave the function for this user data, which lives as long as this closure.
        callback::inside(|| unsafe { function(user_data.pointer(), level as i32, message.as_ptr()) });
    })
}

/// Which of etcd's protocols is spoken; default ETCD_PROTOCOL_AUTO.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, or the protocol is unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_protocol(config: *mut etcd_config, protocol: etcd_protocol) -> etcd_status {
    let body = |config: &mut Config| {
        config.protocol = match protocol {
            ETCD_PROTOCOL_AUTO => Protocol::Auto,
            ETCD_PROTOCOL_V2 => Protocol::V2,
            ETCD_PROTOCOL_V3 => Protocol::V3,
            unknown => return Err(Error::invalid_argument("protocol", format_args!("{unknown} is not a protocol"))),
        };
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(config, body) }
}
