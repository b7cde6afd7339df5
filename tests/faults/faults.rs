//! A schedule of faults as data, and what drives it; what injects them is behind [`Faulty`].

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use etcd_test_checker::Seeded;
use etcd_test_harness::Client;
use etcd_test_support::wait_until;

use crate::settings::{Seed, length};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Member(usize),
    Leader,
    /// The one that the client of the load asks first.
    Pinned,
    /// The leader and one more of three: nothing is decided any more.
    Majority,
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
    /// Until so many more calls were given up undecided.
    Undecided(usize),
    /// Until every call that was running at its beginning has ended, which at a frozen member is when it is given up.
    RunningCalls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) fault: Fault,
    pub(crate) lasts: Lasts,
}

/// A cluster to which faults can be done.
pub(crate) trait Faulty: Sync {
    fn endpoints(&self) -> Vec<String>;
    /// A pinned victim is known to the client alone: [`drive`] has put its number in the place.
    fn inject(&self, fault: Fault);
    /// Ends every fault and waits until all members are healthy.
    fn heal(&self);
}

/// What the load has got done so far.
#[derive(Debug)]
pub(crate) struct Progress {
    writes: AtomicUsize,
    undecided: AtomicUsize,
    /// The calls of each thread.
    ended: Vec<AtomicUsize>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Written,
    Undecided,
    Otherwise,
}

impl Progress {
    pub(crate) fn of(threads: usize) -> Progress {
        let ended = (0..threads).map(|_| AtomicUsize::new(0)).collect();
        Progress { writes: AtomicUsize::new(0), undecided: AtomicUsize::new(0), ended }
    }

    pub(crate) fn note(&self, thread: usize, how: Ended) {
        // The last look at the end of a load is none of its threads.
        self.ended.get(thread).map(|ended| ended.fetch_add(1, Ordering::Relaxed));
        match how {
            Ended::Written => drop(self.writes.fetch_add(1, Ordering::Relaxed)),
            Ended::Undecided => drop(self.undecided.fetch_add(1, Ordering::Relaxed)),
            Ended::Otherwise => {}
        }
    }

    fn wait(&self, lasts: Lasts, when: &str) {
        let now = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let (writes, undecided) = (now(&self.writes), now(&self.undecided));
        let ended: Vec<_> = self.ended.iter().map(now).collect();
        wait_until(&format!("{lasts:?} of the load {when}"), || match lasts {
            Lasts::Writes(more) => now(&self.writes) >= writes + more,
            Lasts::Undecided(more) => now(&self.undecided) >= undecided + more,
            Lasts::RunningCalls => self.ended.iter().zip(&ended).all(|(thread, before)| now(thread) > *before),
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

/// What is done between two faults, so that each meets a running load.
const BETWEEN: Lasts = Lasts::Writes(150);

pub(crate) const KILLS_AND_FREEZES: &[fn(Victim) -> Fault] = &[Fault::Kill, Fault::Freeze, Fault::Freeze];

/// Faults of these kinds without end.
pub(crate) fn schedule(seed: Seed, kinds: &'static [fn(Victim) -> Fault]) -> impl Iterator<Item = Step> {
    let mut random = seed.sequence(u64::MAX);
    std::iter::from_fn(move || Some(step(&mut random, kinds)))
}

fn step(random: &mut Seeded, kinds: &[fn(Victim) -> Fault]) -> Step {
    let victim = match random.below(8) {
        0..2 => Victim::Leader,
        2..4 => Victim::Pinned,
        4 => Victim::Majority,
        number => Victim::Member(number as usize - 5),
    };
    let lasts = match victim {
        Victim::Majority => Lasts::Undecided(4),
        _ => *random.choose(&[Lasts::Writes(20), Lasts::Writes(300), Lasts::RunningCalls]),
    };
    Step { fault: random.choose(kinds)(victim), lasts }
}

/// The same fault, with the number of the member that the client asks first.
fn resolved(fault: Fault, cluster: &dyn Faulty, client: &Client) -> Fault {
    let number = || {
        let pinned = client.endpoints().into_iter().next().expect("an endpoint");
        cluster.endpoints().iter().position(|endpoint| *endpoint == pinned).expect("an endpoint of the cluster")
    };
    match fault {
        Fault::Kill(Victim::Pinned) => Fault::Kill(Victim::Member(number())),
        Fault::Freeze(Victim::Pinned) => Fault::Freeze(Victim::Member(number())),
        other => other,
    }
}

/// Does one fault after another to a cluster under a running load, for as long as the settings say.
pub(crate) fn drive(cluster: &dyn Faulty, client: &Client, steps: impl Iterator<Item = Step>, progress: &Progress) {
    let end = Instant::now() + length();
    progress.wait(BETWEEN, "before the faults");
    for step in steps {
        let fault = resolved(step.fault, cluster, client);
        println!("{step:?}: {fault:?}");
        cluster.inject(fault);
        progress.wait(step.lasts, &format!("during {step:?}"));
        cluster.heal();
        progress.wait(BETWEEN, &format!("after {step:?}"));
        if Instant::now() > end {
            break;
        }
    }
}
