//! Waiting for a future on the calling thread without any runtime: for futures that only wait to be woken, such as
//! an event that another thread brings or a cancellation.

use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use super::waiting::wait_while;

/// Not the thread's own parking place, which is gone in an exit handler and in the destructor of a C++ global.
struct Place {
    is_woken: Mutex<bool>,
    woken: Condvar,
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        *self.is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.woken.notify_one();
    }
}

impl Place {
    /// Waits until it is woken; false when `until` comes first.
    fn wait(&self, until: Option<Instant>) -> bool {
        let is_woken = self.is_woken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_woken = wait_while(&self.woken, is_woken, until, |is_woken| !*is_woken);
        std::mem::take(&mut *is_woken)
    }
}

/// The future's result, or None when `until` comes first. None for `until` waits as long as it takes.
pub fn wait_until<F: Future>(future: F, until: Option<Instant>) -> Option<F::Output> {
    let place = Arc::new(Place { is_woken: Mutex::new(true), woken: Condvar::new() });
    let waker = Waker::from(place.clone());
    let mut future = pin!(future);
    while place.wait(until) {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(result);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::thread;
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
