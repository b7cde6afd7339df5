//! What a future has brought: one function for each kind, each of which takes it once.

use std::ffi::c_char;
use std::ptr;

use super::border;
use super::client::{self, VersionText, etcd_server_version};
use super::error::etcd_error;
use super::future::{Kind, etcd_future};
use super::members::{self, etcd_members};
use super::response::{self, etcd_response};
use super::status::etcd_status;
use super::strings::{self as string_list, etcd_strings};
use crate::core::error::{Outcome, Result};
use crate::core::value::{self, Value};
use crate::ffi::{handle, out, panics, strings};

/// # Safety
/// The pointers are NULL or valid, as the header asks.
unsafe fn take(
    future: *mut etcd_future,
    wanted: Option<Kind>,
    error: *mut *mut etcd_error,
    body: impl FnOnce(Value) -> Result<()>,
) -> etcd_status {
    let mut body = Some(body);
    // SAFETY: the caller's promise.
    unsafe { take_once(future, wanted, error, &mut |value| body.take().map_or(Ok(()), |body| body(value))) }
}

/// Compiled once, and not for each function of the header.
///
/// # Safety
/// As for `take`.
#[inline(never)]
unsafe fn take_once(
    future: *mut etcd_future,
    wanted: Option<Kind>,
    error: *mut *mut etcd_error,
    body: &mut dyn FnMut(Value) -> Result<()>,
) -> etcd_status {
    let take = || {
        // SAFETY: the caller's promise.
        let future = unsafe { border::required("future", future.cast_const()) }?;
        future.finish(|| body(future.take(wanted)?))
    };
    // SAFETY: the caller's promise.
    unsafe { border::fallible(error, take) }
}

/// Gives the response of a keys call, to be freed with etcd_response_free; `response` may be NULL. Once: what was taken,
/// response or error, is gone. Never waits; any thread, also inside callbacks. The answer is parsed here, on the thread that
/// takes it.
///
/// The status of the call itself, as its blocking twin returns it. Who is refused the result of a write is told by
/// etcd_error_outcome that it may have happened. ETCD_ERR_NOT_READY: it goes on.
/// ETCD_ERR_ALREADY_TAKEN: it was taken before. ETCD_ERR_INVALID_ARGUMENT: future is NULL, or is that of no keys call
/// (nothing is taken then). ETCD_ERR_FORKED, ETCD_ERR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_take_response(
    future: *mut etcd_future,
    response: *mut *mut etcd_response,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let body = |value| match value {
        Value::Keys(answered, effect) => client::undecided_by_a_panic(
            || effect.is_write(),
            panics::catch(|| {
                let answer = value::response(*answered, effect)?;
                if !response.is_null() {
                    // Behind an answer that was understood.
                    let outcome = if effect.is_write() { Outcome::Applied } else { Outcome::NotApplied };
                    let given = response::give(answer).map_err(|error| error.with_outcome(outcome))?;
                    // SAFETY: the C caller's promise.
                    unsafe { out::put(response, given) };
                }
                Ok(())
            }),
        ),
        _ => Ok(()),
    };
    // SAFETY: the C caller's promise.
    unsafe {
        out::put(response, ptr::null_mut());
        take(future, Some(Kind::Response), error, body)
    }
}

/// Ends with the status of a call of any kind, and throws away what it brought: for calls that bring nothing else. As
/// etcd_future_take_response in everything else: ETCD_ERR_NOT_READY, ETCD_ERR_ALREADY_TAKEN, ETCD_ERR_INVALID_ARGUMENT for
/// NULL only, ETCD_ERR_FORKED, ETCD_ERR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_take(future: *mut etcd_future, error: *mut *mut etcd_error) -> etcd_status {
    let body = |value| match value {
        // An answer that makes no sense is an error also for one who does not want to see it.
        Value::Keys(answered, effect) => client::undecided_by_a_panic(
            || effect.is_write(),
            panics::catch(|| value::response(*answered, effect).map(drop)),
        ),
        _ => Ok(()),
    };
    // SAFETY: the C caller's promise.
    unsafe { take(future, None, error, body) }
}

/// As etcd_future_take_response, for etcd_members_list_async, _add_async and _leader_async. The caller frees the list with
/// etcd_members_free; `members` may be NULL. ETCD_ERR_NOT_READY, ETCD_ERR_ALREADY_TAKEN, ETCD_ERR_INVALID_ARGUMENT,
/// ETCD_ERR_FORKED, ETCD_ERR_PANIC, or the call's own status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_take_members(
    future: *mut etcd_future,
    members: *mut *mut etcd_members,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let body = |value| {
        let given = match value {
            _ if members.is_null() => return Ok(()),
            Value::Members(list) => members::give(&list),
            Value::Added(member) => panics::catch(|| members::give(&[member]))
                .and_then(|given| given)
                .map_err(|error| error.with_outcome(Outcome::Applied)),
            _ => return Ok(()),
        };
        // SAFETY: the C caller's promise.
        unsafe { out::put(members, given?) };
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe {
        out::put(members, ptr::null_mut());
        take(future, Some(Kind::Members), error, body)
    }
}

