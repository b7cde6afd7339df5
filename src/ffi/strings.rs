//! Text and bytes across the border.

use std::ffi::{CStr, CString, c_char};
use std::slice;

use crate::core::error::{Error, Result};
use crate::core::memory;

/// `ETCD_STRLEN`: the length of bytes that end with a NUL.
pub const STRLEN: usize = usize::MAX;

/// Far more than etcd takes; a length beyond it is a caller's mistake, found before a byte is read.
const LONGEST: usize = 256 << 20;

/// No URL, name, path or password of any use is longer. So what is made of them is small, and only values and lists can be
/// too large for the memory.
const LONGEST_TEXT: usize = 64 << 10;

/// NUL-terminated UTF-8.
///
/// # Safety
/// `text` is NULL or points to a NUL-terminated string that lives as long as the borrow.
pub unsafe fn text<'a>(argument: &str, text: *const c_char) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    unsafe { optional_text(argument, text) }?.ok_or_else(|| Error::invalid_argument(argument, "is NULL"))
}

/// As `text`, for a call that may outlive it.
///
/// # Safety
/// As for `text`, until this returns.
pub unsafe fn owned_text(argument: &str, text: *const c_char) -> Result<String> {
    // SAFETY: the caller's promise.
    Ok(unsafe { self::text(argument, text) }?.to_owned())
}

/// NUL-terminated UTF-8, or None for NULL.
///
/// # Safety
/// As for `text`.
pub unsafe fn optional_text<'a>(argument: &str, text: *const c_char) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so NUL-terminated by the caller's promise.
    let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
    if bytes.len() > LONGEST_TEXT {
        let why = format_args!("has {} bytes, which is more than the {LONGEST_TEXT} that are accepted", bytes.len());
        return Err(Error::invalid_argument(argument, why));
    }
    utf8(argument, bytes).map(Some)
}

/// Pointer and length. Length STRLEN means NUL-terminated; NULL with length 0 is empty.
///
/// # Safety
/// `bytes` is NULL, or readable for `len` bytes (up to its NUL for STRLEN) as long as the borrow lives.
pub unsafe fn bytes<'a>(argument: &str, bytes: *const c_char, len: usize) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if bytes.is_null() {
        return Err(Error::invalid_argument(argument, "is NULL, but its length is not 0"));
    }
    // SAFETY: the caller promises a NUL.
    let up_to_nul = (len == STRLEN).then(|| unsafe { CStr::from_ptr(bytes) }.to_bytes());
    let len = up_to_nul.map_or(len, <[u8]>::len);
    if len > LONGEST {
        let why = format_args!("a length of {len} bytes is more than the {LONGEST} that are accepted");
        return Err(Error::invalid_argument(argument, why));
    }
    if let Some(bytes) = up_to_nul {
        return Ok(bytes);
    }
    // SAFETY: not NULL, of a sane length, and readable by the caller's promise.
    Ok(unsafe { slice::from_raw_parts(bytes.cast(), len) })
}

/// A value for etcd v2, whose JSON carries only UTF-8.
///
/// # Safety
/// As for `bytes`.
pub unsafe fn value<'a>(argument: &str, value: *const c_char, len: usize) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    utf8(argument, unsafe { bytes(argument, value, len) }?)
}

fn utf8<'a>(argument: &str, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let byte = bytes.get(offset).copied().unwrap_or(0);
        let why = format_args!(
            "is not UTF-8: byte 0x{byte:02x} at offset {offset}; etcd v2 would replace it silently, so encode binary data, for example as base64"
        );
        Error::invalid_argument(argument, why)
    })
}

/// For text that goes out: a NUL inside would end it early, so it becomes U+FFFD.
pub fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

/// As `c_string`, for what may be large; `what` it is, where there is no memory for it.
pub fn large_c_string(text: &str, what: &str) -> Result<CString> {
    const REPLACEMENT: &str = "\u{fffd}";
    let nuls = text.bytes().filter(|byte| *byte == 0).count();
    let mut bytes = memory::list(text.len() + nuls * REPLACEMENT.len() + 1, what)?;
    for (number, part) in text.split('\0').enumerate() {
        bytes.extend_from_slice(if number > 0 { REPLACEMENT.as_bytes() } else { b"" });
        bytes.extend_from_slice(part.as_bytes());
    }
    // There is room for the NUL that this adds.
    Ok(CString::new(bytes).unwrap_or_default())
}

/// A text for the caller to own, until `take_back`.
pub fn give(text: CString) -> *mut c_char {
    text.into_raw()
}

/// Frees what `give` gave; NULL is fine.
///
/// # Safety
/// `text` is NULL, or came from `give` and is not used any more.
pub unsafe fn take_back(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: not NULL, so from `into_raw` by the caller's promise.
        drop(unsafe { CString::from_raw(text) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_utf8_is_named_with_its_offset() {
        // SAFETY: a NUL-terminated literal.
        let error = unsafe { text("key", c"ab\xff".as_ptr()) }.expect_err("not UTF-8");
        assert!(error.message().starts_with("key: is not UTF-8: byte 0xff at offset 2"), "{error}");
    }

    #[test]
    fn bytes_are_taken_by_length_or_up_to_the_nul() {
        let text = [b'a', 0, b'b', 0];
        let literal = text.as_ptr().cast();
        // SAFETY: the literal has 4 bytes with its NUL; NULL is allowed with length 0.
        unsafe {
            assert_eq!(bytes("v", literal, 3).expect("3 bytes"), b"a\0b");
            assert_eq!(bytes("v", literal, STRLEN).expect("up to the NUL"), b"a");
            assert_eq!(bytes("v", std::ptr::null(), 0).expect("empty"), b"");
            assert!(bytes("v", std::ptr::null(), 1).is_err());
            assert!(bytes("v", std::ptr::null(), STRLEN).is_err());
            assert!(bytes("v", literal, usize::MAX - 1).is_err());
            assert!(bytes("v", literal, LONGEST + 1).is_err());
        }
    }

    #[test]
    fn a_nul_inside_outgoing_text_does_not_cut_it() {
        for text in ["", "a", "a\0b", "\0\0"] {
            let expected = text.replace('\0', "\u{fffd}");
            assert_eq!(c_string(text).to_str(), Ok(expected.as_str()));
            assert_eq!(large_c_string(text, "a text").expect("room").to_str(), Ok(expected.as_str()));
        }
    }

    #[test]
    fn a_text_has_an_end() {
        let longest = CString::new("x".repeat(LONGEST_TEXT)).expect("no NUL");
        let longer = CString::new("x".repeat(LONGEST_TEXT + 1)).expect("no NUL");
        // SAFETY: both are NUL-terminated and alive.
        let (longest, longer) = unsafe { (text("url", longest.as_ptr()), text("url", longer.as_ptr())) };
        assert!(longest.is_ok());
        assert!(longer.expect_err("too long").message().starts_with("url: has 65537 bytes"));
    }
}
