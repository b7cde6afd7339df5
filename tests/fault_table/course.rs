//! How a scenario goes: clients at work, a fault in the middle of it, and the time after it.

use std::thread;
use std::time::{Duration, Instant};

use etcd_test_support::{Laboratory, Skipped, wait_until};

use crate::faulty_proxy::FaultyProxy;
use crate::judgement::{Course, Judgement, Times, judge};
use crate::record::{Moment, Record, Written, now};
use crate::scenarios::{Asked, Broken, Place, Scenario, Way};
use crate::subject::{DEADLINE_MS, PACE_MS, Plan, Running, Subject, THREADS};
use crate::writer::Writer;

/// How long a watcher may take for what was written, when all members are healthy again.
const GRACE: Duration = Duration::from_secs(15);
const TICK: Duration = Duration::from_millis(20);
/// Good calls of each thread that make a running load: one of each kind.
const ROUND: usize = 6;

/// How long a fault lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lasts {
    /// The same for all clients.
    For(Duration),
    /// Until our client works and watches as before, and no longer than that.
    UntilRecovered(Duration),
}

/// The cluster, and a proxy before each member.
pub(crate) struct Stage {
    laboratory: Laboratory,
    proxies: Vec<FaultyProxy>,
}

impl Stage {
    pub(crate) fn new(laboratory: Laboratory) -> Stage {
        let endpoints = laboratory.endpoints();
        let proxies = laboratory.in_client_namespace(|| {
            let addresses = endpoints.iter().map(|endpoint| endpoint.strip_prefix("http://").expect("plain HTTP"));
            addresses.map(|address| FaultyProxy::to(address.parse().expect("an address and a port"))).collect()
        });
        Stage { laboratory, proxies }
    }

    pub(crate) fn laboratory(&self) -> &Laboratory {
        &self.laboratory
    }

    /// Runs a scenario on all clients at once, so that each meets the very same fault.
    pub(crate) fn run(
        &self,
        number: usize,
        scenario: &Scenario,
        subjects: &[Subject],
        lasts: Lasts,
    ) -> Result<Vec<Judgement>, Skipped> {
        let cluster = self.laboratory.cluster();
        cluster.wait_healthy();
        let asked = match scenario.asked {
            Asked::Leader => cluster.leader(),
            Asked::Follower => cluster.followers()[0],
        };
        let dir = format!("/fault-{number}");
        let plans = subjects.iter().enumerate().map(|(subject, _)| self.plan(scenario, asked, &dir, subject));
        // Each watches from before the first write on.
        let plans: Vec<_> = plans.collect();
        let writer = Writer::start(&self.laboratory, &dir);
        let loads: Vec<_> =
            subjects.iter().zip(&plans).map(|(subject, plan)| subject.start(&self.laboratory, plan)).collect();
        wait_until("each client is at work", || loads.iter().all(is_at_work));

        // So that it strikes other calls each time.
        thread::sleep(Duration::from_millis(fastrand::u64(..PACE_MS * ROUND as u64)));
        let place = Place { laboratory: &self.laboratory, asked, proxy: &self.proxies[asked], writer: &writer };
        let times = suffer(scenario, &place, lasts, &loads[0]);
        let written = writer.stop();
        if let Ok(times) = &times {
            within(GRACE, || loads.iter().all(|load| load.look(|record| has_come_through(record, times, &written))));
        }
        let records: Vec<_> = loads.into_iter().map(Running::stop).collect();
        let course = Course { times: times?, blows: scenario.blows, written };
        Ok(records.iter().map(|record| judge(record, &course)).collect())
    }

    fn plan(&self, scenario: &Scenario, asked: usize, dir: &str, subject: usize) -> Plan {
        let mut endpoints = self.laboratory.endpoints();
        if scenario.way == Way::Proxy {
            endpoints[asked] = self.proxies[asked].endpoint();
        }
        let member = &self.laboratory.member(asked);
        let start = member.oracle().set(&format!("{dir}/started/{subject}"), "").json();
        Plan {
            first: endpoints[asked].clone(),
            endpoints,
            dir: dir.into(),
            calls: format!("{dir}/calls-{subject}"),
            after_index: start["node"]["modifiedIndex"].as_u64().expect("an index"),
            threads: THREADS,
            pace_ms: PACE_MS,
            deadline_ms: DEADLINE_MS,
        }
    }
}

fn is_at_work(load: &Running) -> bool {
    load.look(|record| !record.events.is_empty() && has_good_calls(record, 0, ROUND))
}

fn has_good_calls(record: &Record, since: Moment, count: usize) -> bool {
    record.good_since(since, THREADS).iter().all(|good| *good >= count)
}

/// Whether a client has recovered, and its watcher has seen everything.
fn has_come_through(record: &Record, times: &Times, written: &[Written]) -> bool {
    has_good_calls(record, times.struck, 1) && record.has_seen(written)
}

/// Brings the fault about, and waits until it is over and all members are healthy.
fn suffer(scenario: &Scenario, place: &Place<'_>, lasts: Lasts, ours: &Running) -> Result<Times, Skipped> {
    let began = now();
    let broken = scenario.strike(place)?;
    let struck = if matches!(broken, Broken::Nothing) { began } else { now() };
    hold(lasts, struck, ours, place.writer);
    broken.end();
    place.laboratory.cluster().wait_healthy();
    Ok(Times { began, struck, healed: now() })
}

/// Lets the fault go on.
fn hold(lasts: Lasts, struck: Moment, ours: &Running, writer: &Writer) {
    match lasts {
        Lasts::For(length) => drop(within(length, || false)),
        Lasts::UntilRecovered(limit) => drop(within(limit, || {
            let written = writer.written();
            ours.look(|record| has_good_calls(record, struck, 2 * ROUND) && sees_what_is_new(record, &written, struck))
        })),
    }
}

/// Whether the watcher has got to what was written after the fault struck.
fn sees_what_is_new(record: &Record, written: &[Written], struck: Moment) -> bool {
    let new = written.iter().find(|write| write.at > struck + TICK.as_micros() as Moment);
    new.is_some_and(|write| record.events.iter().any(|event| event.index >= write.index))
}

/// Waits for a condition; false when it did not come in time.
fn within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() >= limit {
            return false;
        }
        thread::sleep(TICK);
    }
    true
}