/// As etcd_future_take_response, for etcd_auth_user_get_async, _user_list_async and _role_list_async. The caller frees the
/// list with etcd_strings_free; `strings` may be NULL. ETCD_ERR_NOT_READY, ETCD_ERR_ALREADY_TAKEN,
/// ETCD_ERR_INVALID_ARGUMENT, ETCD_ERR_FORKED, ETCD_ERR_PANIC, or the call's own status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_take_strings(
    future: *mut etcd_future,
    strings: *mut *mut etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let body = |value| {
        if let Value::Texts(list) = value
            && !strings.is_null()
        {
            // SAFETY: the C caller's promise.
            unsafe { out::put(strings, string_list::give(&list)?) };
        }
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe {
        out::put(strings, ptr::null_mut());
        take(future, Some(Kind::Strings), error, body)
    }
}

/// As etcd_future_take_response, for etcd_auth_role_get_async. The caller frees both lists with etcd_strings_free; each may
/// be NULL. ETCD_ERR_NOT_READY, ETCD_ERR_ALREADY_TAKEN, ETCD_ERR_INVALID_ARGUMENT, ETCD_ERR_FORKED, ETCD_ERR_PANIC, or the
/// call's own status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_take_prefixes(
    future: *mut etcd_future,
    read_prefixes: *mut *mut etcd_strings,
    write_prefixes: *mut *mut etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let body = |value| {
        if let Value::Prefixes(prefixes) = value {
            let lists = [string_list::c_strings(&prefixes.read)?, string_list::c_strings(&prefixes.write)?];
            for (list, output) in lists.into_iter().zip([read_prefixes, write_prefixes]) {
                if !output.is_null() {
                    // SAFETY: the C caller's promise.
                    unsafe { out::put(output, handle::give(list)) };
                }
            }
        }
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe {
        out::put(read_prefixes, ptr::null_mut());
        out::put(write_prefixes, ptr::null_mut());
        take(future, Some(Kind::Prefixes), error, body)
    }
}

/// As etcd_future_take_response, for etcd_auth_status_async and etcd_client_health_async. `value` may be NULL; it is false
/// on failure. ETCD_ERR_NOT_READY, ETCD_ERR_ALREADY_TAKEN, ETCD_ERR_INVALID_ARGUMENT, ETCD_ERR_FORKED, ETCD_ERR_PANIC, or
/// the call's own status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_take_bool(
    future: *mut etcd_future,
    value: *mut bool,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let body = |taken| {
        if let Value::Flag(flag) = taken {
            // SAFETY: the C caller's promise.
            unsafe { out::put(value, flag) };
        }
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe {
        out::put(value, false);
        take(future, Some(Kind::Bool), error, body)
    }
}

/// As etcd_future_take_response, for etcd_client_stats_async. The caller frees the text with etcd_string_free; `text` may be
/// NULL, and so may `len`, its length without the NUL. ETCD_ERR_NOT_READY, ETCD_ERR_ALREADY_TAKEN,
/// ETCD_ERR_INVALID_ARGUMENT, ETCD_ERR_FORKED, ETCD_ERR_PANIC, or the call's own status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_take_string(
    future: *mut etcd_future,
    text: *mut *mut c_char,
    len: *mut usize,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let body = |value| {
        if let Value::Text(taken) = value
            && !text.is_null()
        {
            let taken = strings::large_c_string(&taken, "statistics")?;
            // SAFETY: the C caller's promise.
            unsafe {
                out::put(len, taken.count_bytes());
                out::put(text, strings::give(taken));
            }
        }
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe {
        out::put(text, ptr::null_mut());
        out::put(len, 0);
        take(future, Some(Kind::String), error, body)
    }
}

/// As etcd_future_take_response, for etcd_client_version_async. The caller frees the version with etcd_server_version_free;
/// `version` may be NULL. ETCD_ERR_NOT_READY, ETCD_ERR_ALREADY_TAKEN, ETCD_ERR_INVALID_ARGUMENT, ETCD_ERR_FORKED,
/// ETCD_ERR_PANIC, or the call's own status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_take_version(
    future: *mut etcd_future,
    version: *mut *mut etcd_server_version,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let body = |value| {
        if let Value::Version(taken) = value
            && !version.is_null()
        {
            // SAFETY: the C caller's promise.
            unsafe { out::put(version, handle::give(VersionText::new(&taken)?)) };
        }
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe {
        out::put(version, ptr::null_mut());
        take(future, Some(Kind::Version), error, body)
    }
}
