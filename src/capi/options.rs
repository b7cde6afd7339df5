//! Options of the keys calls. Setters copy what they are given; NULL options are the defaults.

use std::ffi::{c_char, c_int};

use super::border;
use super::status::etcd_status;
use crate::core::error::{Error, Result};
use crate::core::keys::{CreateInOrderOptions, DeleteOptions, GetOptions, PrevExist, SetOptions, Ttl};
use crate::core::memory;
use crate::ffi::handle::{self, Handle};
use crate::ffi::strings;

/// What must be true of the key before it is set: ETCD_PREV_IGNORE, ETCD_PREV_EXIST or ETCD_PREV_NO_EXIST.
pub type etcd_prev_exist = i32;

/// Set whether or not the key exists.
pub const ETCD_PREV_IGNORE: etcd_prev_exist = 0;
/// Set only a key that exists; ETCD_API_KEY_NOT_FOUND otherwise.
pub const ETCD_PREV_EXIST: etcd_prev_exist = 1;
/// Set only a key that does not exist; ETCD_API_NODE_EXIST otherwise.
pub const ETCD_PREV_NO_EXIST: etcd_prev_exist = 2;

/// Options of etcd_keys_get. One thread at a time while they are changed.
pub struct etcd_get_options {
    _opaque: [u8; 0],
}

/// Options of etcd_keys_set. One thread at a time while they are changed.
pub struct etcd_set_options {
    _opaque: [u8; 0],
}

/// Options of etcd_keys_delete. One thread at a time while they are changed.
pub struct etcd_delete_options {
    _opaque: [u8; 0],
}

/// Options of etcd_keys_create_in_order. One thread at a time while they are changed.
pub struct etcd_create_in_order_options {
    _opaque: [u8; 0],
}

impl Handle for etcd_get_options {
    type Value = GetOptions;
    const TAG: u64 = 0x6567_6574_6f70_7473;
}

impl Handle for etcd_set_options {
    type Value = SetOptions;
    const TAG: u64 = 0x6573_6574_6f70_7473;
}

impl Handle for etcd_delete_options {
    type Value = DeleteOptions;
    const TAG: u64 = 0x6564_656c_6f70_7473;
}

impl Handle for etcd_create_in_order_options {
    type Value = CreateInOrderOptions;
    const TAG: u64 = 0x6569_6e6f_6f70_7473;
}

/// # Safety
/// As for `handle::borrow_mut`.
unsafe fn change<H: Handle>(options: *mut H, body: impl FnOnce(&mut H::Value)) -> etcd_status {
    // SAFETY: the caller's promise.
    unsafe {
        try_change(options, |options| {
            body(options);
            Ok(())
        })
    }
}

/// # Safety
/// As for `handle::borrow_mut`.
unsafe fn try_change<H: Handle>(options: *mut H, body: impl FnOnce(&mut H::Value) -> Result<()>) -> etcd_status {
    // SAFETY: the caller's promise.
    border::status(|| body(unsafe { border::required_mut("options", options) }?))
}

/// # Safety
/// As for `strings::value`.
unsafe fn prev_value(value: *const c_char, len: usize) -> Result<Option<String>> {
    // SAFETY: the caller's promise.
    let value = unsafe { strings::value("value", value, len) }?;
    if value.is_empty() {
        return Err(Error::invalid_argument(
            "value",
            "is empty, and etcd cannot compare with an empty value; compare with prev_index instead",
        ));
    }
    memory::copy(value, "a value to compare with").map(Some)
}

/// Default options. The caller frees them with etcd_get_options_free. Never NULL but for lack of memory.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_get_options_new() -> *mut etcd_get_options {
    border::infallible(std::ptr::null_mut(), || handle::give(GetOptions::default()))
}

/// Frees options; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_get_options_free(options: *mut etcd_get_options) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(options) }
}

/// Non-zero: give the whole tree below a directory, not only its children. Default 0.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_get_options_set_recursive(options: *mut etcd_get_options, on: c_int) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(options, |options| options.recursive = on != 0) }
}

/// Non-zero: sort the children of every directory by key. Default 0.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_get_options_set_sort(options: *mut etcd_get_options, on: c_int) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(options, |options| options.sort = on != 0) }
}

/// Non-zero: read through the quorum, which sees every write that was acknowledged before. Without it a member answers from
/// what it has, which is stale where the member is cut off. Default: what etcd_config_set_quorum_reads says, 0 unless set.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_get_options_set_quorum(options: *mut etcd_get_options, on: c_int) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(options, |options| options.quorum = Some(on != 0)) }
}

/// Default options. The caller frees them with etcd_set_options_free. Never NULL but for lack of memory.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_set_options_new() -> *mut etcd_set_options {
    border::infallible(std::ptr::null_mut(), || handle::give(SetOptions::default()))
}

/// Frees options; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_set_options_free(options: *mut etcd_set_options) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(options) }
}

/// Set only when the key has this value: compare-and-swap. `len` may be ETCD_STRLEN.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL, or the value is not UTF-8 or empty, with which etcd cannot compare.
/// ETCD_ERR_NO_MEMORY: for the copy of the value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_set_options_set_prev_value(
    options: *mut etcd_set_options,
    value: *const c_char,
    len: usize,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        try_change(options, |options| {
            options.prev_value = prev_value(value, len)?;
            Ok(())
        })
    }
}

