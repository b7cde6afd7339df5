use std::ptr::null_mut;

use ::etcd_client::capi::watcher::*;

use crate::client::{Client, Context, outcome, raw};
use crate::{Failure, Response, c};

/// Options of a watcher.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    pub after_index: u64,
    pub recursive: bool,
    pub resync: bool,
    pub stream: bool,
    pub idle_timeout_ms: i64,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch { after_index: 0, recursive: false, resync: false, stream: true, idle_timeout_ms: 10_000 }
    }
}

/// A watcher; freed when dropped.
pub struct Watcher(*mut etcd_watcher);

// SAFETY: the header says that a watcher may be used from many threads at once.
unsafe impl Send for Watcher {}
// SAFETY: as above.
unsafe impl Sync for Watcher {}

impl Client {
    pub fn watch(&self, key: &str, watch: &Watch) -> Result<Watcher, Failure> {
        let (mut watcher, mut error) = (null_mut(), null_mut());
        // SAFETY: everything lives for the call; the options are freed after it.
        unsafe {
            let options = etcd_watcher_options_new();
            assert_eq!(etcd_watcher_options_set_after_index(options, watch.after_index), 0);
            assert_eq!(etcd_watcher_options_set_recursive(options, watch.recursive.into()), 0);
            assert_eq!(etcd_watcher_options_set_resync(options, watch.resync.into()), 0);
            assert_eq!(etcd_watcher_options_set_stream(options, watch.stream.into()), 0);
            assert_eq!(etcd_watcher_options_set_idle_timeout_ms(options, watch.idle_timeout_ms), 0);
            let status = etcd_watcher_new(self.raw(), c(key).as_ptr(), options, &mut watcher, &mut error);
            etcd_watcher_options_free(options);
            outcome(status, error)?;
        }
        assert!(!watcher.is_null(), "success without a watcher");
        Ok(Watcher(watcher))
    }

    /// From now on, the key alone.
    pub fn watch_key(&self, key: &str) -> Watcher {
        self.watch(key, &Watch::default()).expect("a watcher")
    }
}

impl Watcher {
    pub fn next(&self) -> Result<Response, Failure> {
        self.next_with(None)
    }

    pub fn next_with(&self, context: Option<&Context>) -> Result<Response, Failure> {
        let (mut response, mut error) = (null_mut(), null_mut());
        // SAFETY: watcher and context are alive, the out-parameters are ours.
        let status = unsafe { etcd_watcher_next(self.0, raw(context), &mut response, &mut error) };
        if status != 0 {
            assert!(response.is_null(), "a response together with an error");
        }
        outcome(status, error).map(|()| Response::take(response))
    }

    /// The next event, or the failure after that many milliseconds.
    pub fn next_within(&self, ms: i64) -> Result<Response, Failure> {
        self.next_with(Some(&Context::with_timeout_ms(ms)))
    }

    pub fn stop(&self, timeout_ms: i64) -> i32 {
        // SAFETY: the watcher is alive.
        unsafe { etcd_watcher_stop(self.0, timeout_ms) }
    }

    /// For a free in another thread; this wrapper must be forgotten then.
    pub fn raw(&self) -> *mut etcd_watcher {
        self.0
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // SAFETY: the watcher is ours.
        unsafe { etcd_watcher_free(self.0) }
    }
}
