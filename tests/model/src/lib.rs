//! What the library's threads meet at, compiled with the locks of the model checker: the very files of `src/rt`.
// Their unit tests belong to the library, and are compiled there.
#![cfg(not(test))]

#[path = "../../../src/rt/callback_queue.rs"]
pub mod callback_queue;
#[path = "../../../src/rt/completion.rs"]
pub mod completion;
#[path = "../../../src/rt/steps.rs"]
pub mod steps;
#[path = "../../../src/rt/waiting.rs"]
pub mod waiting;

/// In place of `src/rt/sync.rs`.
pub mod sync {
    pub use loom::sync::{Condvar, Mutex, MutexGuard};
    pub use std::process::id as process_id;
}

/// In place of `src/rt/callback.rs`: the model's threads are no threads of the system.
pub mod callback {
    use std::cell::Cell;

    loom::thread_local! {
        static CALLED: Cell<u64> = Cell::new(0);
    }

    pub fn call<T>(callback: impl FnOnce() -> T) -> T {
        CALLED.with(|called| called.set(called.get() + 1));
        callback()
    }

    pub fn called() -> u64 {
        CALLED.with(Cell::get)
    }
}
