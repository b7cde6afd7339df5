//! The laboratory that all tests share, and how each fault of a schedule is made there.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etcd_test_support::{EtcdServer, Fault as Broken, Laboratory, Node, Skipped};

use crate::faults::Faulty;
use crate::schedule::{Fault, Kind, Victim};

const LATER: Duration = Duration::from_millis(200);
const LOSS_PERCENT: u8 = 20;
const SLOW_SYNC: Duration = Duration::from_millis(100);
const HOUR: i64 = 3600;

/// Held by one test at a time.
pub(crate) struct Shared(MutexGuard<'static, Option<Laboratory>>);

impl Deref for Shared {
    type Target = Laboratory;

    fn deref(&self) -> &Laboratory {
        self.0.as_ref().expect("a laboratory")
    }
}

/// Three healthy members, on machines of their own where those can be made.
pub(crate) fn laboratory() -> Shared {
    static LABORATORY: Mutex<Option<Laboratory>> = Mutex::new(None);
    let mut guard = LABORATORY.lock().unwrap_or_else(PoisonError::into_inner);
    guard.get_or_insert_with(|| Laboratory::start(3)).heal();
    Shared(guard)
}

impl Faulty for Laboratory {
    fn inject(&self, Fault { kind, victim }: Fault) -> Result<Vec<Broken<'_>>, Skipped> {
        match kind {
            Kind::RollingRestart => self.rolling_restart(),
            Kind::HandOver => drop(self.change_leader()),
            _ => return numbers(self, victim).into_iter().map(|number| inject_at(self, kind, number)).collect(),
        }
        Ok(Vec::new())
    }

    fn heal(&self) {
        let members = self.cluster().members().iter();
        // One whose disk was full is dead, and one of a test that failed may be frozen.
        members.for_each(|member| if member.has_ended() { revive(member) } else { member.continue_process() });
        self.cluster().wait_healthy();
    }

    fn tell_the_dead(&self) {
        let dead = self.cluster().members().iter().filter(|member| member.has_ended());
        dead.for_each(|member| println!("{} is dead: {}", member.name(), last_words(&member.log())));
    }
}

fn revive(member: &EtcdServer) {
    println!("{} has died: {}", member.name(), last_words(&member.log()));
    member.start_again();
}

/// Why an etcd has ended, as far as its log tells.
fn last_words(log: &str) -> String {
    let words = [" C | ", "panic: ", "permanently removed"];
    let fatal = log.lines().rev().find(|line| words.iter().any(|word| line.contains(word)));
    fatal.or(log.lines().last()).unwrap_or("nothing").to_owned()
}

fn numbers(laboratory: &Laboratory, victim: Victim) -> Vec<usize> {
    let cluster = laboratory.cluster();
    match victim {
        Victim::Member(number) => vec![number],
        Victim::Leader => vec![cluster.leader()],
        Victim::Majority => vec![cluster.leader(), cluster.followers()[0]],
        Victim::Pinned => panic!("only the client knows which one it asks first"),
    }
}

fn inject_at(laboratory: &Laboratory, kind: Kind, number: usize) -> Result<Broken<'_>, Skipped> {
    let member = Node::Member(number);
    match kind {
        Kind::Kill => Ok(laboratory.kill(number)),
        Kind::Freeze => Ok(laboratory.freeze(number)),
        Kind::CutOff => laboratory.cut_off(number),
        Kind::Isolate => laboratory.cut_off_from_peers(number),
        Kind::Deafen => laboratory.deaf_to_peers(number),
        Kind::Mute => laboratory.mute_to_peers(number),
        Kind::LoseRequests => laboratory.cut_one_way(Node::Client, member),
        Kind::LoseAnswers => laboratory.cut_one_way(member, Node::Client),
        Kind::LosePackets => laboratory.lose_packets(number, LOSS_PERCENT),
        Kind::Delay => laboratory.delay(number, LATER),
        Kind::Unplug => laboratory.unplug(number),
        Kind::SlowDisk => laboratory.slow_disk(number, SLOW_SYNC),
        Kind::FullDisk => laboratory.fill_disk(number),
        Kind::ClockAhead => laboratory.jump_clock(number, HOUR),
        Kind::ClockBack => laboratory.jump_clock(number, -HOUR),
        Kind::Replace => Ok(laboratory.remove_member(number)),
        Kind::RollingRestart | Kind::HandOver => panic!("{kind:?} happens to the cluster"),
    }
}
