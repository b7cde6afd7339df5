//! Memory whose size a caller or an answer decides: where there is none, the call fails, and not the process.

use super::error::{Error, Result};
use super::status::Status;

/// From here on an allocation may fail and be told; a smaller one that fails ends the process, as everywhere in Rust.
pub const LARGE: usize = 64 << 10;

/// Left over by every large allocation for the small ones that come after it.
const SPARE: usize = 1 << 20;

/// The error of a caller who wanted more than there is.
pub fn lacking(bytes: usize, what: &str) -> Error {
    Error::new(Status::NoMemory, format!("there is no memory for {bytes} bytes of {what}"))
}

/// An empty text with room for that many bytes, and not for more.
pub fn text(bytes: usize, what: &str) -> Result<String> {
    if bytes <= LARGE {
        return Ok(String::with_capacity(bytes));
    }
    let mut text = String::new();
    match text.try_reserve_exact(bytes).is_ok() && leaves_some(bytes) {
        true => Ok(text),
        false => Err(lacking(bytes, what)),
    }
}

/// An empty list with room for that many elements, and not for more.
pub fn list<T>(elements: usize, what: &str) -> Result<Vec<T>> {
    let bytes = elements.saturating_mul(size_of::<T>());
    if bytes <= LARGE {
        return Ok(Vec::with_capacity(elements));
    }
    let mut list = Vec::new();
    match list.try_reserve_exact(elements).is_ok() && leaves_some(bytes) {
        true => Ok(list),
        false => Err(lacking(bytes, what)),
    }
}

/// Makes room for more elements, and for some beyond, so that a list which grows is not moved each time.
#[inline]
pub fn grow<T>(list: &mut Vec<T>, more: usize, what: &str) -> Result<()> {
    if list.capacity() - list.len() >= more { Ok(()) } else { grow_slowly(list, more, what) }
}

#[cold]
fn grow_slowly<T>(list: &mut Vec<T>, more: usize, what: &str) -> Result<()> {
    let bytes = list.len().saturating_add(more).saturating_mul(size_of::<T>());
    let grown = list.try_reserve(more).is_ok();
    if grown && leaves_some(bytes) { Ok(()) } else { Err(lacking(bytes, what)) }
}

pub fn copy(text: &str, what: &str) -> Result<String> {
    joined(&[text], what)
}

/// The parts behind each other.
pub fn joined(parts: &[&str], what: &str) -> Result<String> {
    let mut joined = text(parts.iter().map(|part| part.len()).sum(), what)?;
    parts.iter().for_each(|part| joined.push_str(part));
    Ok(joined)
}

/// Whether there is as much at this moment, for what a foreign library allocates without asking.
pub fn room(bytes: usize, what: &str) -> Result<()> {
    if bytes <= LARGE { Ok(()) } else { list::<u8>(bytes, what).map(drop) }
}

/// Whether there is enough for what is small, where many small things add up.
pub fn spare(what: &str) -> Result<()> {
    room(SPARE, what)
}

fn leaves_some(bytes: usize) -> bool {
    bytes <= LARGE || Vec::<u8>::new().try_reserve_exact(SPARE).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than any machine has.
    const ENDLESS: usize = usize::MAX >> 2;

    #[test]
    fn what_is_not_there_is_an_error_with_its_size_and_purpose() {
        let endless = [
            text(ENDLESS, "a value").map(drop),
            list::<u8>(ENDLESS, "a value").map(drop),
            list::<u64>(ENDLESS, "a value").map(drop),
            grow(&mut vec![0_u8], ENDLESS, "a value"),
            room(ENDLESS, "a value"),
        ];
        for error in endless.map(|result| result.expect_err("endless")) {
            assert_eq!(error.status(), Status::NoMemory);
            assert!(error.message().contains("bytes of a value"), "{error}");
        }
    }

    #[test]
    fn what_is_there_is_given_and_no_more() {
        assert_eq!(text(LARGE + 1, "a value").expect("room").capacity(), LARGE + 1);
        assert_eq!(joined(&["a", "", "bc"], "a value").expect("room"), "abc");
        let mut list = vec![1, 2];
        grow(&mut list, 1, "a list").expect("room");
        assert!(list.capacity() >= 3);
        room(LARGE, "anything").expect("a small one is always there");
    }
}
