//! Where an attempt stands. The walk reads it while the attempt runs, or after it was cut off in the middle.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::socket::Wire;

#[derive(Debug, Default)]
pub struct Progress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    in_use: Option<InUse>,
    /// Whether a copy of the request went out before, over a connection that broke. It stays true for the whole attempt:
    /// no answer to a later copy tells what became of the first.
    sent_before: bool,
}

/// The connection in use, and what had gone over it before this request.
#[derive(Debug)]
struct InUse {
    wire: Arc<Wire>,
    written: u64,
    read: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Connecting,
    Answer,
    Body,
}

impl State {
    fn is_sent(&self) -> bool {
        self.sent_before || self.in_use.as_ref().is_some_and(|used| used.wire.written() > used.written)
    }
}

impl Progress {
    pub fn describe(&self) -> &'static str {
        match self.state().phase {
            Phase::Connecting => "waiting for the connection",
            Phase::Answer => "waiting for the answer",
            Phase::Body => "reading the answer",
        }
    }

    /// Whether a byte of the request may have reached the server.
    pub fn is_sent(&self) -> bool {
        self.state().is_sent()
    }

    /// How many bytes of an answer have come.
    pub fn received(&self) -> u64 {
        self.state().in_use.as_ref().map_or(0, |used| used.wire.read().saturating_sub(used.read))
    }

    pub fn was_sent_before(&self) -> bool {
        self.state().sent_before
    }

    /// Another request of the same attempt begins.
    pub fn next_request(&self) {
        let mut state = self.state();
        (state.phase, state.in_use) = (Phase::Connecting, None);
    }

    /// The request goes out over this connection.
    pub fn sending(&self, wire: &Arc<Wire>) {
        let in_use = InUse { wire: wire.clone(), written: wire.written(), read: wire.read() };
        let mut state = self.state();
        (state.phase, state.in_use) = (Phase::Answer, Some(in_use));
    }

    /// The head of the answer is there.
    pub fn reading(&self) {
        self.state().phase = Phase::Body;
    }

    /// The request begins anew over another connection.
    pub fn sending_again(&self) {
        let mut state = self.state();
        *state = State { sent_before: state.is_sent(), ..State::default() };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
