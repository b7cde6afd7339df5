//! A watcher that is cut off while etcd forgets what happened is told so, or gets the whole state, and goes on behind it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use etcd_test_checker::watch_events::{Seen, Watched};
use etcd_test_harness::{Client, Config};
use etcd_test_support::{Laboratory, Node, wait_until};

use crate::faults::{Progress, StopWhenDropped};
use crate::laboratory::laboratory;
use crate::schedule::Lasts;
use crate::settings::REQUEST_TIMEOUT_MS;
use crate::watch_check::{Seeing, assert_seen, start_of_watches};
use crate::watchers::{Plan, Target, busy_key, quiet_key, write};

const WRITERS: usize = 3;
/// More than etcd remembers.
const FORGOTTEN: usize = 1100;
const DIR: &str = "/forgotten";

fn client(endpoints: &[String]) -> Client {
    Config::new(endpoints).request_timeout_ms(REQUEST_TIMEOUT_MS).build()
}

/// Watchers that know the first member alone, and writers that know the others.
fn run<'a>(cluster: &Laboratory, targets: &'a [Target]) -> Option<Seeing<'a>> {
    let endpoints = cluster.endpoints();
    let plans: Vec<_> = {
        let start = start_of_watches(DIR, &endpoints[0]);
        targets.iter().flat_map(|target| Plan::of_all_kinds(target, start)).collect()
    };
    let (watching, writing) = (client(&endpoints[..1]), client(&endpoints[1..]));
    let (stop, progress) = (AtomicBool::new(false), Progress::of(WRITERS));
    thread::scope(|scope| {
        let (watching, writing, stop, progress) = (&watching, &writing, &stop, &progress);
        let stopping = StopWhenDropped(stop);
        let readers: Vec<_> =
            plans.iter().map(|plan| scope.spawn(move || (plan.target, plan.read(watching)))).collect();
        let writers: Vec<_> =
            (0..WRITERS).map(|number| scope.spawn(move || write(writing, DIR, number, &[], progress, stop))).collect();
        progress.wait(Lasts::Writes(100), "before the cut");
        let cut = cluster.cut_between(Node::Client, Node::Member(0));
        progress.wait(Lasts::Writes(FORGOTTEN), "during the cut");
        let was_cut = cut.is_ok();
        let is_known = || plans.iter().all(|plan| plan.is_cut_off.load(Ordering::Relaxed));
        // Until then a connection may outlive the cut, and bring all that it was sent meanwhile.
        wait_until("the watchers give the member up", || !was_cut || is_known());
        drop(cut);
        progress.wait(Lasts::Writes(100), "after the cut");
        drop(stopping);
        let mut writes: Vec<_> = writers.into_iter().flat_map(|writer| writer.join().expect("no panic")).collect();
        writes.extend(targets.iter().map(|target| target.write_last(writing)));
        let watched = readers.into_iter().map(|reader| reader.join().expect("no panic")).collect();
        was_cut.then_some(Seeing { writes, watched })
    })
}

#[test]
fn a_watcher_that_is_cut_off_until_the_history_is_gone_is_told_so_and_goes_on() {
    let laboratory = laboratory();
    let keys = [(DIR.to_owned(), true), (busy_key(DIR, 0), false), (quiet_key(DIR, 1), false)];
    let targets = keys.map(|(key, recursive)| Target::new(key, recursive));
    let Some(seeing) = laboratory.in_client_namespace(|| run(&laboratory, &targets)) else { return };
    for (_, Watched { name, seen, .. }) in &seeing.watched {
        assert!(seen.iter().any(|seen| matches!(seen, Seen::Resync { .. })), "{name} was not told: {seen:?}");
    }
    assert_seen(&targets, &seeing);
}
