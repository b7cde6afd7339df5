//! The example of a lock with a queue: never two owners, also while members die.

use std::thread;
use std::time::Duration;

use etcd_test_support::{Oracle, stage, transport, wait_until};

use crate::faults::cluster;

const PROGRAMS: usize = 2;
const THREADS: usize = 4;
const TURNS: usize = 40;

/// When somebody had the lock, in seconds of the machine's clock: the program prints "NAME had the lock from A to B".
fn holdings(output: &str) -> Vec<(f64, f64)> {
    let times = output.lines().filter_map(|line| line.split_once(" had the lock from ")?.1.split_once(" to "));
    times.map(|(from, to)| (from.parse().expect("a time"), to.parse().expect("a time"))).collect()
}

#[test]
fn the_example_lock_never_has_two_owners_while_every_member_is_restarted() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let program = stage::compile_c("examples-c/lock_queue.c", &["-pthread"]);
    let (turns, limit) = (TURNS.to_string(), Duration::from_secs(150));
    let environment = transport::environment(&cluster.endpoints());
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();

    let outputs: Vec<_> = thread::scope(|scope| {
        let run = || stage::run(&program, &["/lock", &turns], &environment, limit);
        let programs: Vec<_> = (0..PROGRAMS).map(|_| scope.spawn(run)).collect();
        for number in 0..3 {
            let living = Oracle::new(cluster[(number + 1) % 3].endpoint());
            let goes_on = |what| {
                let before = living.index();
                wait_until(what, || {
                    living.index() > before + 20 || programs.iter().all(|program| program.is_finished())
                });
            };
            goes_on("the lock is used before the fault");
            cluster[number].kill();
            goes_on("the lock is used with a dead member");
            cluster[number].start_again();
            cluster.wait_healthy();
        }
        programs.into_iter().map(|program| program.join().expect("no panic")).collect()
    });

    let mut held = Vec::new();
    for output in &outputs {
        let words = stage::text_of(output);
        assert!(output.status.success(), "{words}");
        held.extend(holdings(&words));
    }
    held.sort_by(|one, other| one.0.total_cmp(&other.0));
    assert_eq!(held.len(), PROGRAMS * THREADS * TURNS, "every turn of every thread");
    for pair in held.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "two owners: {pair:?}");
    }
}
