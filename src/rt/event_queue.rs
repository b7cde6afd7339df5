//! What one task has found and one thread has not taken yet, in order and bounded: a reader that is too slow makes
//! the task stop reading, and so the server notices, instead of this process filling up.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// One item is always let in, however large it is.
const MOST_ITEMS: usize = 1024;
const MOST_WEIGHT: usize = 8 << 20;

pub struct EventQueue<T> {
    state: Mutex<State<T>>,
    added: Notify,
    taken: Notify,
    awaited: Notify,
}

struct State<T> {
    /// With what each weighs.
    items: VecDeque<(T, usize)>,
    weight: usize,
    /// Somebody waits for the next item.
    is_awaited: bool,
    /// Nothing will be added any more.
    is_closed: bool,
}

impl<T> Default for EventQueue<T> {
    fn default() -> EventQueue<T> {
        EventQueue {
            state: Mutex::new(State { items: VecDeque::new(), weight: 0, is_awaited: false, is_closed: false }),
            added: Notify::new(),
            taken: Notify::new(),
            awaited: Notify::new(),
        }
    }
}

impl<T> EventQueue<T> {
    /// Adds an item as soon as there is room. One task at a time.
    pub async fn add(&self, item: T, weight: usize) {
        let mut item = Some(item);
        loop {
            {
                let mut state = self.state();
                if state.has_room_for(weight)
                    && let Some(item) = item.take()
                {
                    state.items.push_back((item, weight));
                    state.weight = state.weight.saturating_add(weight);
                }
            }
            if item.is_none() {
                self.added.notify_one();
                return;
            }
            self.taken.notified().await;
        }
    }

    /// Waits until everything has been taken.
    pub async fn emptied(&self) {
        while !self.state().items.is_empty() {
            self.taken.notified().await;
        }
    }

    /// Whether somebody waits for the next item right now.
    pub fn is_awaited(&self) -> bool {
        self.state().is_awaited
    }

    /// Waits until somebody waits for the next item.
    pub async fn awaited(&self) {
        while !self.is_awaited() {
            self.awaited.notified().await;
        }
    }

    /// The next item as soon as there is one; None when there will be none. One thread at a time.
    pub async fn take(&self) -> Option<T> {
        loop {
            {
                let mut state = self.state();
                if let Some((item, weight)) = state.items.pop_front() {
                    state.weight = state.weight.saturating_sub(weight);
                    if state.items.is_empty() {
                        // It would keep what the largest burst needed.
                        state.items = VecDeque::new();
                    }
                    drop(state);
                    self.taken.notify_one();
                    return Some(item);
                }
                if state.is_closed {
                    return None;
                }
                state.is_awaited = true;
            }
            let _awaiting = Awaiting(self);
            self.awaited.notify_one();
            self.added.notified().await;
        }
    }

    /// What was taken comes again, before all others.
    pub fn put_back(&self, item: T, weight: usize) {
        let mut state = self.state();
        state.items.push_front((item, weight));
        state.weight = state.weight.saturating_add(weight);
        drop(state);
        self.added.notify_one();
    }

    /// Nothing will be added any more; what is there can still be taken.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.added.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Awaiting<'a, T>(&'a EventQueue<T>);

impl<T> Drop for Awaiting<'_, T> {
    fn drop(&mut self) {
        self.0.state().is_awaited = false;
    }
}

impl<T> State<T> {
    fn has_room_for(&self, weight: usize) -> bool {
        let fits = self.items.len() < MOST_ITEMS && self.weight.saturating_add(weight) <= MOST_WEIGHT;
        fits || self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::rt::park::wait_until;

    fn now<F: Future>(future: F) -> Option<F::Output> {
        wait_until(future, Some(Instant::now()))
    }

    #[test]
    fn items_come_out_in_order_and_the_close_comes_last() {
        let queue = EventQueue::default();
        (0..3).for_each(|number| now(queue.add(number, 1)).expect("room"));
        queue.close();
        let taken: Vec<_> = std::iter::from_fn(|| now(queue.take()).flatten()).collect();
        assert_eq!(taken, [0, 1, 2]);
    }

    #[test]
    fn whether_somebody_waits_is_known_until_he_gives_up() {
        let queue = EventQueue::<()>::default();
        assert!(now(queue.awaited()).is_none());
        let mut taking = Box::pin(queue.take());
        assert!(now(&mut taking).is_none());
        assert!(queue.is_awaited() && now(queue.awaited()).is_some());
        drop(taking);
        assert!(!queue.is_awaited());
    }

    #[test]
    fn it_is_bounded_in_number_and_in_weight() {
        let queue = EventQueue::default();
        (0..MOST_ITEMS).for_each(|_| now(queue.add((), 1)).expect("room"));
        assert!(now(queue.add((), 1)).is_none());
        let heavy = EventQueue::default();
        now(heavy.add((), usize::MAX)).expect("one is always let in");
        assert!(now(heavy.add((), 1)).is_none());
    }

    #[test]
    fn an_emptied_queue_keeps_no_memory() {
        let queue = EventQueue::default();
        (0..1000).for_each(|number| now(queue.add(number, 1)).expect("room"));
        (0..1000).for_each(|number| assert_eq!(now(queue.take()), Some(Some(number))));
        assert_eq!(queue.state().items.capacity(), 0);
    }

    #[test]
    fn a_full_queue_goes_on_when_something_is_taken() {
        let queue = Arc::new(EventQueue::default());
        now(queue.add(1, MOST_WEIGHT)).expect("room");
        let adding = queue.clone();
        let adder = std::thread::spawn(move || wait_until(adding.add(2, MOST_WEIGHT), None));
        assert_eq!(wait_until(queue.take(), None), Some(Some(1)));
        assert_eq!(wait_until(queue.take(), None), Some(Some(2)));
        adder.join().expect("no panic");
        assert!(now(queue.emptied()).is_some());
    }
}
