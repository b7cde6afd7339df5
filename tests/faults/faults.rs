//! What does the faults of a schedule to a cluster while a load runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use etcd_test_harness::Client;
use etcd_test_support::{Fault as Broken, Laboratory, Skipped, wait_until};

use crate::schedule::{Fault, Lasts, Step, Victim};
use crate::settings::{elapsed, length};

/// What does the faults of a schedule.
pub(crate) trait Faulty {
    /// The fault lasts until all that is returned is dropped. A pinned victim is known to the client alone: [`drive`] has
    /// put its number in the place.
    fn inject(&self, fault: Fault) -> Result<Vec<Broken<'_>>, Skipped>;
    /// Waits until all members are healthy, and starts those that died of a fault.
    fn heal(&self);
    /// Prints which members have died, and why.
    fn tell_the_dead(&self);
}

/// A load that stands still may do so because etcd has died of a fault.
struct TellTheDead<'a>(&'a Laboratory);

impl Drop for TellTheDead<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.tell_the_dead();
        }
    }
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

    pub(crate) fn wait(&self, lasts: Lasts, when: &str) {
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

/// The same fault, with the number of the member that the client asks first.
fn resolved(fault: Fault, cluster: &Laboratory, client: &Client) -> Fault {
    if fault.victim != Victim::Pinned {
        return fault;
    }
    let pinned = client.endpoints().into_iter().next().expect("an endpoint");
    let number =
        cluster.endpoints().iter().position(|endpoint| *endpoint == pinned).expect("an endpoint of the cluster");
    Fault { victim: Victim::Member(number), ..fault }
}

/// Does one fault after another to a cluster under a running load, for as long as the settings say.
pub(crate) fn drive(cluster: &Laboratory, client: &Client, steps: impl Iterator<Item = Step>, progress: &Progress) {
    let (started, length) = (Instant::now(), length());
    let _telling = TellTheDead(cluster);
    progress.wait(BETWEEN, "before the faults");
    for step in steps {
        let fault = resolved(step.fault, cluster, client);
        println!("{:.3} s: {step:?}: {:?}", elapsed(), fault.victim);
        if let Ok(broken) = cluster.inject(fault) {
            progress.wait(step.lasts, &format!("during {step:?}"));
            drop(broken);
            cluster.heal();
            progress.wait(BETWEEN, &format!("after {step:?}"));
        }
        if started.elapsed() > length {
            break;
        }
    }
}
