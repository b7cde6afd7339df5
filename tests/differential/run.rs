//! What is said of a random run: how to have it again when it fails, and what it consisted of when it does not.

use std::collections::BTreeMap;
use std::io::Write;
use std::thread;

use crate::answer::{Answer, Class};
use crate::operation::Operation;
use crate::pair::Pair;

/// A random run; dropping it says what there is to say.
pub(crate) struct Run {
    pub(crate) seed: u64,
    history: Vec<Operation>,
    /// That most operations fail, or that none does, would say that they are badly chosen.
    tally: BTreeMap<String, usize>,
}

impl Run {
    pub(crate) fn new() -> Run {
        Run { seed: number("ETCD_DIFFERENTIAL_SEED", 1), history: Vec::new(), tally: BTreeMap::new() }
    }

    /// Compares, and remembers.
    pub(crate) fn compare(&mut self, pair: &mut Pair, operation: Operation) -> Answer {
        self.history.push(operation.clone());
        let answer = match operation {
            Operation::Watch { .. } => pair.compare_watches(&operation),
            _ => pair.compare(&operation),
        };
        let what = match &answer {
            Answer::Response(response) => response.action.clone(),
            Answer::Events(_) => "watched".into(),
            Answer::Texts(_) => "done".into(),
            Answer::Failure(failure) if failure.class == Class::Api => failure.code.to_string(),
            Answer::Failure(failure) => format!("{:?}", failure.class),
        };
        *self.tally.entry(what).or_default() += 1;
        answer
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let (seed, count) = (self.seed, self.history.len());
        if thread::panicking() {
            let last = &self.history[count.saturating_sub(5)..];
            eprintln!("ETCD_DIFFERENTIAL_SEED={seed}: operation {count} differs; the last ones: {last:#?}");
        } else if count > 0 {
            let line = format!("{count} random operations of the seed {seed}, the same in both: {:?}\n", self.tally);
            // Past the capture of the test's output; if that fails, nothing is wrong with the clients.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}

/// A setting of the environment.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}
