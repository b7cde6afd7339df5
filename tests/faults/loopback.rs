//! Three members on loopback, to which only that can be done which signals can do.

use std::sync::{Mutex, MutexGuard, PoisonError};

use etcd_test_support::EtcdCluster;

use crate::faults::{Fault, Faulty, Victim};

/// The cluster that all tests share, one after another. Each finds three healthy members.
pub(crate) fn cluster() -> MutexGuard<'static, Option<EtcdCluster>> {
    static CLUSTER: Mutex<Option<EtcdCluster>> = Mutex::new(None);
    let mut cluster = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    cluster.get_or_insert_with(|| EtcdCluster::start(3)).heal();
    cluster
}

impl Faulty for EtcdCluster {
    fn endpoints(&self) -> Vec<String> {
        EtcdCluster::endpoints(self)
    }

    fn inject(&self, fault: Fault) {
        let (Fault::Kill(victim) | Fault::Freeze(victim)) = fault;
        let numbers = match victim {
            Victim::Member(number) => vec![number],
            Victim::Leader => vec![self.leader()],
            Victim::Majority => vec![self.leader(), self.followers()[0]],
            Victim::Pinned => panic!("only the client knows which one it asks first"),
        };
        for number in numbers {
            match fault {
                Fault::Kill(_) => self[number].kill(),
                Fault::Freeze(_) => self[number].stop_process(),
            }
        }
    }

    fn heal(&self) {
        for member in self.members() {
            if member.pid().is_none() {
                member.start_again();
            }
            member.continue_process();
        }
        self.wait_healthy();
    }
}
