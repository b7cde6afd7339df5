//! A schedule of faults as data, and what drives it; what injects them is behind [`Faulty`].

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use etcd_test_checker::Seeded;
use etcd_test_support::wait_until;

use crate::settings::{Seed, length};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Member(usize),
    Leader,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL, and a new start at the end of the fault.
    Kill(Victim),
    /// SIGSTOP, and SIGCONT at the end of the fault.
    Freeze(Victim),
}

/// How long a fault lasts, measured by what the load gets done meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasts {
    /// Until so many more writes were acknowledged.
    Writes(usize),
    /// Until so many more calls were given up undecided, or so many more writes acknowledged.
    UndecidedOrWrites(usize, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) fault: Fault,
    pub(crate) lasts: Lasts,
}

/// A cluster to which faults can be done.
pub(crate) trait Faulty: Sync {
    fn endpoints(&self) -> Vec<String>;
    fn inject(&self, fault: Fault);
    /// Ends every fault and waits until all members are healthy.
    fn heal(&self);
}

/// What the load has got done so far.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) writes: AtomicUsize,
    pub(crate) undecided: AtomicUsize,
}

impl Progress {
    fn now(&self) -> (usize, usize) {
        (self.writes.load(Ordering::Relaxed), self.undecided.load(Ordering::Relaxed))
    }

    fn wait(&self, lasts: Lasts, when: &str) {
        let (writes, undecided) = self.now();
        wait_until(&format!("{lasts:?} of the load {when}"), || {
            let now = self.now();
            match lasts {
                Lasts::Writes(more) => now.0 >= writes + more,
                Lasts::UndecidedOrWrites(given_up, more) => now.1 >= undecided + given_up || now.0 >= writes + more,
            }
        });
    }
}

/// Ends the load, also when the thread that drives the faults panics.
pub(crate) struct StopWhenDropped<'a>(pub(crate) &'a AtomicBool);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) const KILLS: &[fn(Victim) -> Fault] = &[Fault::Kill];
pub(crate) const FREEZES: &[fn(Victim) -> Fault] = &[Fault::Freeze];
pub(crate) const KILLS_AND_FREEZES: &[fn(Victim) -> Fault] = &[Fault::Kill, Fault::Freeze, Fault::Freeze];

/// Faults of these kinds without end.
pub(crate) fn schedule(seed: Seed, kinds: &'static [fn(Victim) -> Fault]) -> impl Iterator<Item = Step> {
    let mut random = seed.sequence(u64::MAX);
    std::iter::from_fn(move || Some(step(&mut random, kinds)))
}

fn step(random: &mut Seeded, kinds: &[fn(Victim) -> Fault]) -> Step {
    let victims = [Victim::Leader, Victim::Leader, Victim::Member(0), Victim::Member(1), Victim::Member(2)];
    let lasts =
        [Lasts::Writes(20), Lasts::Writes(200), Lasts::UndecidedOrWrites(1, 300), Lasts::UndecidedOrWrites(4, 400)];
    Step { fault: random.choose(kinds)(*random.choose(&victims)), lasts: *random.choose(&lasts) }
}

/// Does one fault after another to a cluster under a running load, for as long as the settings say.
pub(crate) fn drive(cluster: &dyn Faulty, steps: impl Iterator<Item = Step>, progress: &Progress) -> Vec<Step> {
    let end = Instant::now() + length();
    let mut done = Vec::new();
    progress.wait(Lasts::Writes(50), "before the faults");
    for step in steps {
        println!("{step:?}");
        done.push(step);
        cluster.inject(step.fault);
        progress.wait(step.lasts, &format!("during {step:?}"));
        cluster.heal();
        progress.wait(Lasts::Writes(50), &format!("after {step:?}"));
        if Instant::now() > end {
            break;
        }
    }
    done
}
