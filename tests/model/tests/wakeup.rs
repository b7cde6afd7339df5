//! Waking a lane: whatever was said before it was woken is seen by what it polls then, or it is woken once more.

use std::sync::Arc;
use std::task::Wake;

use etcd_test_model::wakeup::Wakeup;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

#[test]
fn a_lane_does_not_wait_for_what_it_was_woken_for() {
    // With more there are thousands of orders, and none that shows anything else.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let wakeup = Arc::new(Wakeup::new().expect("a descriptor"));
        let told = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let telling: Vec<_> = (0..2)
            .map(|teller| {
                let (wakeup, told) = (wakeup.clone(), told.clone());
                thread::spawn(move || {
                    told[teller].store(true, Ordering::Release);
                    wakeup.wake_by_ref();
                })
            })
            .collect();
        while !told.iter().all(|told| told.load(Ordering::Acquire)) {
            if wakeup.begin_wait() {
                wakeup.descriptor();
                wakeup.end_wait(true);
            }
        }
        telling.into_iter().for_each(|teller| teller.join().expect("no panic"));
    });
}
