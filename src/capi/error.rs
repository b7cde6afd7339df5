//! Error: what went wrong, where, and whether a write happened.

use std::ffi::{CString, c_char};
use std::ptr;

use super::border;
use super::status::{etcd_outcome, etcd_status};
use crate::core::error::{Error, Outcome};
use crate::core::status::Status;
use crate::ffi::handle::{self, Handle, Object};
use crate::ffi::strings::{c_string, large_c_string};

/// What went wrong. Immutable, so any number of threads may read it. Every accessor accepts NULL, and answers ETCD_OK,
/// NULL, 0 or false then. Strings and list entries are borrowed from the error.
pub struct etcd_error {
    _opaque: [u8; 0],
}

/// An error with its text made ready for C.
pub struct ErrorText {
    error: Error,
    message: CString,
    detail: CString,
    endpoint: Option<CString>,
    api_message: Option<CString>,
    api_cause: Option<CString>,
    list: Vec<Object<ErrorText>>,
}

impl Handle for etcd_error {
    type Value = ErrorText;
    const TAG: u64 = 0x6565_7272_6f72_3131;
}

impl ErrorText {
    pub(super) fn new(error: Error) -> ErrorText {
        ErrorText {
            message: c_string(error.message()),
            detail: c_string(&error.detail()),
            endpoint: error.endpoint().map(c_string),
            api_message: error.server().and_then(|server| present(&server.message)),
            api_cause: error.server().and_then(|server| present(&server.cause)),
            list: error
                .list()
                .iter()
                .map(|entry| Object::borrowed::<etcd_error>(ErrorText::new(entry.clone())))
                .collect(),
            error,
        }
    }
}

fn present(text: &str) -> Option<CString> {
    // The error is told all the same where there is no memory for all of its words.
    (!text.is_empty()).then(|| large_c_string(text, "an error").unwrap_or_else(|lacking| c_string(lacking.message())))
}

pub fn give(error: Error) -> *mut etcd_error {
    handle::give(ErrorText::new(error))
}

/// # Safety
/// As for `handle::borrow`.
unsafe fn read<T>(error: *const etcd_error, otherwise: T, body: impl FnOnce(&ErrorText) -> Option<T>) -> T {
    // SAFETY: the caller's promise.
    unsafe { handle::borrow(error) }.and_then(body).unwrap_or(otherwise)
}

/// The status that the failed call returned; ETCD_OK for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_status(error: *const etcd_error) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { read(error, Status::Ok.number(), |text| Some(text.error.status().number())) }
}

/// What happened, where, and what to do next, on one line; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_message(error: *const etcd_error) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { read(error, ptr::null(), |text| Some(text.message.as_ptr())) }
}

/// A line per endpoint that was tried, "error #0: ..." and so on, as Go's ClusterError.Detail(); the message where there
/// is no list; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_detail(error: *const etcd_error) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { read(error, ptr::null(), |text| Some(text.detail.as_ptr())) }
}

/// The endpoint that the error concerns, as URL without credentials; NULL when it concerns none or several.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_endpoint(error: *const etcd_error) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { read(error, ptr::null(), |text| text.endpoint.as_ref().map(|endpoint| endpoint.as_ptr())) }
}

/// The HTTP status of the answer; 0 = there was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_http_status(error: *const etcd_error) -> i32 {
    // SAFETY: the C caller's promise.
    unsafe { read(error, 0, |text| Some(text.error.http_status().into())) }
}

/// etcd's own error code, ETCD_API_KEY_NOT_FOUND and so on; unknown ones are passed on; 0 = none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_api_code(error: *const etcd_error) -> i32 {
    // SAFETY: the C caller's promise.
    unsafe { read(error, 0, |text| text.error.server().map(|server| server.code)) }
}

/// etcd's own message, such as "Compare failed"; NULL = none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_api_message(error: *const etcd_error) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { read(error, ptr::null(), |text| text.api_message.as_ref().map(|message| message.as_ptr())) }
}

/// etcd's own cause, such as "[wanted != actual]" or the key that was not found; NULL = none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_api_cause(error: *const etcd_error) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { read(error, ptr::null(), |text| text.api_cause.as_ref().map(|cause| cause.as_ptr())) }
}

/// The index of etcd's store at the time of the refusal; after ETCD_API_KEY_NOT_FOUND a watch can start from it. 0 = none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_api_index(error: *const etcd_error) -> u64 {
    // SAFETY: the C caller's promise.
    unsafe { read(error, 0, |text| text.error.server().map(|server| server.index)) }
}

/// Whether the write happened: ETCD_NOT_APPLIED, ETCD_MAYBE_APPLIED or ETCD_APPLIED. ETCD_NOT_APPLIED for reads and NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_outcome(error: *const etcd_error) -> etcd_outcome {
    // SAFETY: the C caller's promise.
    unsafe { read(error, Outcome::NotApplied as i32, |text| Some(text.error.outcome() as i32)) }
}

/// How many attempts the error lists: what happened at every endpoint tried, in the order in which they were tried.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_list_len(error: *const etcd_error) -> usize {
    // SAFETY: the C caller's promise.
    unsafe { read(error, 0, |text| Some(text.list.len())) }
}

/// An entry of the list, borrowed from the error: do not free it. NULL past the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_list_get(error: *const etcd_error, index: usize) -> *const etcd_error {
    // SAFETY: the C caller's promise.
    unsafe { read(error, ptr::null(), |text| handle::element(&text.list, index)) }
}

/// Whether etcd said that the key, or a part of its path, does not exist.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_is_key_not_found(error: *const etcd_error) -> bool {
    // SAFETY: the C caller's promise.
    unsafe { read(error, false, |text| Some(text.error.is_key_not_found())) }
}

/// Whether etcd's auth API said that the user does not exist.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_is_user_not_found(error: *const etcd_error) -> bool {
    // SAFETY: the C caller's promise.
    unsafe { read(error, false, |text| Some(text.error.is_user_not_found())) }
}

/// Whether etcd's auth API said that the role does not exist.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_is_role_not_found(error: *const etcd_error) -> bool {
    // SAFETY: the C caller's promise.
    unsafe { read(error, false, |text| Some(text.error.is_role_not_found())) }
}

/// Whether the context was cancelled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_is_canceled(error: *const etcd_error) -> bool {
    // SAFETY: the C caller's promise.
    unsafe { read(error, false, |text| Some(text.error.status() == Status::Canceled)) }
}

/// Whether the context's deadline, or the client's request timeout, passed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_is_deadline(error: *const etcd_error) -> bool {
    // SAFETY: the C caller's promise.
    unsafe { read(error, false, |text| Some(text.error.status() == Status::DeadlineExceeded)) }
}

/// Whether no endpoint answered; the list says why, endpoint by endpoint.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_is_cluster(error: *const etcd_error) -> bool {
    // SAFETY: the C caller's promise.
    unsafe { read(error, false, |text| Some(text.error.status() == Status::Cluster)) }
}

/// Frees an error; NULL is fine, and so is an entry of a list, which stays. Needs no client; any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_error_free(error: *mut etcd_error) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(error) }
}
