//! Pauses between tries that lead nowhere: longer each time, and never the same for two that wait.

use std::time::Duration;

use super::chance;

#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub const fn between(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, failures: 0 }
    }

    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next pause: between half and the whole of a time that doubles.
    pub fn next_pause(&mut self) -> Duration {
        let whole = self.first.checked_mul(1 << self.failures.min(20)).unwrap_or(self.longest).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(0.5 + chance::generator().f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_start_anew_after_success() {
        const FIRST: Duration = Duration::from_millis(50);
        const LONGEST: Duration = Duration::from_secs(3);
        let mut backoff = Backoff::between(FIRST, LONGEST);
        let pauses: Vec<_> = (0..20).map(|_| backoff.next_pause()).collect();
        assert!(pauses[0] >= FIRST / 2 && pauses[0] <= FIRST, "{pauses:?}");
        assert!(pauses[3] >= FIRST * 4 && pauses[19] >= LONGEST / 2, "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= LONGEST), "{pauses:?}");
        backoff.reset();
        assert!(backoff.next_pause() <= FIRST);
    }
}
