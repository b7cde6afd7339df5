//! How many calls are running, for those who have to wait until none is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::waiting::wait_while;

/// Every call counts itself, so without a lock. All is in one order (SeqCst): either the last call sees that it is awaited, or
/// who waits sees that it has gone.
#[derive(Default)]
pub struct Running {
    count: AtomicUsize,
    is_awaited: AtomicBool,
    changing: Mutex<()>,
    none_left: Condvar,
}

impl Running {
    pub fn enter(&self) -> Entered<'_> {
        self.count.fetch_add(1, Ordering::SeqCst);
        Entered(self)
    }

    /// For a call that outlives the function which began it.
    pub fn enter_for_long(self: &Arc<Running>) -> EnteredForLong {
        self.count.fetch_add(1, Ordering::SeqCst);
        EnteredForLong(self.clone())
    }

    fn remove_one(&self) {
        let before = self.count.fetch_sub(1, Ordering::SeqCst);
        if before == 1 && self.is_awaited.load(Ordering::SeqCst) {
            // With the lock, so that nobody is between his question and his wait.
            let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
            self.none_left.notify_all();
        }
    }

    /// How many are left: 0, or those that had not returned in time.
    pub fn wait_until_none(&self, until: Option<Instant>) -> usize {
        self.is_awaited.store(true, Ordering::SeqCst);
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        // As it was seen: when there was none, one that comes behind is not waited for.
        let mut left = 0;
        drop(wait_while(&self.none_left, changing, until, |()| {
            left = self.count.load(Ordering::SeqCst);
            left > 0
        }));
        left
    }
}

pub struct Entered<'a>(&'a Running);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.remove_one();
    }
}

pub struct EnteredForLong(Arc<Running>);

impl Drop for EnteredForLong {
    fn drop(&mut self) {
        self.0.remove_one();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_waits_is_told_when_the_last_one_goes() {
        for _ in 0..200 {
            let running = Arc::new(Running::default());
            let calls: Vec<_> = (0..3).map(|_| running.enter_for_long()).collect();
            let threads: Vec<_> = calls.into_iter().map(|call| thread::spawn(move || drop(call))).collect();
            assert_eq!(running.wait_until_none(None), 0);
            threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        }
    }

    #[test]
    fn who_comes_when_there_was_none_is_not_waited_for() {
        let running = Arc::new(Running::default());
        let coming_and_going = running.clone();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = is_over.clone();
        let other = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                drop(coming_and_going.enter());
            }
        });
        for _ in 0..20_000 {
            assert_eq!(running.wait_until_none(None), 0);
        }
        is_over.store(true, Ordering::Relaxed);
        other.join().expect("no panic");
    }

    #[test]
    fn those_that_do_not_go_in_time_are_counted() {
        let running = Running::default();
        let _calls = (running.enter(), running.enter());
        assert_eq!(running.wait_until_none(Some(Instant::now() + Duration::from_millis(5))), 2);
    }
}
