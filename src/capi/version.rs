//! Version: which library is loaded.

use std::ffi::{CStr, c_char};

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

const BUILD_INFO: &CStr = match CStr::from_bytes_with_nul(
    concat!(
        "libetcd_client ",
        env!("CARGO_PKG_VERSION"),
        "; target ",
        env!("ETCD_BUILD_TARGET"),
        "; protocols v2; tls rustls/ring; ",
        env!("ETCD_BUILD_PROFILE"),
        "\0"
    )
    .as_bytes(),
) {
    Ok(info) => info,
    Err(_) => c"",
};

/// ETCD_CLIENT_VERSION_NUMBER of the loaded library: major << 16 | minor << 8 | patch. A program can compare it with the
/// macro, which is that of the header it was compiled with. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_version_number() -> u32 {
    const fn part(text: &str) -> u32 {
        let mut number = 0;
        let mut bytes = text.as_bytes();
        while let Some((digit, rest)) = bytes.split_first() {
            number = number * 10 + (*digit as u32).wrapping_sub('0' as u32);
            bytes = rest;
        }
        number
    }
    part(env!("CARGO_PKG_VERSION_MAJOR")) << 16
        | part(env!("CARGO_PKG_VERSION_MINOR")) << 8
        | part(env!("CARGO_PKG_VERSION_PATCH"))
}

/// The version of the loaded library, such as "0.1.0". Static; never NULL; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_version() -> *const c_char {
    VERSION.as_ptr()
}

/// How the loaded library was built: version, target, protocols, TLS backend. For people and bug reports; its form may
/// change. Static; never NULL; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_build_info() -> *const c_char {
    BUILD_INFO.as_ptr()
}
