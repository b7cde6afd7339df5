//! Lanes: what a blocking call runs on. A lane has no thread: whoever holds it drives it, and it has
//! its own connections. A call handed to another thread costs 3 to 9 context switches; on a lane it costs one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::clock;
#[cfg(unix)]
use super::driver::Driver;
#[cfg(unix)]
pub use super::driver::can_run_here;
use super::gate::{self, Gate};
#[cfg(not(unix))]
use super::runtime_driver::Driver;
#[cfg(not(unix))]
pub use super::runtime_driver::can_run_here;
use crate::core::pool::Pool;

/// Each lane holds a descriptor and a socket: 64 of them leave room in a process limited to 1024.
const MOST_LANES: usize = 64;

/// A lane that nobody has needed for so long is closed: by the internal runtime where it runs, else when another lane comes
/// back.
const MAX_REST: Duration = Duration::from_secs(60);

/// A lane in use looks so often for connections that nobody has needed for long.
const BETWEEN_CLEANINGS: Duration = Duration::from_secs(1);

pub struct Lane {
    pool: Arc<Pool>,
    driver: Driver,
    resting_since: Instant,
    cleaned_at: Instant,
}

impl Lane {
    fn new() -> Option<Box<Lane>> {
        let now = Instant::now();
        Some(Box::new(Lane { pool: Arc::default(), driver: Driver::new()?, resting_since: now, cleaned_at: now }))
    }

    fn close(self) {
        drop(self.pool);
        self.driver.close();
    }
}

#[derive(Default)]
pub struct Lanes(Mutex<State>);

#[derive(Default)]
struct State {
    idle: Vec<Box<Lane>>,
    /// Of all lanes that are open.
    wakers: Vec<Waker>,
    /// Idle and in use together.
    open: usize,
    is_looked_after: bool,
    gate: Gate,
}

/// So many callers need no gate, and it need not be known how many processors there are.
const FEW_LANES: usize = 2;

impl State {
    /// Those that have rested for too long: the first ones, since the lane that came last is the one taken next.
    fn take_old(&mut self, now: Instant) -> Vec<Box<Lane>> {
        let is_fresh = |since: Instant| now.saturating_duration_since(since) < MAX_REST;
        let old = self.idle.iter().position(|lane| is_fresh(lane.resting_since)).unwrap_or(self.idle.len());
        let old: Vec<_> = self.idle.drain(..old).collect();
        self.forget(&old);
        old
    }

    /// These lanes are closed.
    fn forget(&mut self, lanes: &[Box<Lane>]) {
        self.open = self.open.saturating_sub(lanes.len());
        for waker in lanes.iter().filter_map(|lane| lane.driver.waker()) {
            self.wakers.retain(|other| !other.will_wake(waker));
        }
    }
}

impl Lanes {
    /// Runs a call on the calling thread; gives the call back when no lane is left, or none can be made. It begins by its
    /// deadline, however many are before it.
    pub fn run<F: Future, C: FnOnce(Arc<Pool>) -> F>(
        &self,
        deadline: Option<Instant>,
        call: C,
    ) -> Result<F::Output, C> {
        let Some(mut lane) = self.enter(deadline) else {
            self.leave_gate(Instant::now());
            return Err(call);
        };
        let (pool, mut is_quick) = (lane.pool.clone(), true);
        let output = lane.driver.block_on(|| call(pool), &mut |now| {
            self.leave_gate(now);
            is_quick = false;
        });
        self.put(lane, is_quick);
        Ok(output)
    }

    /// Through the gate, to a lane. Under one lock where nobody has to wait: threads that meet at locks lose their turns there.
    fn enter(&self, deadline: Option<Instant>) -> Option<Box<Lane>> {
        let is_hurried = gate::is_hurried(deadline);
        let mut state = self.state();
        if is_hurried {
            state.gate.pass();
        } else if let Some(waiter) = state.gate.enter() {
            drop(state);
            let is_let_in = waiter.wait(deadline);
            state = self.state();
            if !is_let_in {
                state.gate.give_up(&waiter);
            }
        }
        self.take(state)
    }

    fn leave_gate(&self, now: Instant) {
        let next = self.state().gate.leave(now);
        if let Some(next) = next {
            next.let_in();
        }
    }

