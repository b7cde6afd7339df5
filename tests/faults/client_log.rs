//! What the clients of a load log, among the output of a test that fails.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::null_mut;

use etcd_test_harness::Config;
use etcd_test_harness::capi::config::*;

use crate::settings::{elapsed, log_level};

/// Logs where the settings say so.
pub(crate) fn logging(config: Config) -> Config {
    let Some(level) = log_level() else { return config };
    // SAFETY: the configuration is alive, and the function needs no user data.
    config.change(|config| unsafe { etcd_config_set_log(config, level, Some(write), null_mut(), None) })
}

unsafe extern "C" fn write(_: *mut c_void, level: i32, message: *const c_char) {
    // SAFETY: the message is a C string.
    let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    println!("{:.3} s: log {level}: {message}", elapsed());
}
