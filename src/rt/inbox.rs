//! Tasks on their way to the internal thread. It is woken once for all that come while it works: a runtime would write to its
//! descriptor for each of them.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
pub struct Inbox(Mutex<State>);

#[derive(Default)]
struct State {
    tasks: Vec<Task>,
    /// Of the thread, while it waits for tasks.
    waker: Option<Waker>,
    /// Nobody takes tasks any more.
    is_closed: bool,
}

impl Inbox {
    /// A task that comes too late is dropped, which it notices.
    pub fn put(&self, task: Task) {
        let mut state = self.state();
        if state.is_closed {
            drop(state);
            return drop(task);
        }
        state.tasks.push(task);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for tasks; gives all that have come.
    pub async fn take(&self) -> Vec<Task> {
        std::future::poll_fn(|context| {
            let mut state = self.state();
            if state.tasks.is_empty() {
                state.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(std::mem::take(&mut state.tasks))
        })
        .await
    }

    /// What is in it, and what comes later, is dropped.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        let dropped = (std::mem::take(&mut state.tasks), state.waker.take());
        drop(state);
        drop(dropped);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_waits_is_woken_once_for_all_that_come() {
        let (inbox, woken) = (Inbox::default(), Arc::new(Woken::default()));
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        let mut taking = pin!(inbox.take());
        assert!(taking.as_mut().poll(&mut context).is_pending());
        (0..3).for_each(|_| inbox.put(Box::pin(async {})));
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        let Poll::Ready(tasks) = taking.poll(&mut context) else { panic!("there are tasks") };
        assert_eq!(tasks.len(), 3);
        inbox.put(Box::pin(async {}));
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "nobody waits");
    }

    #[test]
    fn what_nobody_takes_any_more_is_dropped() {
        let (inbox, held) = (Inbox::default(), Arc::new(()));
        for round in 0..2 {
            let holding = held.clone();
            inbox.put(Box::pin(async move { drop(holding) }));
            inbox.close();
            assert_eq!(Arc::strong_count(&held), 1, "round {round}");
        }
    }
}
