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
    /// It keeps callers waiting, so it is looked at beside the calls.
    Silent,
    /// It could not speak for its cluster when it was asked: what it says may be old until it has proved the contrary.
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

    /// Whether it is time for a look. Then the caller has to look: the next look is one pause away.
    pub fn begin_look(&self) -> bool {
        if !self.is_bad.load(Ordering::Relaxed) {
            return false;
        }
        match &mut *self.troubled() {
            Some(troubled) if troubled.trouble != Trouble::Refusing && troubled.next <= Instant::now() => {
                troubled.next = later(troubled.pauses.next_pause());
                true
            }
            _ => false,
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

    impl Condition {
        /// As if the pause were over.
        fn end_pause(&self) {
            if let Some(troubled) = &mut *self.troubled() {
                troubled.next = Instant::now();
            }
        }

        fn pause(&self) -> Option<Duration> {
            self.troubled().as_ref().map(|troubled| troubled.next.saturating_duration_since(Instant::now()))
        }
    }

    #[test]
    fn an_answer_of_any_kind_shows_that_it_can_be_reached() {
        let condition = Condition::default();
        assert!(condition.is_good());
        condition.failed(Trouble::Silent);
        condition.end_pause();
        assert!(!condition.is_good(), "a pause proves nothing");
        condition.answered(Proof::Alive);
        assert!(condition.is_good());
    }

    #[test]
    fn only_the_quorum_shows_that_it_is_not_isolated() {
        let condition = Condition::default();
        condition.failed(Trouble::Isolated);
        condition.answered(Proof::Alive);
        assert!(!condition.is_good());
        condition.answered(Proof::Quorum);
        assert!(condition.is_good());
    }

    #[test]
    fn what_refuses_at_once_is_tried_again_after_a_pause_and_never_looked_at() {
        let condition = Condition::default();
        condition.failed(Trouble::Refusing);
        assert!(!condition.is_good());
        condition.end_pause();
        assert!(condition.is_good() && !condition.begin_look());
        condition.failed(Trouble::Refusing);
        assert!(!condition.is_good(), "another pause");
    }

    #[test]
    fn one_caller_looks_when_it_is_time() {
        let condition = Condition::default();
        assert!(!condition.begin_look(), "nobody looks at a good one");
        condition.failed(Trouble::Silent);
        assert!(!condition.begin_look(), "not before the pause is over");
        condition.end_pause();
        assert!(condition.begin_look() && !condition.begin_look());
    }

    #[test]
    fn looks_become_rarer_and_further_failures_do_not_bring_them_closer() {
        let condition = Condition::default();
        condition.failed(Trouble::Silent);
        for _ in 0..10 {
            condition.end_pause();
            assert!(condition.begin_look());
        }
        condition.failed(Trouble::Silent);
        assert!(condition.pause().is_some_and(|pause| pause > Duration::from_secs(14)), "{:?}", condition.pause());
    }

    #[test]
    fn a_short_wait_tells_nothing_about_who_is_waited_for() {
        let error = Error::new(crate::core::status::Status::Timeout, "late");
        assert_eq!(Trouble::of(&error, Duration::from_millis(1)), Trouble::Refusing);
        assert_eq!(Trouble::of(&error, Duration::from_secs(1)), Trouble::Silent);
        assert_eq!(Trouble::of_silence(Duration::from_millis(1)), None);
    }
}
