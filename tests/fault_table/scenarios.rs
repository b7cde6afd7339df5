//! The faults of the table.

use etcd_test_support::{Fault, Laboratory, Skipped};

use crate::faulty_proxy::{FaultyProxy, Manner};
use crate::writer::Writer;

/// Where a client finds the member that it asks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    /// Through a proxy, which is where the fault is then.
    Proxy,
}

/// The member that the clients ask first and watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Follower,
    Leader,
}

/// One row of the table.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) asked: Asked,
    pub(crate) way: Way,
    /// See `Course::blows`.
    pub(crate) blows: usize,
    /// Whether it is part of every run of the tests.
    pub(crate) is_short: bool,
    strike: for<'a> fn(&Place<'a>) -> Result<Broken<'a>, Skipped>,
}

/// Where a fault strikes.
pub(crate) struct Place<'a> {
    pub(crate) laboratory: &'a Laboratory,
    /// The member that is asked first.
    pub(crate) asked: usize,
    pub(crate) proxy: &'a FaultyProxy,
    pub(crate) writer: &'a Writer,
}

/// What goes on until it is ended.
pub(crate) enum Broken<'a> {
    Member(Fault<'a>),
    Proxy(&'a FaultyProxy),
    /// It is over already.
    Nothing,
}

impl Scenario {
    pub(crate) fn strike<'a>(&self, place: &Place<'a>) -> Result<Broken<'a>, Skipped> {
        (self.strike)(place)
    }
}

impl Broken<'_> {
    pub(crate) fn end(self) {
        match self {
            Broken::Member(fault) => fault.end(),
            Broken::Proxy(proxy) => proxy.behave(Manner::Honest),
            Broken::Nothing => {}
        }
    }
}

impl<'a> Place<'a> {
    /// The member at which the fault is, which the writer leaves alone from now on.
    fn victim(&self) -> usize {
        self.avoiding(self.asked)
    }

    fn avoiding(&self, member: usize) -> usize {
        self.writer.avoid(member);
        member
    }

    fn proxy(&self, manner: Manner) -> Result<Broken<'a>, Skipped> {
        self.proxy.behave(manner);
        Ok(Broken::Proxy(self.proxy))
    }

    fn restart_all(&self) {
        let members = self.laboratory.cluster().members();
        for number in (0..members.len()).map(|number| (self.asked + number) % members.len()) {
            members[self.avoiding(number)].restart();
        }
    }
}

const fn at_a_follower(name: &'static str, strike: for<'a> fn(&Place<'a>) -> Result<Broken<'a>, Skipped>) -> Scenario {
    Scenario { name, asked: Asked::Follower, way: Way::Direct, blows: 1, is_short: true, strike }
}

const fn at_a_proxy(name: &'static str, strike: for<'a> fn(&Place<'a>) -> Result<Broken<'a>, Skipped>) -> Scenario {
    Scenario { way: Way::Proxy, ..at_a_follower(name, strike) }
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    at_a_follower("the member is killed (SIGKILL)", |place| Ok(Broken::Member(place.laboratory.kill(place.victim())))),
    Scenario {
        blows: 2,
        ..at_a_follower("the member is stopped (SIGSTOP)", |place| {
            Ok(Broken::Member(place.laboratory.freeze(place.victim())))
        })
    },
    Scenario {
        blows: 2,
        ..at_a_follower("the member is isolated: its peers are cut off, clients reach it", |place| {
            place.laboratory.cut_off_from_peers(place.victim()).map(Broken::Member)
        })
    },
    Scenario {
        blows: 2,
        is_short: false,
        ..at_a_follower("the member is cut off: packets are swallowed", |place| {
            place.laboratory.cut_off(place.victim()).map(Broken::Member)
        })
    },
    Scenario {
        blows: 2,
        is_short: false,
        ..at_a_follower("the member's cable is unplugged", |place| {
            place.laboratory.unplug(place.victim()).map(Broken::Member)
        })
    },
    at_a_follower("the leader is killed, the member is a follower", |place| {
        let leader = place.laboratory.cluster().leader();
        Ok(Broken::Member(place.laboratory.kill(place.avoiding(leader))))
    }),
    Scenario {
        asked: Asked::Leader,
        blows: 2,
        is_short: false,
        ..at_a_follower("the member is the leader, and is stopped", |place| {
            Ok(Broken::Member(place.laboratory.freeze(place.victim())))
        })
    },
    Scenario {
        asked: Asked::Leader,
        blows: 2,
        is_short: false,
        ..at_a_follower("the member is the leader, and is isolated", |place| {
            place.laboratory.cut_off_from_peers(place.victim()).map(Broken::Member)
        })
    },
    Scenario {
        blows: 3,
        ..at_a_follower("rolling restart: each member in turn is killed and started", |place| {
            place.restart_all();
            Ok(Broken::Nothing)
        })
    },
    at_a_proxy("the member's answers stall in the middle of their bodies", |place| place.proxy(Manner::StallBodies)),
    at_a_proxy("the member closes idle connections between the calls", |place| place.proxy(Manner::CloseResting)),
];
