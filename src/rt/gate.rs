//! How many blocking calls are on their way at once, and who is next. Where answers come within microseconds, a few calls keep
//! all processors busy; more of them only fight over the processors, and some lose for tens of milliseconds. So the others wait
//! here, first come, first served. Where answers take longer, more calls are needed, and let in.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::waiting::wait_while;

/// At least what a call costs of a processor, here and in the kernel: so many calls as fit into the time to an answer keep
/// one processor busy.
const COST_OF_A_CALL: Duration = Duration::from_micros(20);

/// One call computes while the answers to others are on their way.
const LEAST_PER_PROCESSOR: usize = 3;

/// For each who waits. Who has waited for so long is let in when the next call ends; before that, the thread whose call has
/// just ended may begin its next one. It runs already, and to wake another one costs as much as a call: so that happens about
/// once in this time, however many wait.
const FAIR_WAIT: Duration = Duration::from_micros(150);

/// However quick a call was, a slower one makes it be forgotten.
const LEAST_FORGOTTEN: Duration = Duration::from_nanos(500);

/// A call that has waited so long for its answer is not counted any more: it needs no processor.
pub const QUICK: Duration = Duration::from_micros(500);

/// Whatever happens, nobody waits here for longer.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// Whoever has less time than this does not wait here at all: the turn of a crowd takes tens of milliseconds.
const HURRY: Duration = Duration::from_millis(50);

/// Whether a call has to begin at once.
pub fn is_hurried(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline.saturating_duration_since(Instant::now()) < HURRY)
}

#[derive(Debug)]
pub struct Gate {
    /// None lets everybody in.
    processors: Option<usize>,
    /// How many calls are on their way that may still be quick.
    quick: usize,
    waiting: VecDeque<(Instant, Arc<Waiter>)>,
    /// About how long the quickest of the last calls took.
    quickest: Duration,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate { processors: None, quick: 0, waiting: VecDeque::new(), quickest: Duration::from_secs(1) }
    }
}

impl Gate {
    /// There are so many callers that it matters how many processors there are. Asked late, because that reads files.
    pub fn count_processors(&mut self) {
        self.processors = self.processors.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    }

    fn width(&self) -> usize {
        let Some(processors) = self.processors else { return usize::MAX };
        let at_once = self.quickest.as_nanos() / COST_OF_A_CALL.as_nanos();
        processors.saturating_mul(usize::try_from(at_once).unwrap_or(usize::MAX).max(LEAST_PER_PROCESSOR))
    }

    /// Lets the caller in, or gives what it has to wait for.
    pub fn enter(&mut self) -> Option<Arc<Waiter>> {
        if self.quick < self.width() {
            self.quick += 1;
            return None;
        }
        let waiter = Arc::new(Waiter::default());
        self.waiting.push_back((Instant::now(), waiter.clone()));
        Some(waiter)
    }

    /// Lets a caller in who has no time to wait.
    pub fn pass(&mut self) {
        self.quick += 1;
    }

    /// A call has ended, or is not quick. Gives who is let in instead.
    #[must_use]
    pub fn leave(&mut self, now: Instant) -> Option<Arc<Waiter>> {
        let fair_wait = FAIR_WAIT.saturating_mul(u32::try_from(self.waiting.len()).unwrap_or(u32::MAX));
        let has_waited = |since: &Instant| now.saturating_duration_since(*since) > fair_wait;
        let is_due = |(since, _): &(Instant, Arc<Waiter>)| self.quick < self.width() || has_waited(since);
        match self.waiting.front().is_some_and(is_due) {
            true => self.waiting.pop_front().map(|(_, next)| next),
            false => {
                self.quick = self.quick.saturating_sub(1);
                None
            }
        }
    }

    /// How long a call has taken. One that ended before it waited for anything says nothing about answers.
    pub fn took(&mut self, time: Duration) {
        if time.is_zero() {
            return;
        }
        // Forgotten within some hundred calls, when answers take longer from now on.
        let forgetting = (self.quickest / 64).max(LEAST_FORGOTTEN);
        self.quickest = time.min(self.quickest.saturating_add(forgetting));
    }

