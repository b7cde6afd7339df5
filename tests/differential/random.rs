//! Random operations on real servers.

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};

use crate::answer::{Answer, Class};
use crate::generator::Generator;
use crate::operation::Operation;
use crate::pair::Pair;

/// Few enough for every test run; `make differential` wants more.
const OPERATIONS: u64 = 1000;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// What became of the operations: that most fail, or that none does, would say that they are badly chosen.
#[derive(Debug, Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    fn add(&mut self, answer: &Answer) {
        let what = match answer {
            Answer::Response(response) => response.action.clone(),
            Answer::Texts(_) => "texts".into(),
            Answer::Failure(failure) if failure.class == Class::Api => failure.code.to_string(),
            Answer::Failure(failure) => format!("{:?}", failure.class),
        };
        *self.0.entry(what).or_default() += 1;
    }
}

#[test]
fn random_operations_have_the_same_answers_errors_and_requests() {
    let Some(mut pair) = Pair::start() else { return };
    let seed = number("ETCD_DIFFERENTIAL_SEED", 1);
    let operations = number("ETCD_DIFFERENTIAL_OPERATIONS", OPERATIONS);
    let mut generator = Generator::new(seed);
    let (mut history, mut tally) = (Vec::new(), Tally::default());
    let run = panic::catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..operations {
            let operation = generator.operation();
            history.push(operation.clone());
            let answer = pair.compare(&operation);
            tally.add(&answer);
            generator.learn(&answer);
        }
        pair.compare(&Operation::Get { key: "/".into(), recursive: true, sort: true, quorum: false });
        pair.assert_same_stores("at the end");
    }));
    if let Err(cause) = run {
        let last = history.len().saturating_sub(5);
        eprintln!(
            "ETCD_DIFFERENTIAL_SEED={seed}: operation {} differs; the last ones: {:#?}",
            history.len(),
            &history[last..]
        );
        panic::resume_unwind(cause);
    }
    let line =
        format!("{operations} random operations of the seed {seed}: the same with both clients: {:?}\n", tally.0);
    std::io::stderr().write_all(line.as_bytes()).expect("write to the terminal");
}
