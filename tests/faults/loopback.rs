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
        let number = |victim| match victim {
            Victim::Member(number) => number,
            Victim::Leader => self.leader(),
        };
        match fault {
            Fault::Kill(victim) => self[number(victim)].kill(),
            Fault::Freeze(victim) => self[number(victim)].stop_process(),
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
