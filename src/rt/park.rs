//! Waiting for a future on the calling thread without any runtime: for futures that only wait to be woken, such as
//! an event that another thread brings or a cancellation.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

struct Unpark {
    thread: Thread,
    /// A thread may be unparked for other reasons; only this says that it is worth to poll again.
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// The future's result, or None when `until` comes first. None for `until` waits as long as it takes.
pub fn wait_until<F: Future>(future: F, until: Option<Instant>) -> Option<F::Output> {
    let unpark = Arc::new(Unpark { thread: thread::current(), woken: AtomicBool::new(true) });
    let waker = Waker::from(unpark.clone());
    let mut future = pin!(future);
    loop {
        if unpark.woken.swap(false, Ordering::Acquire)
            && let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker))
        {
            return Some(result);
        }
        match until {
            None => thread::park(),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return None;
                }
                thread::park_timeout(left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_result_that_is_there_needs_no_time() {
        assert_eq!(wait_until(std::future::ready(7), Some(Instant::now())), Some(7));
    }

    #[test]
    fn another_thread_wakes_it() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let other = thread::spawn(move || sender.send(7));
        assert_eq!(wait_until(receiver, None), Some(Ok(7)));
        assert_eq!(other.join().expect("no panic"), Ok(()));
    }

    #[test]
    fn the_time_ends_it() {
        let until = Instant::now() + Duration::from_millis(5);
        assert_eq!(wait_until(std::future::pending::<()>(), Some(until)), None);
        assert!(Instant::now() >= until);
    }
}