    /// The lane used last has the warmest connection.
    fn take(&self, mut state: MutexGuard<'_, State>) -> Option<Box<Lane>> {
        if let Some(lane) = state.idle.pop() {
            return Some(lane);
        }
        if state.open >= MOST_LANES {
            return None;
        }
        state.open += 1;
        if state.open > FEW_LANES {
            state.gate.count_processors();
        }
        drop(state);
        let lane = Lane::new();
        let mut state = self.state();
        match &lane {
            Some(lane) => state.wakers.extend(lane.driver.waker().cloned()),
            None => state.open = state.open.saturating_sub(1),
        }
        lane
    }

    /// `is_quick`: whether the call has not left the gate yet.
    fn put(&self, mut lane: Box<Lane>, is_quick: bool) {
        let now = lane.driver.now();
        lane.resting_since = now;
        if now.saturating_duration_since(lane.cleaned_at) > BETWEEN_CLEANINGS {
            lane.cleaned_at = now;
            lane.pool.close_old(now);
        }
        let mut state = self.state();
        state.gate.took(lane.driver.took());
        state.idle.push(lane);
        let next = if is_quick { state.gate.leave(now) } else { None };
        let closing = state.take_old(now);
        drop(state);
        if let Some(next) = next {
            next.let_in();
        }
        closing.into_iter().for_each(|lane| lane.close());
    }

    /// Has every call look whether its client is closed.
    pub fn wake_all(&self) {
        self.state().wakers.iter().for_each(Waker::wake_by_ref);
    }

    /// Whether there are idle lanes that no task looks after; the caller has to start it then.
    pub fn need_a_task(&self) -> bool {
        let mut state = self.state();
        !state.idle.is_empty() && !std::mem::replace(&mut state.is_looked_after, true)
    }

    /// Gives when the next lane will have rested for too long; None ends the task.
    fn close_old(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let closing = state.take_old(now);
        let next = state.idle.first().and_then(|lane| lane.resting_since.checked_add(MAX_REST));
        state.is_looked_after = next.is_some();
        drop(state);
        closing.into_iter().for_each(|lane| lane.close());
        next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the idle lanes with their connections.
    pub fn clear(&self) {
        let mut state = self.state();
        let closing = std::mem::take(&mut state.idle);
        state.forget(&closing);
        drop(state);
        closing.into_iter().for_each(|lane| lane.close());
    }
}

/// Lasts as long as there are idle lanes.
pub async fn look_after(lanes: Weak<Lanes>) {
    while let Some(next) = lanes.upgrade().and_then(|lanes| lanes.close_old(Instant::now())) {
        clock::sleep_until(next).await;
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lane_used_last_is_used_next_and_lanes_are_capped() {
        let lanes = Lanes::default();
        let taken: Vec<_> = std::iter::from_fn(|| lanes.take(lanes.state())).collect();
        assert_eq!(taken.len(), MOST_LANES);
        let last = taken.last().map(|lane| Arc::as_ptr(&lane.pool));
        taken.into_iter().for_each(|lane| lanes.put(lane, false));
        assert_eq!(lanes.take(lanes.state()).map(|lane| Arc::as_ptr(&lane.pool)), last);
    }

    #[test]
    fn lanes_that_rest_for_too_long_are_closed_and_looked_after_by_one_task() {
        let lanes = Lanes::default();
        assert!(!lanes.need_a_task(), "there is none");
        let taken: Vec<_> = (0..3).filter_map(|_| lanes.take(lanes.state())).collect();
        taken.into_iter().for_each(|lane| lanes.put(lane, false));
        assert!(lanes.need_a_task() && !lanes.need_a_task(), "one task is enough");
        let now = Instant::now();
        assert!(lanes.close_old(now).is_some_and(|next| next > now));
        assert_eq!(lanes.close_old(now + MAX_REST), None);
        assert_eq!(lanes.0.lock().expect("unpoisoned").open, 0);
        lanes.put(lanes.take(lanes.state()).expect("a lane"), false);
        assert!(lanes.need_a_task(), "the task before has ended");
    }

    #[test]
    fn lanes_can_be_dropped_inside_another_runtime() {
        let lanes = Lanes::default();
        let lane = lanes.take(lanes.state()).expect("a lane");
        lanes.put(lane, false);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async move { drop(lanes) });
    }
}
