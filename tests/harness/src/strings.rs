use ::etcd_client::capi::strings::*;

use crate::{c, text};

/// A string list for an input.
pub(crate) struct List(*mut etcd_strings);

impl List {
    pub(crate) fn new(texts: &[&str]) -> List {
        let list = List(etcd_strings_new());
        for text in texts {
            // SAFETY: the list is alive, the string lives for the call.
            assert_eq!(unsafe { etcd_strings_add(list.0, c(text).as_ptr()) }, 0);
        }
        list
    }

    pub(crate) fn raw(&self) -> *const etcd_strings {
        self.0
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the list is ours.
        unsafe { etcd_strings_free(self.0) }
    }
}

/// Copies a borrowed list.
pub(crate) fn read(list: *const etcd_strings) -> Vec<String> {
    assert!(!list.is_null(), "no list");
    // SAFETY: the list is alive.
    unsafe { (0..etcd_strings_len(list)).map(|index| text(etcd_strings_get(list, index)).expect("a string")).collect() }
}

/// Copies a list that is ours and frees it.
pub(crate) fn take(list: *mut etcd_strings) -> Vec<String> {
    let copy = read(list);
    // SAFETY: the list is ours and not used again.
    unsafe { etcd_strings_free(list) };
    copy
}
