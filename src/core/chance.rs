//! What is left to chance: the order of endpoints, the length of pauses.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

/// A generator of its own for each use. That of the thread would draw the same in all children of one fork, who would then
/// all call the same endpoint first; and it cannot be made in an exit handler, where the thread's memory is gone.
pub fn generator() -> fastrand::Rng {
    fastrand::Rng::with_seed(RandomState::new().hash_one((std::process::id(), Instant::now())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_generator_does_not_draw_what_the_other_does() {
        let draw = || generator().u64(..);
        assert_ne!((draw(), draw()), (draw(), draw()));
    }
}
