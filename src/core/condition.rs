//! What is known about an endpoint from what calls and watches have met there. A bad endpoint is asked after all good ones,
//! until it has proved to be good again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::error::Error;

/// Between two tries, or two looks, at a bad endpoint.
const PAUSES: Backoff = Backoff::between(Duration::from_millis(500), Duration::from_secs(30));

/// A wait of this length tells something about the endpoint; a call that has less time says more about the caller.
const TELLING: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It refuses at once. To try again costs a call nothing, so that is how it is found good again.
    Refusing,
    /// It keeps callers waiting, so it is looked at in the background.
    Silent,
    /// It answers and cannot speak for its cluster: what it says may be old until it has proved the contrary.
    Isolated,
}

impl Trouble {
    /// A member that has lost the others, or a proxy that has lost its member, says so by a 5xx.
    pub fn of(error: &Error, waited: Duration) -> Trouble {
        match error.http_status() {
            500.. => Trouble::Isolated,
            _ if waited >= TELLING => Trouble::Silent,
            _ => Trouble::Refusing,
        }
    }

    /// What a wait without an answer tells, if anything.
    pub fn of_silence(waited: Duration) -> Option<Trouble> {
        (waited >= TELLING).then_some(Trouble::Silent)
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
    /// When it should be tried, or looked at, again.
    next: Instant,
}

impl Condition {
    pub fn is_good(&self) -> bool {
        !self.is_bad.load(Ordering::Relaxed) || self.may_be_tried()
    }

    fn may_be_tried(&self) -> bool {
        let has_paused = |troubled: &Troubled| troubled.trouble == Trouble::Refusing && troubled.next <= Instant::now();
        self.troubled().as_ref().is_none_or(has_paused)
    }

    pub fn is_isolated(&self) -> bool {
        !self.is_good() && self.troubled().as_ref().is_some_and(|troubled| troubled.trouble == Trouble::Isolated)
    }

    pub fn failed(&self, trouble: Trouble) {
        let mut troubled = self.troubled();
        match &mut *troubled {
            Some(troubled) if troubled.trouble == trouble && troubled.next > Instant::now() => {}
            Some(troubled) => (troubled.trouble, troubled.next) = (trouble, later(troubled.pauses.next_pause())),
            None => {
                let mut pauses = PAUSES;
                let next = later(pauses.next_pause());
                *troubled = Some(Troubled { trouble, pauses, next });
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

    /// When it should be looked at again; None where no look is needed.
    pub fn next_look(&self) -> Option<Instant> {
        if !self.is_bad.load(Ordering::Relaxed) {
            return None;
        }
        let troubled = self.troubled();
        troubled.as_ref().filter(|troubled| troubled.trouble != Trouble::Refusing).map(|troubled| troubled.next)
    }

    /// It is being looked at: the next look is one pause away.
    pub fn looked_at(&self) {
        if let Some(troubled) = &mut *self.troubled() {
            troubled.next = later(troubled.pauses.next_pause());
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
        condition.failed(Trouble::Silent);
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
    fn what_refuses_at_once_is_tried_again_after_a_pause_and_never_looked_at() {
        let condition = Condition::default();
        condition.failed(Trouble::Refusing);
        assert!(!condition.is_good() && condition.next_look().is_none());
        if let Some(troubled) = &mut *condition.troubled() {
            troubled.next = Instant::now();
        }
        assert!(condition.is_good());
        condition.failed(Trouble::Refusing);
        assert!(!condition.is_good(), "another pause");
    }

    #[test]
    fn looks_become_rarer_and_further_failures_do_not_bring_them_closer() {
        let condition = Condition::default();
        condition.failed(Trouble::Silent);
        (0..10).for_each(|_| condition.looked_at());
        condition.failed(Trouble::Silent);
        let pause = condition.next_look().map(|at| at.saturating_duration_since(Instant::now()));
        assert!(pause.is_some_and(|pause| pause > Duration::from_secs(14)), "{pause:?}");
    }

    #[test]
    fn a_short_wait_tells_nothing_about_who_is_waited_for() {
        let error = Error::new(crate::core::status::Status::Timeout, "late");
        assert_eq!(Trouble::of(&error, Duration::from_millis(1)), Trouble::Refusing);
        assert_eq!(Trouble::of(&error, Duration::from_secs(1)), Trouble::Silent);
        assert_eq!(Trouble::of_silence(Duration::from_millis(1)), None);
    }
}
