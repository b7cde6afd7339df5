//! Random operations on real servers.

use std::io::Write;
use std::panic::{self, AssertUnwindSafe};

use crate::differences::{ON_THE_WIRE, REFUSED};
use crate::generator::Generator;
use crate::operation::Operation;
use crate::pair::Pair;

/// Few enough for every test run; `make differential` wants more.
const OPERATIONS: usize = 600;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn random_operations_have_the_same_answers_errors_and_requests() {
    let Some(mut pair) = Pair::start() else { return };
    let seed = number("ETCD_DIFFERENTIAL_SEED", 1);
    let operations = number("ETCD_DIFFERENTIAL_OPERATIONS", OPERATIONS as u64);
    let mut generator = Generator::new(seed);
    let mut history = Vec::new();
    let run = panic::catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..operations {
            let operation = generator.operation();
            history.push(operation.clone());
            generator.learn(&pair.compare(&operation));
        }
        pair.compare(&Operation::Get { key: "/".into(), recursive: true, sort: true, quorum: false });
        pair.assert_same_stores("at the end");
    }));
    if let Err(cause) = run {
        let last = history.len().saturating_sub(5);
        eprintln!("ETCD_DIFFERENTIAL_SEED={seed}: operation {} differs; the last ones: {:#?}", history.len(), &history[last..]);
        panic::resume_unwind(cause);
    }
    let seen = ON_THE_WIRE.iter().map(|difference| difference.name).zip(pair.seen_on_the_wire);
    let seen = seen.chain(REFUSED.iter().map(|difference| difference.name).zip(pair.seen_refused));
    for (difference, count) in seen {
        assert_ne!(count, 0, "no operation shows this difference any more, so it is none: {difference}");
    }
    let line = format!("{operations} random operations of the seed {seed}: the same with both clients\n");
    std::io::stderr().write_all(line.as_bytes()).expect("write to the terminal");
}
