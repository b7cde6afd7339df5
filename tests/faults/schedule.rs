//! A schedule of faults as data: what is done, to whom, and how long it lasts.

use etcd_test_checker::Seeded;

use crate::settings::Seed;

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
pub(crate) enum Kind {
    /// SIGKILL, and a new start at the end of the fault.
    Kill,
    /// SIGSTOP, and SIGCONT at the end of the fault.
    Freeze,
    /// Cut off from everybody.
    CutOff,
    /// Cut off from the other members; clients reach it.
    Isolate,
    /// It hears nothing of the other members, which hear it.
    Deafen,
    /// The other members hear nothing of it.
    Mute,
    /// What clients send does not arrive.
    LoseRequests,
    /// What it sends to clients does not arrive.
    LoseAnswers,
    /// A fifth of all packets is lost.
    LosePackets,
    /// Everything arrives 200 ms later.
    Delay,
    Unplug,
    SlowDisk,
    FullDisk,
    ClockAhead,
    ClockBack,
    /// Removed from the cluster, which gets another member at the end.
    Replace,
    /// All members, one after another.
    RollingRestart,
    /// Another member leads.
    HandOver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) victim: Victim,
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

pub(crate) const ALL: &[Kind] = &[
    Kind::CutOff,
    Kind::Isolate,
    Kind::Deafen,
    Kind::Mute,
    Kind::LoseRequests,
    Kind::LoseAnswers,
    Kind::LosePackets,
    Kind::Delay,
    Kind::Unplug,
    Kind::Kill,
    Kind::Freeze,
    Kind::SlowDisk,
    Kind::FullDisk,
    Kind::ClockAhead,
    Kind::ClockBack,
    Kind::Replace,
    Kind::RollingRestart,
    Kind::HandOver,
];

/// What happens to the network alone.
pub(crate) const NETWORK: &[Kind] = &[
    Kind::CutOff,
    Kind::Isolate,
    Kind::Deafen,
    Kind::Mute,
    Kind::LoseRequests,
    Kind::LoseAnswers,
    Kind::LosePackets,
    Kind::Delay,
    Kind::Unplug,
];

/// More writes than a member makes between two snapshots, for which a full disk has no room.
const UNTIL_A_SNAPSHOT: usize = 600;

/// Faults without end: all of these kinds in some order, and then all in another one.
pub(crate) fn schedule(seed: Seed, kinds: &[Kind]) -> impl Iterator<Item = Step> {
    let mut random = seed.sequence(u64::MAX);
    let mut left = Vec::new();
    std::iter::from_fn(move || {
        if left.is_empty() {
            left = kinds.to_vec();
        }
        let kind = left.swap_remove(random.below(left.len() as u64) as usize);
        Some(step(&mut random, kind))
    })
}

fn step(random: &mut Seeded, kind: Kind) -> Step {
    let victim = match random.below(8) {
        0..2 => Victim::Leader,
        2..4 => Victim::Pinned,
        4 if kind.stops_a_majority() => Victim::Majority,
        number => Victim::Member(number as usize % 3),
    };
    let lasts = match (kind, victim) {
        (_, Victim::Majority) => Lasts::Undecided(4),
        (Kind::FullDisk, _) => Lasts::Writes(UNTIL_A_SNAPSHOT),
        _ if kind.slows() => Lasts::Writes(20),
        _ => *random.choose(&[Lasts::Writes(20), Lasts::Writes(300), Lasts::RunningCalls]),
    };
    Step { fault: Fault { kind, victim }, lasts }
}

impl Kind {
    /// Whether nothing is decided while it happens to a majority.
    fn stops_a_majority(self) -> bool {
        let stopping = [Kind::Kill, Kind::Freeze, Kind::CutOff, Kind::Isolate, Kind::Deafen, Kind::Mute, Kind::Unplug];
        stopping.contains(&self)
    }

    /// Whether many writes would take too long.
    pub(crate) fn slows(self) -> bool {
        [Kind::LosePackets, Kind::Delay, Kind::SlowDisk, Kind::RollingRestart, Kind::HandOver].contains(&self)
    }
}
