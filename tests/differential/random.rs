//! Random operations on the keys of real servers.

use crate::generator::Generator;
use crate::operation::Operation;
use crate::pair::Pair;
use crate::run::{Run, number};

/// Few enough for every test run; `make differential` wants more.
const OPERATIONS: u64 = 600;

#[test]
fn random_operations_have_the_same_answers_errors_and_requests() {
    let Some(mut pair) = Pair::start() else { return };
    let mut run = Run::new();
    let mut generator = Generator::new(run.seed);
    for _ in 0..number("ETCD_DIFFERENTIAL_OPERATIONS", OPERATIONS) {
        let answer = run.compare(&mut pair, generator.operation());
        generator.learn(&answer);
    }
    run.compare(&mut pair, Operation::Get { key: "/".into(), recursive: true, sort: true, quorum: false });
    pair.assert_same_stores("at the end");
}
