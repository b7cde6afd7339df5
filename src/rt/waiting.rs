//! Waiting on the calling thread without a runtime, for what needs no sockets.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Sleeps until `event` is there or the time has come; None is never.
pub fn block_until(until: Option<Instant>, event: impl Future<Output = ()>) {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut event = pin!(event);
    while event.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        match until.map(|until| until.saturating_duration_since(Instant::now())) {
            Some(left) if left.is_zero() => return,
            Some(left) => std::thread::park_timeout(left),
            None => std::thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_util::sync::CancellationToken;

    use super::*;

    #[test]
    fn it_ends_by_the_event_or_by_the_time() {
        let token = CancellationToken::new();
        let started = Instant::now();
        block_until(started.checked_add(Duration::from_millis(20)), token.cancelled());
        assert!(started.elapsed() >= Duration::from_millis(20));
        let canceller = token.clone();
        let thread = std::thread::spawn(move || canceller.cancel());
        block_until(None, token.cancelled());
        thread.join().expect("the canceller");
    }
}
