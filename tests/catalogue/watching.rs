//! Watches on the etcds of `space`, from the moment at which the server knows them.

use std::thread;

use etcd_test_harness::{Response, Watch, Watcher};
use etcd_test_support::wait_until;

use crate::space::Space;

const PATIENCE_MS: i64 = 20_000;

/// The next event, which must come.
pub(crate) fn next(watcher: &Watcher) -> Response {
    watcher.next_within(PATIENCE_MS).expect("an event")
}

impl Space {
    /// A watch of a key of the test's own directory, from behind an index.
    pub(crate) fn watch_after(&self, after_index: u64, name: &str, recursive: bool) -> Watcher {
        let options = Watch { after_index, recursive, ..Watch::default() };
        self.client.watch(&self.key(name), &options).expect("a watcher")
    }

    /// The first event of a watch from now on, and what `write` returns, which is called once the server has the watch.
    /// Needs a server of one's own: watches are counted there.
    pub(crate) fn first_event<T>(&self, name: &str, recursive: bool, write: impl FnOnce() -> T) -> (Response, T) {
        let watchers = || self.oracle.get("/v2/stats/store").json()["watchers"].as_u64();
        wait_until("the watches of earlier tests are gone", || watchers() == Some(0));
        let watcher = self.watch_after(0, name, recursive);
        thread::scope(|scope| {
            let event = scope.spawn(|| next(&watcher));
            wait_until("the server has the watch", || watchers() == Some(1));
            let written = write();
            (event.join().expect("no panic"), written)
        })
    }
}
