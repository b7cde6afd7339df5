//! Runs a call on the calling thread: what it waits for are sockets and times, and `poll` waits for all of them. A runtime
//! would do the same with twice the instructions, and three descriptors more for each lane.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::turn::{self, Task, Turn};
use super::wakeup::Wakeup;
use crate::ffi::poll::{self, Interest, Wanted};

pub struct Driver {
    wakeup: Arc<Wakeup>,
    waker: Waker,
    turn: Turn,
}

/// Always.
pub fn can_run_here() -> bool {
    true
}

impl Driver {
    /// None when the process has no descriptor left.
    pub fn new() -> Option<Driver> {
        let wakeup = Arc::new(Wakeup::new()?);
        let waker = Waker::from(wakeup.clone());
        Some(Driver { wakeup, waker, turn: Turn::default() })
    }

    /// The future is made here, so that it need not be moved.
    pub fn block_on<F: Future>(&mut self, call: impl FnOnce() -> F) -> F::Output {
        let mut running = Running::begin(self);
        let mut future = pin!(call());
        let waker = running.driver.waker.clone();
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            running.poll_tasks(&mut context);
            running.wait();
        }
    }

    /// The time, as of its last turn.
    pub fn now(&self) -> Instant {
        self.turn.now
    }

    /// The descriptors beside it are closed with it.
    pub fn close(self) {}
}

/// While it lives, the driver's turn is this thread's; also when a panic ends it.
struct Running<'a> {
    driver: &'a mut Driver,
    before: Option<Turn>,
    /// Tasks that the present turn has polled.
    tasks: Vec<Task>,
}

impl<'a> Running<'a> {
    fn begin(driver: &'a mut Driver) -> Running<'a> {
        driver.wakeup.forget();
        let mut turn = std::mem::take(&mut driver.turn);
        turn.now = Instant::now();
        let before = turn::replace(Some(turn));
        Running { driver, before, tasks: Vec::new() }
    }

    /// Those that have not ended are polled in the next turn again, or in that of the next call.
    fn poll_tasks(&mut self, context: &mut Context<'_>) {
        loop {
            let Some(mut begun) = turn::with(|turn| std::mem::take(&mut turn.tasks)) else { return };
            if begun.is_empty() {
                break;
            }
            begun.retain_mut(|task| task.as_mut().poll(context).is_pending());
            self.tasks.append(&mut begun);
        }
        turn::with(|turn| turn.tasks.append(&mut self.tasks));
    }

    fn wait(&mut self) {
        let wakeup = &self.driver.wakeup;
        let taken = turn::with(|turn| (std::mem::take(&mut turn.wanted), turn.alarm.take(), turn.now));
        let Some((mut wanted, alarm, began)) = taken else { return };
        if wakeup.begin_wait() {
            wanted.push(Wanted::new(wakeup.descriptor(), Interest::Read));
            let timeout = alarm.map(|alarm| alarm.saturating_duration_since(began));
            if poll::wait(&mut wanted, timeout).is_err() {
                // The system cannot wait now. The time goes on all the same.
                std::thread::sleep(Duration::from_millis(1));
            }
            let woken = wanted.pop().is_some_and(|mut wakeup| wakeup.take_news());
            wakeup.end_wait(woken);
        }
        turn::with(|turn| {
            turn.now = Instant::now();
            std::mem::swap(&mut turn.found, &mut wanted);
            // The other list's memory, for the next turn.
            wanted.clear();
            turn.wanted = wanted;
        });
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(mut turn) = turn::replace(self.before.take()) {
            turn.wanted.clear();
            turn.found.clear();
            turn.alarm = None;
            turn.tasks.append(&mut self.tasks);
            self.driver.turn = turn;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::{beside, clock};
    use super::*;

    const PAUSE: Duration = Duration::from_millis(10);

    #[test]
    fn a_time_ends_the_wait_for_it() {
        let began = Instant::now();
        let mut driver = Driver::new().expect("a driver");
        assert_eq!(driver.block_on(|| clock::timeout(PAUSE, std::future::pending::<()>())), Err(clock::Elapsed));
        assert!(began.elapsed() >= PAUSE);
        assert_eq!(driver.block_on(|| clock::timeout(Duration::MAX, async { 7 })), Ok(7));
    }

    #[test]
    fn another_thread_wakes_it_before_and_while_it_waits() {
        let mut driver = Driver::new().expect("a driver");
        for round in 0..1000 {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let other = thread::spawn(move || sender.send(round));
            assert_eq!(driver.block_on(|| receiver), Ok(round));
            other.join().expect("no panic").expect("received");
        }
    }

    #[test]
    fn what_goes_on_beside_a_call_goes_on_with_the_next_one() {
        let mut driver = Driver::new().expect("a driver");
        let (sender, mut receiver) = tokio::sync::oneshot::channel();
        driver.block_on(|| async {
            beside::spawn(async move {
                clock::sleep(PAUSE).await;
                let _ = sender.send(7);
            });
            clock::sleep(Duration::ZERO).await;
        });
        assert!(receiver.try_recv().is_err(), "not yet");
        thread::sleep(PAUSE);
        assert_eq!(driver.block_on(|| receiver), Ok(7));
    }

    #[test]
    fn a_lane_can_be_driven_inside_another_and_after_a_panic() {
        let (mut outer, mut inner) = (Driver::new().expect("a driver"), Driver::new().expect("a driver"));
        outer.block_on(|| async {
            inner.block_on(|| clock::sleep(PAUSE));
            clock::sleep(PAUSE).await;
        });
        let panicked =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| outer.block_on(|| async { panic!("stop") })));
        assert!(panicked.is_err() && !turn::is_here());
        outer.block_on(|| clock::sleep(PAUSE));
    }
}