/// Set only when the key was last changed at this index: compare-and-swap. 0, the default, means no comparison.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_set_options_set_prev_index(options: *mut etcd_set_options, index: u64) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(options, |options| options.prev_index = index) }
}

/// Whether the key must exist; default ETCD_PREV_IGNORE.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL, or the constant is unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_set_options_set_prev_exist(
    options: *mut etcd_set_options,
    prev_exist: etcd_prev_exist,
) -> etcd_status {
    let body = |options: &mut SetOptions| {
        options.prev_exist = match prev_exist {
            ETCD_PREV_IGNORE => PrevExist::Ignore,
            ETCD_PREV_EXIST => PrevExist::Exist,
            ETCD_PREV_NO_EXIST => PrevExist::NoExist,
            unknown => {
                return Err(Error::invalid_argument(
                    "prev_exist",
                    format_args!("{unknown} is not one of the constants"),
                ));
            }
        };
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { try_change(options, body) }
}

/// The time to live in milliseconds. etcd counts whole seconds, so it is rounded up. Unset, the default, means that the key
/// stays, and that a TTL which it had is removed.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL, or ms is 0 or less, or more than 200 years, beyond which
/// etcd's own arithmetic overflows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_set_options_set_ttl_ms(options: *mut etcd_set_options, ms: i64) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe {
        try_change(options, |options| {
            options.ttl = Some(Ttl::from_ms(ms)?);
            Ok(())
        })
    }
}

/// Zero: when the set has no condition and may have reached an endpoint that does not answer, it is not sent to another one;
/// it ends with ETCD_MAYBE_APPLIED instead. Non-zero: it is. Default: what etcd_config_set_resend_sets says, 1 unless set. It
/// means nothing for sets with prev_value, prev_index, prev_exist, dir or refresh, which are never sent again.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_set_options_set_resend(options: *mut etcd_set_options, on: c_int) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(options, |options| options.resend = Some(on != 0)) }
}

/// Non-zero: renew the TTL of an existing key, keep its value, and do not notify watchers. The value of the set must be empty
/// and a TTL must be given. Default 0.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_set_options_set_refresh(options: *mut etcd_set_options, on: c_int) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(options, |options| options.refresh = on != 0) }
}

/// Non-zero: make a directory; value and prev_value are not sent then. Default 0.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_set_options_set_dir(options: *mut etcd_set_options, on: c_int) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(options, |options| options.dir = on != 0) }
}

/// Non-zero: the response of a success has neither node nor previous node, which saves their transfer. Default 0.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_set_options_set_no_value_on_success(
    options: *mut etcd_set_options,
    on: c_int,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(options, |options| options.no_value_on_success = on != 0) }
}

/// Default options. The caller frees them with etcd_delete_options_free. Never NULL but for lack of memory.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_delete_options_new() -> *mut etcd_delete_options {
    border::infallible(std::ptr::null_mut(), || handle::give(DeleteOptions::default()))
}

/// Frees options; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_delete_options_free(options: *mut etcd_delete_options) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(options) }
}

/// Delete only when the key has this value: compare-and-delete. `len` may be ETCD_STRLEN. etcd takes it in the URL alone:
/// with the key it must fit into about 4000 encoded bytes over plain HTTP, or the call is refused.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL, or the value is not UTF-8 or empty. ETCD_ERR_NO_MEMORY: for the copy of the value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_delete_options_set_prev_value(
    options: *mut etcd_delete_options,
    value: *const c_char,
    len: usize,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        try_change(options, |options| {
            options.prev_value = prev_value(value, len)?;
            Ok(())
        })
    }
}

/// Delete only when the key was last changed at this index: compare-and-delete. 0, the default, means no comparison.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_delete_options_set_prev_index(
    options: *mut etcd_delete_options,
    index: u64,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(options, |options| options.prev_index = index) }
}

/// Non-zero: delete a directory with everything below it. Default 0.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_delete_options_set_recursive(
    options: *mut etcd_delete_options,
    on: c_int,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(options, |options| options.recursive = on != 0) }
}

/// Non-zero: delete an empty directory. Default 0.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_delete_options_set_dir(options: *mut etcd_delete_options, on: c_int) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { change(options, |options| options.dir = on != 0) }
}

/// Default options. The caller frees them with etcd_create_in_order_options_free. Never NULL but for lack of memory.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_create_in_order_options_new() -> *mut etcd_create_in_order_options {
    border::infallible(std::ptr::null_mut(), || handle::give(CreateInOrderOptions::default()))
}

/// Frees options; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_create_in_order_options_free(options: *mut etcd_create_in_order_options) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(options) }
}

/// The time to live in milliseconds, rounded up to whole seconds. Unset, the default, means that the key stays.
/// ETCD_ERR_INVALID_ARGUMENT: options is NULL, or ms is 0 or less, or more than 200 years, beyond which
/// etcd's own arithmetic overflows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_create_in_order_options_set_ttl_ms(
    options: *mut etcd_create_in_order_options,
    ms: i64,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe {
        try_change(options, |options| {
            options.ttl = Some(Ttl::from_ms(ms)?);
            Ok(())
        })
    }
}
