//! String lists, and texts that the caller owns.

use std::ffi::{CString, c_char};
use std::ptr;

use super::border;
use super::status::etcd_status;
use crate::core::error::Result;
use crate::core::memory;
use crate::ffi::handle::{self, Handle};
use crate::ffi::strings;

/// A list of strings. One thread at a time while strings are added; afterwards any number may read.
pub struct etcd_strings {
    _opaque: [u8; 0],
}

impl Handle for etcd_strings {
    type Value = Vec<CString>;
    const TAG: u64 = 0x6573_7472_696e_6773;
}

/// A list that the caller frees.
pub(super) fn give<T: AsRef<str>>(texts: &[T]) -> Result<*mut etcd_strings> {
    c_strings(texts).map(handle::give)
}

pub(super) fn c_strings<T: AsRef<str>>(texts: &[T]) -> Result<Vec<CString>> {
    let mut list = memory::list(texts.len(), "a list of strings")?;
    // Each of them may be small, and all of them together may not.
    memory::room(texts.iter().map(|text| text.as_ref().len() + SMALLEST).sum(), "a list of strings")?;
    for text in texts {
        list.push(strings::large_c_string(text.as_ref(), "a string of a list")?);
    }
    Ok(list)
}

/// What an allocator takes for a string besides its bytes, or more.
const SMALLEST: usize = 48;

/// The texts of a list that must not be NULL.
///
/// # Safety
/// As for `border::required`.
pub(super) unsafe fn texts<'a>(argument: &str, list: *const etcd_strings) -> Result<Vec<&'a str>> {
    // SAFETY: the caller's promise.
    let list = unsafe { border::required(argument, list) }?;
    let mut texts = memory::list(list.len(), "a list of strings")?;
    // They were UTF-8 when they were added.
    texts.extend(list.iter().map(|text| text.to_str().unwrap_or_default()));
    Ok(texts)
}

/// As `texts`, for a call that may outlive the list.
///
/// # Safety
/// As for `texts`.
pub(super) unsafe fn owned(argument: &str, list: *const etcd_strings) -> Result<Vec<String>> {
    // SAFETY: the caller's promise.
    Ok(unsafe { texts(argument, list) }?.into_iter().map(str::to_owned).collect())
}

/// An empty list. The caller frees it with etcd_strings_free. Never NULL but for lack of memory.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_strings_new() -> *mut etcd_strings {
    border::infallible(ptr::null_mut(), || handle::give(Vec::new()))
}

/// Appends a copy of `text`. ETCD_ERR_INVALID_ARGUMENT: strings or text is NULL, the text is not UTF-8, or the list is one
/// that belongs to another object. ETCD_ERR_NO_MEMORY: the list stays as it was.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_strings_add(strings: *mut etcd_strings, text: *const c_char) -> etcd_status {
    border::status(|| {
        // SAFETY: the C caller's promises for pointers and strings.
        let (list, text) = unsafe { (border::required_mut("strings", strings)?, strings::text("text", text)?) };
        memory::spare("a list of strings")?;
        memory::grow(list, 1, "a list of strings")?;
        list.push(strings::large_c_string(text, "a string of a list")?);
        Ok(())
    })
}

/// How many strings there are; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_strings_len(strings: *const etcd_strings) -> usize {
    // SAFETY: the C caller's promise.
    unsafe { handle::borrow(strings) }.map_or(0, Vec::len)
}

/// A string, borrowed from the list until it changes or is freed; NULL past the end and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_strings_get(strings: *const etcd_strings, index: usize) -> *const c_char {
    // SAFETY: the C caller's promise.
    let text = unsafe { handle::borrow(strings) }.and_then(|list| list.get(index));
    text.map_or(ptr::null(), |text| text.as_ptr())
}

/// Frees a list; NULL is fine, and a list that belongs to another object is left alone; any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_strings_free(strings: *mut etcd_strings) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(strings) }
}

/// Frees a text that the library handed out as `char *`; NULL is fine; any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_string_free(text: *mut c_char) {
    // SAFETY: the caller owns the text, and it came from this library.
    border::infallible((), || unsafe { strings::take_back(text) });
}
