//! What is known about an endpoint from what calls and watches have met there. A bad endpoint is asked after all good ones,
//! and looked at in the background until it is good again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::error::Error;

/// Between two looks at a bad endpoint.
const LOOKS: Backoff = Backoff::between(Duration::from_millis(500), Duration::from_secs(30));

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It does not answer, or not as etcd does.
    Unreachable,
    /// It answers and cannot speak for its cluster, so what it says may be old.
    Isolated,
}

impl Trouble {
    /// A member that has lost the others, or a proxy that has lost its member, says so by a 5xx.
    pub fn of(error: &Error) -> Trouble {
        if error.http_status() >= 500 { Trouble::Isolated } else { Trouble::Unreachable }
    }
}

/// What an answer proves about who gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    Alive,
    /// The quorum had to agree on it.
    Quorum,
}

#[derive(Debug, Default)]
pub struct Condition {
    /// Whether there is trouble, for the many calls that meet none.
    is_bad: AtomicBool,
    troubled: Mutex<Option<Troubled>>,
}

#[derive(Debug)]
struct Troubled {
    trouble: Trouble,
    pauses: Backoff,
    next_look: Instant,
}

impl Condition {
    pub fn is_good(&self) -> bool {
        !self.is_bad.load(Ordering::Relaxed)
    }

    pub fn is_isolated(&self) -> bool {
        !self.is_good() && self.troubled().as_ref().is_some_and(|troubled| troubled.trouble == Trouble::Isolated)
    }

    pub fn failed(&self, trouble: Trouble) {
        let mut troubled = self.troubled();
        match &mut *troubled {
            Some(troubled) => troubled.trouble = trouble,
            None => {
                let mut pauses = LOOKS;
                let next_look = later(pauses.next_pause());
                *troubled = Some(Troubled { trouble, pauses, next_look });
            }
        }
        self.is_bad.store(true, Ordering::Relaxed);
    }

    pub fn answered(&self, proof: Proof) {
        let mut troubled = self.troubled();
        let stays = |troubled: &Troubled| troubled.trouble == Trouble::Isolated && proof != Proof::Quorum;
        if !troubled.as_ref().is_some_and(stays) {
            *troubled = None;
            self.is_bad.store(false, Ordering::Relaxed);
        }
    }

    /// When it should be looked at again; None while it is good.
    pub fn next_look(&self) -> Option<Instant> {
        self.troubled().as_ref().map(|troubled| troubled.next_look)
    }

    /// It is being looked at: the next look is one pause away.
    pub fn looked_at(&self) {
        if let Some(troubled) = &mut *self.troubled() {
            troubled.next_look = later(troubled.pauses.next_pause());
        }
    }

    fn troubled(&self) -> MutexGuard<'_, Option<Troubled>> {
        self.troubled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn later(pause: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(pause).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_any_kind_shows_that_it_can_be_reached() {
        let condition = Condition::default();
        assert!(condition.is_good() && condition.next_look().is_none());
        condition.failed(Trouble::Unreachable);
        assert!(!condition.is_good() && !condition.is_isolated() && condition.next_look().is_some());
        condition.answered(Proof::Alive);
        assert!(condition.is_good() && condition.next_look().is_none());
    }

    #[test]
    fn only_the_quorum_shows_that_it_is_not_isolated() {
        let condition = Condition::default();
        condition.failed(Trouble::Isolated);
        condition.answered(Proof::Alive);
        assert!(condition.is_isolated());
        condition.answered(Proof::Quorum);
        assert!(condition.is_good() && !condition.is_isolated());
    }

    #[test]
    fn looks_become_rarer_and_further_failures_do_not_bring_them_closer() {
        let condition = Condition::default();
        condition.failed(Trouble::Unreachable);
        (0..10).for_each(|_| condition.looked_at());
        condition.failed(Trouble::Isolated);
        let pause = condition.next_look().map(|at| at.saturating_duration_since(Instant::now()));
        assert!(pause.is_some_and(|pause| pause > Duration::from_secs(14)), "{pause:?}");
    }
}
