//! Gets with quorum and writes of all kinds are linearizable, and in-order creates happen once, while members are killed and
//! frozen.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use etcd_test_checker::in_order_queue::{self, Create, Entry};
use etcd_test_checker::{Answer, Call, Clock, History, linearizability};
use etcd_test_harness::{Client, Config};

use crate::faults::{
    FREEZES, Fault, Faulty, KILLS, KILLS_AND_FREEZES, Lasts, Step, StopWhenDropped, Victim, drive, schedule,
};
use crate::loopback::cluster;
use crate::queue::{create, entries};
use crate::settings::{REQUEST_TIMEOUT_MS, Seed};
use crate::workload::Workload;

const CREATORS: usize = 2;
/// Freezes of a member after which one of its undecided writes has surely been seen.
const TRIES: usize = 6;

fn client(cluster: &dyn Faulty) -> Client {
    Config::new(&cluster.endpoints()).request_timeout_ms(REQUEST_TIMEOUT_MS).build()
}

/// What one run under faults has left.
struct Run {
    history: History,
    creates: Vec<Create>,
    entries: Vec<Entry>,
}

/// Runs a workload, and creators of in-order entries beside it, while `steps` happen to the cluster.
fn run(cluster: &dyn Faulty, workload: &Workload, dir: &str, steps: impl Iterator<Item = Step>) -> Run {
    let (client, stop, clock) = (client(cluster), AtomicBool::new(false), Clock::start());
    let queue = format!("{dir}/queue");
    thread::scope(|scope| {
        let (client, stop, queue) = (&client, &stop, &queue);
        let stopping = StopWhenDropped(stop);
        let creators: Vec<_> =
            (0..CREATORS).map(|thread| scope.spawn(move || create(client, queue, thread, clock, stop))).collect();
        let history = workload.run(client, stop, |progress| {
            let stopping = stopping;
            drive(cluster, client, steps, progress);
            drop(stopping);
        });
        let creates = creators.into_iter().flat_map(|creator| creator.join().expect("no panic")).collect();
        Run { history, creates, entries: entries(client, queue) }
    })
}

fn assert_linearizable(history: &History) {
    let started = Instant::now();
    let judged = linearizability::check(history).unwrap_or_else(|violation| panic!("{violation}"));
    let undecided = history.count(|operation| operation.answer == Answer::Maybe);
    println!("{judged:?} in {:?}, {undecided} undecided", started.elapsed());
    assert!(judged.answered > 500, "a running load: {judged:?}");
}

/// The one run with kills and freezes that several tests look at.
fn under_all_faults() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let guard = cluster();
        let seed = Seed::choose("kills and freezes");
        let workload = Workload::new("/all-faults", seed);
        run(guard.as_ref().expect("a cluster"), &workload, "/all-faults", schedule(seed, KILLS_AND_FREEZES))
    })
}

#[test]
fn gets_and_conditional_writes_are_linearizable_while_members_are_killed_and_frozen() {
    assert_linearizable(&under_all_faults().history);
}

#[test]
fn in_order_creates_happen_once_and_in_order_while_members_are_killed_and_frozen() {
    let Run { creates, entries, .. } = under_all_faults();
    println!("{} creates, {} entries", creates.len(), entries.len());
    assert!(entries.len() > 100, "a running load");
    in_order_queue::check("/all-faults/queue", creates, entries).unwrap_or_else(|violations| panic!("{violations}"));
}

fn plain_sets_under(name: &str, kinds: &'static [fn(Victim) -> Fault]) {
    let guard = cluster();
    let (seed, dir) = (Seed::choose(name), format!("/{}", name.replace(' ', "-")));
    let workload = Workload { plain_sets: true, ..Workload::new(&dir, seed) };
    assert_linearizable(&run(guard.as_ref().expect("a cluster"), &workload, &dir, schedule(seed, kinds)).history);
}

#[test]
#[ignore = "until sets can be told not to be sent again"]
fn plain_sets_too_are_linearizable_while_members_are_killed() {
    plain_sets_under("plain sets and kills", KILLS);
}

#[test]
#[ignore = "until sets can be told not to be sent again"]
fn plain_sets_too_are_linearizable_while_members_are_frozen() {
    plain_sets_under("plain sets and freezes", FREEZES);
}

/// The history as a client would tell it that takes "no answer" for "not applied".
fn with_broken_outcomes(mut history: History) -> History {
    for operation in history.0.values_mut().flatten() {
        if operation.answer == Answer::Maybe && operation.call != Call::Get {
            operation.answer = Answer::NotApplied;
        }
    }
    history
}

#[test]
fn a_client_that_takes_no_answer_for_not_applied_is_found() {
    let guard = cluster();
    let mut seed = Seed::choose("broken outcomes");
    for number in 0..TRIES {
        let dir = format!("/broken-{number}");
        let freeze = Step { fault: Fault::Freeze(Victim::Pinned), lasts: Lasts::RunningCalls };
        let history =
            run(guard.as_ref().expect("a cluster"), &Workload::new(&dir, seed), &dir, [freeze].into_iter()).history;
        linearizability::check(&history)
            .unwrap_or_else(|violation| panic!("with its outcomes as they are: {violation}"));
        match linearizability::check(&with_broken_outcomes(history)) {
            Err(violation) => return println!("found at try {number}: {violation}"),
            Ok(judged) => println!("try {number}: nobody saw an undecided write: {judged:?}"),
        }
        seed = seed.next();
    }
    panic!("the outcome of writes that were carried out was broken, and nothing found in {TRIES} tries");
}
