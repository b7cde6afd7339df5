//! What every exported function does at its edges: catch panics, hand errors out, look at handles.

use crate::capi::error::{self, etcd_error};
use crate::capi::status::etcd_status;
use crate::core::error::{Error, Result};
use crate::core::status::Status;
use crate::ffi::handle::{self, Handle};
use crate::ffi::{out, panics};

/// Runs the body of a function that can fail; `error` receives an object on failure and NULL on success.
///
/// # Safety
/// `error` is NULL or writable.
pub(super) unsafe fn fallible(error: *mut *mut etcd_error, body: impl FnOnce() -> Result<()>) -> etcd_status {
    // SAFETY: the caller's promise.
    unsafe { out::put(error, std::ptr::null_mut()) };
    // SAFETY: the caller's promise.
    unsafe { report(error, panics::catch(body)) }
}

/// # Safety
/// `error` is NULL or writable.
#[inline(never)]
unsafe fn report(error: *mut *mut etcd_error, ended: Result<Result<()>>) -> etcd_status {
    match ended.and_then(|result| result) {
        Ok(()) => Status::Ok.number(),
        Err(failure) => {
            let status = failure.status().number();
            if !error.is_null() {
                let object = panics::catch(|| error::give(failure)).unwrap_or(std::ptr::null_mut());
                // SAFETY: the caller's promise.
                unsafe { out::put(error, object) };
            }
            status
        }
    }
}

/// Runs the body of a function that reports by its status alone.
pub(super) fn status(body: impl FnOnce() -> Result<()>) -> etcd_status {
    // SAFETY: NULL is allowed.
    unsafe { report(std::ptr::null_mut(), panics::catch(body)) }
}

/// Runs the body of a function that cannot report; a panic gives `otherwise`.
pub(super) fn infallible<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    panics::catch(body).unwrap_or(otherwise)
}

/// The object behind an argument that must not be NULL.
///
/// # Safety
/// As for `handle::borrow`.
pub(super) unsafe fn required<'a, H: Handle>(argument: &str, pointer: *const H) -> Result<&'a H::Value> {
    // SAFETY: the caller's promise.
    unsafe { handle::borrow(pointer) }.ok_or_else(|| wrong(argument, pointer.is_null()))
}

/// The object behind an argument that one thread at a time may change.
///
/// # Safety
/// As for `handle::borrow_mut`.
pub(super) unsafe fn required_mut<'a, H: Handle>(argument: &str, pointer: *mut H) -> Result<&'a mut H::Value> {
    // SAFETY: the caller's promise.
    unsafe { handle::borrow_mut(pointer) }.ok_or_else(|| wrong(argument, pointer.is_null()))
}

/// The object behind an argument that may be NULL.
///
/// # Safety
/// As for `handle::borrow`.
pub(super) unsafe fn optional<'a, H: Handle>(argument: &str, pointer: *const H) -> Result<Option<&'a H::Value>> {
    // SAFETY: the caller's promise.
    let value = unsafe { optional_or_inherited(argument, pointer) }?;
    if value.is_some_and(H::is_inherited) {
        let text = format!("{argument}: it was made before fork(); make a new one in the child");
        return Err(Error::new(Status::Forked, text));
    }
    Ok(value)
}

/// As `optional`, for a function that knows what to do with an object from before a fork.
///
/// # Safety
/// As for `handle::borrow`.
pub(super) unsafe fn optional_or_inherited<'a, H: Handle>(
    argument: &str,
    pointer: *const H,
) -> Result<Option<&'a H::Value>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { required(argument, pointer) }.map(Some)
}

/// An out-parameter that must not be NULL. Functions set their outputs to NULL or false before anything can fail.
pub(super) fn present<T>(argument: &str, pointer: *mut T) -> Result<()> {
    if pointer.is_null() { Err(wrong(argument, true)) } else { Ok(()) }
}

/// Frees an object; NULL is fine. One from before a fork is forgotten, because to drop it may take its locks.
///
/// # Safety
/// As for `handle::take`.
pub(super) unsafe fn free<H: Handle>(pointer: *mut H) {
    infallible((), || {
        // SAFETY: the caller's promise.
        if let Some(value) = unsafe { handle::take(pointer) }
            && H::is_inherited(&value)
        {
            std::mem::forget(value);
        }
    });
}

fn wrong(argument: &str, is_null: bool) -> Error {
    let why = if is_null { "is NULL" } else { "is not an object of the right type, or was freed" };
    Error::invalid_argument(argument, why)
}