    /// The caller has had enough of waiting: it is let in.
    pub fn give_up(&mut self, waiter: &Arc<Waiter>) {
        // Mostly it is the first, who has waited for the longest time.
        if let Some(position) = self.waiting.iter().position(|(_, other)| Arc::ptr_eq(waiter, other)) {
            self.waiting.remove(position);
            self.quick += 1;
        }
    }
}

/// Waits to be let in.
#[derive(Debug, Default)]
pub struct Waiter {
    is_let_in: Mutex<bool>,
    called: Condvar,
}

impl Waiter {
    pub fn let_in(&self) {
        *self.is_let_in.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.called.notify_one();
    }

    /// Whether it was let in, and not only had enough of waiting. Nobody waits beyond his deadline.
    pub fn wait(&self, deadline: Option<Instant>) -> bool {
        let until = [Instant::now().checked_add(LONGEST_WAIT), deadline].into_iter().flatten().min();
        let is_let_in = self.is_let_in.lock().unwrap_or_else(PoisonError::into_inner);
        *wait_while(&self.called, is_let_in, until, |is_let_in| !*is_let_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_micros(40);

    fn gate(quickest: Duration) -> Gate {
        Gate { quickest, processors: Some(2), ..Gate::default() }
    }

    fn fill(gate: &mut Gate) -> usize {
        std::iter::from_fn(|| gate.enter().is_none().then_some(())).count()
    }

    #[test]
    fn a_few_calls_are_enough_where_answers_come_at_once_and_many_are_let_in_where_not() {
        for (quickest, width) in [(1, 6), (40, 6), (300, 30), (2000, 200)] {
            assert_eq!(fill(&mut gate(Duration::from_micros(quickest))), width, "{quickest} us");
        }
    }

    #[test]
    fn whoever_has_waited_is_let_in_by_the_next_who_leaves_in_turn() {
        let mut gate = gate(FAST);
        fill(&mut gate);
        let (first, second) = (gate.waiting[0].1.clone(), gate.enter().expect("it waits"));
        let later = Instant::now() + 4 * FAIR_WAIT;
        for waiter in [&first, &second] {
            assert!(Arc::ptr_eq(waiter, &gate.leave(later).expect("the next one")));
        }
        assert_eq!((gate.leave(later).is_none(), gate.quick), (true, 5));
    }

    #[test]
    fn the_thread_that_runs_may_go_on_but_not_two_places_stay_empty() {
        let mut gate = gate(FAST);
        fill(&mut gate);
        let now = Instant::now();
        assert!(gate.leave(now).is_none(), "it may come back at once");
        assert!(gate.leave(now).is_some(), "it did not");
    }

    #[test]
    fn who_has_little_time_is_let_in_at_once() {
        let mut gate = gate(FAST);
        fill(&mut gate);
        gate.pass();
        assert_eq!((gate.quick, gate.waiting.len()), (7, 1));
        let soon = |ms| Instant::now().checked_add(Duration::from_millis(ms));
        assert!(is_hurried(soon(5)) && is_hurried(soon(0)) && !is_hurried(soon(1000)) && !is_hurried(None));
    }

    #[test]
    fn the_quickest_call_is_forgotten_when_answers_take_longer() {
        let mut gate = gate(FAST);
        let calls = (0..).take_while(|_| {
            gate.took(Duration::from_millis(2));
            gate.width() < 64
        });
        assert!((100..400).contains(&calls.count()));
        for useless in [Duration::ZERO, Duration::from_nanos(1)] {
            gate.took(useless);
            (0..500).for_each(|_| gate.took(Duration::from_millis(2)));
            assert!(gate.width() >= 64, "a call that failed at once narrows the gate for good");
        }
        gate.took(FAST);
        assert_eq!(gate.width(), 6);
    }

    #[test]
    fn who_has_had_enough_is_let_in_once() {
        let mut gate = gate(FAST);
        fill(&mut gate);
        let waiter = gate.waiting[0].1.clone();
        gate.give_up(&waiter);
        gate.give_up(&waiter);
        assert_eq!((gate.quick, gate.waiting.len()), (7, 0));
        assert!(!waiter.wait(None));
        waiter.let_in();
        assert!(waiter.wait(None));
    }

    #[test]
    fn nobody_waits_beyond_his_deadline() {
        let began = Instant::now();
        assert!(!Waiter::default().wait(Some(began)));
        assert!(began.elapsed() < LONGEST_WAIT / 2, "{:?}", began.elapsed());
    }
}
