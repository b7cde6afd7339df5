//! Runs a call on the calling thread: what it waits for are sockets and times, and `poll` waits for all of them. A runtime
//! would do the same with twice the instructions, and two descriptors more for each lane.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::gate::QUICK;
use super::turn::{self, Task, Turn};
use super::wakeup::Wakeup;
use crate::ffi::poll::{self, Interest, Wanted};

pub struct Driver {
    wakeup: Arc<Wakeup>,
    waker: Waker,
    turn: Turn,
    /// When the call began.
    began: Instant,
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
        Some(Driver { wakeup, waker, turn: Turn::default(), began: Instant::now() })
    }

    /// The future is made here, so that it need not be moved. `is_slow` is told once, when it takes longer than `QUICK`.
    pub fn block_on<F: Future>(&mut self, call: impl FnOnce() -> F, is_slow: &mut dyn FnMut(Instant)) -> F::Output {
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
            running.notice_slowness(is_slow);
        }
    }

    /// Wakes whoever runs it.
    pub fn waker(&self) -> Option<&Waker> {
        Some(&self.waker)
    }

    /// The time, as of its last turn.
    pub fn now(&self) -> Instant {
        self.turn.now
    }

    /// How long the last call took.
    pub fn took(&self) -> Duration {
        self.turn.now.saturating_duration_since(self.began)
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
    /// When the call is not quick any more; None when that was told.
    quick_until: Option<Instant>,
    /// Since when the tasks have stood still, until the sockets have been asked what has come meanwhile.
    tasks_rest_since: Option<Instant>,
}

impl<'a> Running<'a> {
    fn begin(driver: &'a mut Driver) -> Running<'a> {
        driver.wakeup.forget();
        let mut turn = std::mem::take(&mut driver.turn);
        let tasks_rest_since = (!turn.tasks.is_empty()).then_some(turn.now);
        turn.now = Instant::now();
        driver.began = turn.now;
        let quick_until = turn.now.checked_add(QUICK);
        let before = turn::replace(Some(turn));
        Running { driver, before, tasks: Vec::new(), quick_until, tasks_rest_since }
    }

    /// Those that have not ended are polled in the next turn again, or in that of the next call. For those that stood still
    /// the time goes on when they have had a chance to say what they wait for: what has come counts, as it always does.
    fn poll_tasks(&mut self, context: &mut Context<'_>) {
        let now = turn::with(|turn| {
            let now = turn.now;
            turn.now = self.tasks_rest_since.unwrap_or(now);
            now
        });
        loop {
            let Some(mut begun) = turn::with(|turn| std::mem::take(&mut turn.tasks)) else { return };
            if begun.is_empty() {
                break;
            }
            begun.retain_mut(|task| task.as_mut().poll(context).is_pending());
            self.tasks.append(&mut begun);
        }
        turn::with(|turn| {
            turn.tasks.append(&mut self.tasks);
            turn.now = now.unwrap_or(turn.now);
        });
    }

    fn wait(&mut self) {
        let wakeup = &self.driver.wakeup;
        let taken = turn::with(|turn| (std::mem::take(&mut turn.wanted), turn.alarm.take(), turn.now));
        let Some((mut wanted, alarm, began)) = taken else { return };
        if wakeup.begin_wait() {
            self.tasks_rest_since = None;
            wanted.push(Wanted::new(wakeup.descriptor(), Interest::Read));
            let next = [alarm, self.quick_until].into_iter().flatten().min();
            let timeout = next.map(|next| next.saturating_duration_since(began));
            if poll::wait(&mut wanted, timeout).is_err() {
                // The system cannot wait now, so the sockets are asked every now and then.
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

    fn notice_slowness(&mut self, is_slow: &mut dyn FnMut(Instant)) {
        let Some(now) = turn::with(|turn| turn.now) else { return };
        if self.quick_until.take_if(|until| *until <= now).is_some() {
            is_slow(now);
        }
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

    fn driver() -> Driver {
        Driver::new().expect("a driver")
    }

    fn run<F: Future>(driver: &mut Driver, call: F) -> F::Output {
        driver.block_on(|| call, &mut |_| {})
    }

    #[test]
    fn a_time_ends_the_wait_for_it() {
        let (mut driver, began) = (driver(), Instant::now());
        let timed_out = clock::timeout(PAUSE, std::future::pending::<()>());
        assert_eq!(run(&mut driver, timed_out), Err(clock::Elapsed));
        assert!(began.elapsed() >= PAUSE && driver.took() >= PAUSE);
        assert_eq!(run(&mut driver, clock::timeout(Duration::MAX, async { 7 })), Ok(7));
    }

    #[test]
    fn a_call_that_is_not_quick_is_told_once() {
        let (mut driver, mut told) = (driver(), 0);
        driver.block_on(|| clock::sleep(QUICK * 4), &mut |_| told += 1);
        assert_eq!(told, 1);
        driver.block_on(|| async {}, &mut |_| told += 1);
        assert_eq!(told, 1);
    }

    #[test]
    fn another_thread_wakes_it_before_and_while_it_waits() {
        let mut driver = driver();
        for round in 0..1000 {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let other = thread::spawn(move || sender.send(round));
            assert_eq!(run(&mut driver, receiver), Ok(round));
            other.join().expect("no panic").expect("received");
        }
    }

    #[test]
    fn what_goes_on_beside_a_call_goes_on_with_the_next_one() {
        let mut driver = driver();
        let (sender, mut receiver) = tokio::sync::oneshot::channel();
        let beginning = async {
            beside::spawn(async move {
                clock::sleep(PAUSE).await;
                let _ = sender.send(7);
            });
            clock::sleep(Duration::ZERO).await;
        };
        run(&mut driver, beginning);
        assert!(receiver.try_recv().is_err(), "not yet");
        thread::sleep(PAUSE);
        assert_eq!(run(&mut driver, receiver), Ok(7));
    }

    #[test]
    fn what_came_while_a_task_stood_still_counts_though_its_time_is_over() {
        use std::io::Write;

        use tokio::io::AsyncReadExt;

        use super::super::lane_socket::LaneSocket;

        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let (mut driver, (sender, receiver)) = (driver(), tokio::sync::oneshot::channel());
        let beginning = async {
            let mut socket = LaneSocket::connect_tcp(address).await.expect("connected");
            beside::spawn(async move {
                let mut byte = [0];
                let _ = sender.send(clock::timeout(PAUSE, socket.read(&mut byte)).await.is_ok());
            });
            clock::sleep(Duration::from_millis(1)).await;
        };
        run(&mut driver, beginning);
        let (mut theirs, _) = listener.accept().expect("accepted");
        theirs.write_all(b"x").expect("written");
        thread::sleep(2 * PAUSE);
        assert_eq!(run(&mut driver, receiver), Ok(true));
    }

    #[test]
    fn a_lane_can_be_driven_inside_another_and_after_a_panic() {
        let (mut outer, mut inner) = (driver(), driver());
        let both = async {
            run(&mut inner, clock::sleep(PAUSE));
            clock::sleep(PAUSE).await;
        };
        run(&mut outer, both);
        let panicking = std::panic::AssertUnwindSafe(|| run(&mut outer, async { panic!("stop") }));
        assert!(std::panic::catch_unwind(panicking).is_err() && !turn::is_here());
        run(&mut outer, clock::sleep(PAUSE));
    }
}
