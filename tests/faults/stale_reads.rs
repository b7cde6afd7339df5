//! Plain gets of a member that is cut off from the others: old answers as in Go, and none from a client that refuses them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use etcd_test_harness::{Client, Config};
use etcd_test_support::{Laboratory, wait_until};

use crate::client_log::logging;
use crate::faults::{Faulty, StopWhenDropped};
use crate::laboratory::laboratory;
use crate::schedule::{Fault, Kind, Victim};
use crate::settings::{REQUEST_TIMEOUT_MS, Seed};

const KEY: &str = "/stale/key";
/// Within this time a client knows that a member is cut off.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
/// Gets after that time.
const GETS: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);
/// So many of the last writes a healthy follower may not have heard of, which come one in a pause: a plain get asks no other.
const RECENT: u64 = 30;

/// Writers and readers of one key, whose values are numbers.
struct Readings {
    isolated_at: Instant,
    /// The last write that was acknowledged.
    written: AtomicU64,
    stop: AtomicBool,
}

/// An answer that was older than what had been acknowledged some time before its call.
struct Stale {
    /// Since the isolation began.
    after: Duration,
    got: u64,
    written: u64,
}

impl Readings {
    fn write(&self, client: &Client) {
        for number in 1.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            if client.set(KEY, &number.to_string()).is_ok() {
                self.written.store(number, Ordering::SeqCst);
            }
            thread::sleep(PAUSE);
        }
    }

    /// One get, and what was wrong with it.
    fn get(&self, client: &Client) -> Option<Stale> {
        let (written, after) = (self.written.load(Ordering::SeqCst), self.isolated_at.elapsed());
        let answer = client.get(KEY).unwrap_or_else(|failure| panic!("after {after:?}: {failure:?}"));
        let got = answer.value().parse().expect("a number");
        thread::sleep(PAUSE);
        (got + RECENT < written).then_some(Stale { after, got, written })
    }

    /// Gets until enough of them have begun after the time in which an isolation is noticed.
    fn get_until_it_must_be_known(&self, client: &Client) -> Vec<Stale> {
        let (mut stale, mut late) = (Vec::new(), 0);
        while late < GETS {
            late += usize::from(self.isolated_at.elapsed() > KNOWN_WITHIN);
            stale.extend(self.get(client));
        }
        stale
    }
}

/// What a client that refuses old answers got wrong while a member is isolated, and what one that does not.
fn run(cluster: &Laboratory, fault: Fault) -> Option<(Vec<Stale>, Vec<Stale>)> {
    let Victim::Member(number) = fault.victim else { panic!("the client has to begin there: {fault:?}") };
    let mut others = cluster.endpoints();
    let endpoint = others.remove(number);
    let config = |endpoints: &[String]| logging(Config::new(endpoints).request_timeout_ms(REQUEST_TIMEOUT_MS));
    let reader =
        |refuses: bool| Client::starting_at_first(|| config(&cluster.endpoints()).refuse_isolated(refuses), &endpoint);
    let (writer, refusing, believing) = (config(&others).build(), reader(true), reader(false));
    writer.set(KEY, "0").expect("a healthy cluster");
    // A plain get may come before the write has got to its member.
    wait_until("both are pinned", || [&refusing, &believing].iter().all(|client| client.get(KEY).is_ok()));
    let broken = cluster.inject(fault).ok()?;
    let readings = Readings { isolated_at: Instant::now(), written: AtomicU64::new(0), stop: AtomicBool::new(false) };
    let stale = thread::scope(|scope| {
        let stopping = StopWhenDropped(&readings.stop);
        scope.spawn(|| readings.write(&writer));
        let believed = scope.spawn(|| readings.get_until_it_must_be_known(&believing));
        let refused = readings.get_until_it_must_be_known(&refusing);
        let believed = believed.join().expect("no panic");
        drop(stopping);
        (refused, believed)
    });
    drop(broken);
    cluster.heal();
    Some(stale)
}

#[test]
fn a_client_that_refuses_isolated_members_gets_no_old_answer_of_one_that_has_been_isolated_for_10_seconds() {
    let (laboratory, mut random) = (laboratory(), Seed::choose("stale reads").sequence(0));
    let number = if random.below(2) == 0 { laboratory.cluster().leader() } else { laboratory.cluster().followers()[0] };
    let kind = *random.choose(&[Kind::Isolate, Kind::Deafen, Kind::Mute]);
    let fault = Fault { kind, victim: Victim::Member(number) };
    let Some((refusing, believing)) = laboratory.in_client_namespace(|| run(&laboratory, fault)) else { return };
    let last = refusing.iter().map(|stale| stale.after).max();
    println!("{fault:?}: {} old answers until {last:?}, {} without the setting", refusing.len(), believing.len());
    if let Some(Stale { after, got, written }) = refusing.iter().find(|stale| stale.after > KNOWN_WITHIN) {
        panic!("{fault:?}: got {got} instead of {written}, {after:?} after it began");
    }
    let believed = believing.last().is_some_and(|stale| stale.after > KNOWN_WITHIN);
    assert!(believed, "without the setting there are old answers, as in Go");
}
