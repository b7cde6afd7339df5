//! Wakes a lane, from whatever thread: it is polled once more, or its wait for sockets ends.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::task::Wake;

use super::callback_queue::Signal;
use super::sync::{AtomicU8, Ordering};
use crate::ffi::readiness::Readiness;

const IDLE: u8 = 0;
const WOKEN: u8 = 1;
const WAITING: u8 = 2;

pub struct Wakeup {
    state: AtomicU8,
    readiness: Readiness,
}

impl Wakeup {
    /// None when the process has no descriptor left.
    pub fn new() -> Option<Wakeup> {
        Some(Wakeup { state: AtomicU8::new(IDLE), readiness: Readiness::new()? })
    }

    /// Readable when somebody has woken the lane that waits.
    pub fn descriptor(&self) -> RawFd {
        self.readiness.descriptor()
    }

    /// What was woken before is of no interest any more.
    pub fn forget(&self) {
        // Whoever woke it before must be seen by what is polled next, which a store would not ensure.
        self.state.swap(IDLE, Ordering::AcqRel);
    }

    /// False when it was woken meanwhile: then there is nothing to wait for.
    pub fn begin_wait(&self) -> bool {
        let waits = self.state.compare_exchange(IDLE, WAITING, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !waits {
            self.forget();
        }
        waits
    }

    /// `has_news`: whether the descriptor has become readable.
    pub fn end_wait(&self, has_news: bool) {
        self.forget();
        if has_news {
            self.readiness.lower();
        }
    }
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == WAITING {
            self.readiness.raise();
        }
    }
}
