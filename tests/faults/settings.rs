//! How long the loads run, and the seed of all that is left to chance.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use etcd_test_checker::Seeded;

/// Short enough that calls given up at a frozen member come again within a test, long enough for an election.
pub(crate) const REQUEST_TIMEOUT_MS: i64 = 2500;

pub(crate) fn length() -> Duration {
    Duration::from_secs(number("ETCD_FAULT_SECONDS").unwrap_or(10))
}

/// Up to which level the clients of the loads log; None logs nothing.
pub(crate) fn log_level() -> Option<i32> {
    number("ETCD_FAULT_LOG").map(|level| level as i32)
}

/// Seconds since the first look, the same in all that is printed.
pub(crate) fn elapsed() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// What a schedule and the calls of a load are made of; the output of a failed test names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed(u64);

impl Seed {
    /// The given one, or another in each run.
    pub(crate) fn choose(what: &str) -> Seed {
        let from_clock = || {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
            since.as_micros() as u64 % 1_000_000
        };
        let seed = Seed(number("ETCD_FAULT_SEED").unwrap_or_else(from_clock));
        println!("{what}: ETCD_FAULT_SEED={}", seed.0);
        seed
    }

    /// Another one, for another try.
    pub(crate) fn next(self) -> Seed {
        Seed(self.0 + 1)
    }

    /// The sequence of one thread, or of the schedule.
    pub(crate) fn sequence(self, number: u64) -> Seeded {
        Seeded::new(self.0).branch(number)
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number: {text}")))
}
