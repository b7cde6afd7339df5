//! Doors between threads.

use std::thread;

use etcd_test_support::Gate;

#[test]
fn a_gate_stays_open_for_all_its_clones() {
    let gate = Gate::new();
    let clone = gate.clone();
    assert!(!clone.is_open());
    gate.open();
    gate.open();
    assert!(clone.is_open());
    clone.wait();
    clone.wait();
}

#[test]
fn a_gate_lets_a_waiting_thread_through() {
    let (gate, behind) = (Gate::new(), Gate::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            gate.wait();
            behind.open();
        });
        assert!(!behind.is_open());
        gate.open();
        behind.wait();
    });
}
