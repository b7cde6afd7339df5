//! The C functions as C calls them, for arguments that the harness cannot make.

use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};

use etcd_test_harness::capi::client::*;
use etcd_test_harness::capi::config::*;
use etcd_test_harness::capi::error::*;
use etcd_test_harness::capi::keys::etcd_keys_get;
use etcd_test_harness::capi::response::*;

/// An object that is freed at the end.
pub(crate) struct Owned<T> {
    pointer: *mut T,
    free: unsafe extern "C" fn(*mut T),
}

// SAFETY: the header says that clients, contexts, responses and errors may be used from many threads at once.
unsafe impl<T> Send for Owned<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Owned<T> {}

impl<T> Owned<T> {
    pub(crate) fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Owned<T> {
        assert!(!pointer.is_null());
        Owned { pointer, free }
    }

    pub(crate) fn get(&self) -> *mut T {
        self.pointer
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the object is ours.
        unsafe { (self.free)(self.pointer) }
    }
}

/// A call's status, and the message and outcome of its error object, which is freed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) status: i32,
    pub(crate) message: String,
    pub(crate) outcome: i32,
}

pub(crate) fn told(call: impl FnOnce(*mut *mut etcd_error) -> i32) -> Told {
    // Not NULL, so that it is seen whether the call sets it.
    let mut error = std::ptr::dangling_mut();
    let status = call(&mut error);
    assert_eq!(status == 0, error.is_null(), "an error object, if and only if the call fails");
    // SAFETY: the error is NULL or ours; it is read, and then freed.
    unsafe {
        assert_eq!(etcd_error_status(error), status);
        let message = text(etcd_error_message(error)).unwrap_or_default();
        let outcome = etcd_error_outcome(error);
        etcd_error_free(error);
        Told { status, message, outcome }
    }
}

pub(crate) fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: the library gives NULL, or text that ends with a NUL and lives longer than this call.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_str().expect("UTF-8").to_owned())
}

pub(crate) fn c(text: &str) -> CString {
    CString::new(text).expect("text without NUL")
}

pub(crate) fn config(endpoints: &[&str]) -> Owned<etcd_config> {
    let config = Owned::new(etcd_config_new(), etcd_config_free);
    for endpoint in endpoints {
        // SAFETY: the configuration is alive, the string lives for the call.
        assert_eq!(unsafe { etcd_config_add_endpoint(config.get(), c(endpoint).as_ptr()) }, 0);
    }
    config
}

pub(crate) fn client(endpoints: &[&str]) -> Owned<etcd_client> {
    client_of(&config(endpoints))
}

pub(crate) fn client_of(config: &Owned<etcd_config>) -> Owned<etcd_client> {
    let mut client = null_mut();
    // SAFETY: the configuration is alive.
    let told = told(|error| unsafe { etcd_client_new(config.get(), &mut client, error) });
    assert_eq!(told.status, 0, "{told:?}");
    Owned::new(client, etcd_client_free)
}

/// The response of a get without options.
pub(crate) fn response(client: &Owned<etcd_client>, key: &str) -> Owned<etcd_response> {
    let mut response = null_mut();
    let key = c(key);
    // SAFETY: everything lives for the call.
    let told = told(|error| unsafe { etcd_keys_get(client.get(), null(), key.as_ptr(), null(), &mut response, error) });
    assert_eq!(told.status, 0, "{told:?}");
    Owned::new(response, etcd_response_free)
}

/// The error of a get that fails.
pub(crate) fn error(client: &Owned<etcd_client>, key: &str) -> Owned<etcd_error> {
    let (mut error, key) = (null_mut(), c(key));
    // SAFETY: everything lives for the call.
    let status = unsafe { etcd_keys_get(client.get(), null(), key.as_ptr(), null(), null_mut(), &mut error) };
    assert_ne!(status, 0);
    Owned::new(error, etcd_error_free)
}
