//! The arguments of the keys calls as operations of `core`, for the calls that block and for those that do not.

use std::ffi::c_char;

use super::border;
use super::options::{etcd_create_in_order_options, etcd_delete_options, etcd_get_options, etcd_set_options};
use crate::core::error::Result;
use crate::core::keys::{CreateInOrderOptions, DeleteOptions, GetOptions, Operation, PrevExist, SetOptions};
use crate::ffi::strings;

/// What to do with the operation, which borrows from the arguments.
pub(super) type Run<'a> = &'a dyn Fn(&Operation<'_>) -> Result<()>;

/// # Safety
/// The pointers are NULL or valid, as the header asks; here and below.
pub(super) unsafe fn get(key: *const c_char, options: *const etcd_get_options, run: Run<'_>) -> Result<()> {
    let defaults = GetOptions::default();
    // SAFETY: the caller's promise.
    let options = unsafe { border::optional("options", options) }?.unwrap_or(&defaults);
    // SAFETY: the caller's promise.
    run(&Operation::Get { key: unsafe { strings::text("key", key) }?, options })
}

/// # Safety
/// As for `get`.
pub(super) unsafe fn set(
    key: *const c_char,
    value: *const c_char,
    value_len: usize,
    options: *const etcd_set_options,
    run: Run<'_>,
) -> Result<()> {
    let defaults = SetOptions::default();
    // SAFETY: the caller's promises.
    unsafe {
        let options = border::optional("options", options)?.unwrap_or(&defaults);
        set_with(key, value, value_len, options, run)
    }
}

/// # Safety
/// As for `get`.
pub(super) unsafe fn create(key: *const c_char, value: *const c_char, value_len: usize, run: Run<'_>) -> Result<()> {
    let options = SetOptions { prev_exist: PrevExist::NoExist, ..SetOptions::default() };
    // SAFETY: the caller's promises.
    unsafe { set_with(key, value, value_len, &options, run) }
}

/// # Safety
/// As for `get`.
pub(super) unsafe fn update(key: *const c_char, value: *const c_char, value_len: usize, run: Run<'_>) -> Result<()> {
    let options = SetOptions { prev_exist: PrevExist::Exist, ..SetOptions::default() };
    // SAFETY: the caller's promises.
    unsafe { set_with(key, value, value_len, &options, run) }
}

/// # Safety
/// As for `get`.
unsafe fn set_with(
    key: *const c_char,
    value: *const c_char,
    value_len: usize,
    options: &SetOptions,
    run: Run<'_>,
) -> Result<()> {
    // SAFETY: the caller's promises.
    let (key, value) = unsafe { (strings::text("key", key)?, strings::value("value", value, value_len)?) };
    run(&Operation::Set { key, value, options })
}

/// # Safety
/// As for `get`.
pub(super) unsafe fn create_in_order(
    dir: *const c_char,
    value: *const c_char,
    value_len: usize,
    options: *const etcd_create_in_order_options,
    run: Run<'_>,
) -> Result<()> {
    let defaults = CreateInOrderOptions::default();
    // SAFETY: the caller's promises.
    unsafe {
        let options = border::optional("options", options)?.unwrap_or(&defaults);
        let (dir, value) = (strings::text("dir", dir)?, strings::value("value", value, value_len)?);
        run(&Operation::CreateInOrder { dir, value, options })
    }
}

/// # Safety
/// As for `get`.
pub(super) unsafe fn delete(key: *const c_char, options: *const etcd_delete_options, run: Run<'_>) -> Result<()> {
    let defaults = DeleteOptions::default();
    // SAFETY: the caller's promises.
    unsafe {
        let options = border::optional("options", options)?.unwrap_or(&defaults);
        run(&Operation::Delete { key: strings::text("key", key)?, options })
    }
}
