//! Panics on demand, for the tests of what a panic does. A build without the feature `test-faults` has nothing of it.

/// Where a test can ask for a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A call is carried out, on the caller's lane or on the internal runtime.
    Call,
    /// An answer to a keys call is read.
    Decode,
    /// A tree that is too deep for the caller's stack is read on a thread of its own.
    DeepDecode,
    /// The log callback is about to be called.
    Log,
    /// A response is made into what C gets.
    Give,
    /// The task behind a watcher goes on.
    Follower,
    /// A watcher reads what it has missed.
    CatchUp,
    /// The background auto-sync.
    AutoSync,
    /// A look at an endpoint that had failed.
    Look,
    /// A host name is looked up.
    Lookup,
}

#[cfg(not(feature = "test-faults"))]
#[inline(always)]
pub fn here(_place: Place, _subject: &[u8]) {}

#[cfg(feature = "test-faults")]
pub use wanted::{here, panic_once};

#[cfg(feature = "test-faults")]
mod wanted {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, PoisonError};

    use super::Place;

    static WANTED: Mutex<Vec<(Place, String)>> = Mutex::new(Vec::new());
    /// So that the tests that want none are not slowed down.
    static COUNT: AtomicUsize = AtomicUsize::new(0);

    /// The next time that `place` is passed with a subject that contains `subject`, it panics. Subjects are the tests' own
    /// keys and ports, since tests run beside each other.
    pub fn panic_once(place: Place, subject: &str) {
        let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.push((place, subject.to_owned()));
        COUNT.store(wanted.len(), Ordering::Release);
    }

    /// The panic's place is the caller's.
    #[track_caller]
    #[allow(clippy::panic)]
    pub fn here(place: Place, subject: &[u8]) {
        if COUNT.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
        let contains = |part: &str| subject.windows(part.len()).any(|window| window == part.as_bytes());
        let Some(found) = wanted.iter().position(|(at, part)| *at == place && contains(part)) else { return };
        wanted.swap_remove(found);
        COUNT.store(wanted.len(), Ordering::Release);
        drop(wanted);
        panic!("a fault that a test asked for: {place:?}");
    }
}
