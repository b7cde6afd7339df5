//! Gets with quorum and writes of all kinds are linearizable, and in-order creates happen once, whatever happens to the cluster.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use etcd_test_checker::in_order_queue::{self, Create, Entry};
use etcd_test_checker::{Answer, Call, Clock, History, linearizability};
use etcd_test_harness::{Client, Config};
use etcd_test_support::Laboratory;

use crate::client_log::logging;
use crate::faults::{StopWhenDropped, drive};
use crate::laboratory::laboratory;
use crate::queue::{create, entries};
use crate::schedule::{ALL, Fault, Kind, Lasts, Step, Victim, schedule};
use crate::settings::{REQUEST_TIMEOUT_MS, Seed};
use crate::workload::{PlainSets, Workload};

const CREATORS: usize = 2;
/// About every third fault is noticed: a plain set was in hand when it began, and others wrote and read in between.
const TRIES: usize = 60;

fn client(cluster: &Laboratory, sets: PlainSets) -> Client {
    let config = Config::new(&cluster.endpoints()).request_timeout_ms(REQUEST_TIMEOUT_MS);
    logging(config).resend_sets(sets == PlainSets::SentAgain).build()
}

/// What one run under faults has left.
struct Run {
    history: History,
    creates: Vec<Create>,
    entries: Vec<Entry>,
}

/// Runs a workload, and creators of in-order entries beside it, while `steps` happen to the cluster.
fn run(cluster: &Laboratory, workload: &Workload, dir: &str, steps: impl Iterator<Item = Step> + Send) -> Run {
    cluster.in_client_namespace(|| run_here(cluster, workload, dir, steps))
}

fn run_here(cluster: &Laboratory, workload: &Workload, dir: &str, steps: impl Iterator<Item = Step>) -> Run {
    let (client, stop, clock) = (client(cluster, workload.plain_sets), AtomicBool::new(false), Clock::start());
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

/// The one run with all faults that several tests look at.
fn under_all_faults() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| with_plain_sets("all faults", PlainSets::SentOnce))
}

fn with_plain_sets(name: &str, sets: PlainSets) -> Run {
    let (seed, dir) = (Seed::choose(name), format!("/{}", name.replace(' ', "-")));
    run(&laboratory(), &Workload::new(&dir, seed, sets), &dir, schedule(seed, ALL))
}

#[test]
fn calls_are_linearizable_under_all_faults() {
    assert_linearizable(&under_all_faults().history);
}

// A set that was sent again counts as a second one that may happen at any time, as etcd_response_was_resent says.
#[test]
fn sets_that_are_sent_again_are_told_and_nothing_else_happens_twice() {
    let history = with_plain_sets("sets sent again", PlainSets::SentAgain).history;
    println!("{} sets were sent again", history.count(|operation| operation.further_copies > 0));
    assert_linearizable(&history);
}

#[test]
fn in_order_creates_happen_once_and_in_order_under_all_faults() {
    let Run { creates, entries, .. } = under_all_faults();
    println!("{} creates, {} entries", creates.len(), entries.len());
    assert!(entries.len() > 100, "a running load");
    in_order_queue::check("/all-faults/queue", creates, entries).unwrap_or_else(|violations| panic!("{violations}"));
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

/// The history as a client would tell it that keeps to itself that it has sent a set again.
fn without_second_copies(mut history: History) -> History {
    history.0.values_mut().flatten().for_each(|operation| operation.further_copies = 0);
    history
}

/// What makes the calls at the member that is asked end without an answer, though they are carried out: at once, or when it
/// goes on.
fn without_answers(cluster: &Laboratory, at_once: bool) -> Step {
    let kind = if at_once && cluster.without_namespaces().is_none() { Kind::LoseAnswers } else { Kind::Freeze };
    Step { fault: Fault { kind, victim: Victim::Pinned }, lasts: Lasts::RunningCalls }
}

/// Keeps answers back under a load on one key, whose history must be right as it was told, and found wrong when it is `distorted`.
fn must_be_found(name: &str, sets: PlainSets, at_once: bool, distorted: fn(History) -> History) {
    let laboratory = laboratory();
    let mut seed = Seed::choose(name);
    for number in 0..TRIES {
        let dir = format!("/{}-{number}", name.replace(' ', "-"));
        let step = without_answers(&laboratory, at_once);
        let mut workload = Workload::new(&dir, seed, sets);
        workload.keys.truncate(1);
        // Enough of them that a plain set is in the member's hands when the fault begins.
        workload.threads = 16;
        let history = run(&laboratory, &workload, &dir, [step].into_iter()).history;
        linearizability::check(&history).unwrap_or_else(|violation| panic!("as it was told: {violation}"));
        match linearizability::check(&distorted(history)) {
            Err(violation) => return println!("found at try {number}: {violation}"),
            Ok(judged) => println!("try {number}: nobody could notice: {judged:?}"),
        }
        seed = seed.next();
    }
    panic!("{name}: nothing was found in {TRIES} tries");
}

#[test]
fn a_client_that_takes_no_answer_for_not_applied_is_found() {
    must_be_found("broken outcomes", PlainSets::SentOnce, true, with_broken_outcomes);
}

#[test]
fn a_client_that_does_not_tell_of_a_second_copy_is_found() {
    must_be_found("second copies", PlainSets::SentAgain, false, without_second_copies);
}
