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
#[path = "../../../src/rt/wakeup.rs"]
pub mod wakeup;

/// In place of `src/rt/sync.rs`.
pub mod sync {
    pub use loom::sync::atomic::{AtomicU8, Ordering};
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

/// In place of `src/ffi`: a descriptor that is readable, and what waits for it.
pub mod ffi {
    pub mod readiness {
        use loom::sync::{Condvar, Mutex};

        use crate::callback_queue::Signal;

        #[derive(Default)]
        pub struct Readiness {
            is_raised: Mutex<bool>,
            raised: Condvar,
        }

        impl Readiness {
            pub fn new() -> Option<Readiness> {
                Some(Readiness::default())
            }

            /// The model's lanes wait at the very descriptor.
            pub fn descriptor(&self) -> i32 {
                let mut is_raised = self.is_raised.lock().expect("unpoisoned");
                while !*is_raised {
                    is_raised = self.raised.wait(is_raised).expect("unpoisoned");
                }
                0
            }
        }

        impl Signal for Readiness {
            fn raise(&self) {
                *self.is_raised.lock().expect("unpoisoned") = true;
                self.raised.notify_all();
            }

            fn lower(&self) {
                *self.is_raised.lock().expect("unpoisoned") = false;
            }
        }
    }
}
