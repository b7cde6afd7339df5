//! Knows whether this thread is inside one of the application's callbacks, where blocking would deadlock.

use std::cell::Cell;

use crate::core::error::{Error, Result};
use crate::core::status::Status;
use crate::ffi::panics;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static CALLED: Cell<u64> = const { Cell::new(0) };
}

/// Runs the application's code; calls that block refuse to run inside it.
pub fn inside<T>(code: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            DEPTH.with(|depth| depth.set(depth.get().saturating_sub(1)));
        }
    }
    DEPTH.with(|depth| depth.set(depth.get().saturating_add(1)));
    let _leave = Leave;
    panics::as_the_host(code)
}

/// Runs a callback that is counted, for those who report how many they ran.
pub fn call<T>(callback: impl FnOnce() -> T) -> T {
    CALLED.with(|called| called.set(called.get().wrapping_add(1)));
    inside(callback)
}

/// How many counted callbacks this thread has run so far.
pub fn called() -> u64 {
    CALLED.with(Cell::get)
}

/// What tells this thread from others. The standard library's name for it is gone at the very end of a thread; this is not.
pub fn this_thread() -> usize {
    DEPTH.with(|depth| std::ptr::from_ref(depth).addr())
}

pub fn is_inside() -> bool {
    DEPTH.with(|depth| depth.get() > 0)
}

/// For calls that block.
pub fn refuse_to_block() -> Result<()> {
    match is_inside() {
        true => Err(Error::new(Status::WouldDeadlock, "a blocking call was made inside a callback of this library")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_known_until_it_returns_also_by_a_panic() {
        assert!(!is_inside());
        assert!(inside(is_inside));
        let _ = std::panic::catch_unwind(|| inside(|| std::panic::resume_unwind(Box::new(()))));
        assert!(!is_inside());
    }

    #[test]
    fn only_callbacks_are_counted() {
        let before = called();
        call(|| inside(|| assert!(is_inside())));
        assert_eq!(called() - before, 1);
    }
}
