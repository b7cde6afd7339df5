//! A process whose memory runs out when a test says so.

use std::ptr::null_mut;
use std::time::Duration;

use etcd_test_harness::capi::error::*;
use etcd_test_support::{Reply, Request, ScriptedServer, stage};

/// Where the server of the test is, for the process that has little memory: the server itself needs much.
const ENDPOINT: &str = "ETCD_CLIENT_TEST_MEMORY_ENDPOINT";

/// Runs `body` in a process of its own, which it may limit; it gets the endpoint of a server that answers so.
pub(crate) fn in_little_memory(name: &str, answer: fn(&Request) -> Reply, body: fn(&str)) {
    if let Ok(endpoint) = std::env::var(ENDPOINT) {
        return body(&endpoint);
    }
    let server = ScriptedServer::by(answer);
    let program = std::env::current_exe().expect("the path of this program");
    let endpoint = server.endpoint();
    // One arena, since each further one takes 64 MiB of addresses, which the limit counts; and what is large and freed goes
    // back at once, so that the limit is what there is.
    let tunables = ("GLIBC_TUNABLES", "glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=131072");
    let environment = [(ENDPOINT, endpoint.as_str()), tunables];
    let arguments = [name, "--exact", "--test-threads=1", "--nocapture"];
    let output = stage::run(program, &arguments, &environment, Duration::from_secs(240));
    let text = stage::text_of(&output);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

pub(crate) const MIB: usize = 1 << 20;

/// The addresses that this process uses.
fn used() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("the size of this process");
    pages.split(' ').next().and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}

/// Runs `body` while only so many more bytes can be had.
pub(crate) fn within<T>(bytes: usize, body: impl FnOnce() -> T) -> T {
    let limit = |bytes: u64| {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: it only sets a limit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    };
    limit((used() + bytes) as u64);
    let result = body();
    limit(libc::RLIM_INFINITY);
    result
}

/// What a call gave, without an allocation of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) status: i32,
    pub(crate) outcome: i32,
}

pub(crate) fn got(call: impl FnOnce(*mut *mut etcd_error) -> i32) -> Got {
    let mut error = null_mut();
    let status = call(&mut error);
    // SAFETY: the error is NULL or ours.
    unsafe {
        let outcome = etcd_error_outcome(error);
        etcd_error_free(error);
        Got { status, outcome }
    }
}
