//! Waiting for a time, on a lane and on a runtime.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::race::{First, first};
#[cfg(unix)]
use super::turn;

/// The time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

#[derive(Debug)]
pub struct Sleep {
    at: Instant,
    /// Only where a runtime is waited on.
    on_runtime: Option<Pin<Box<tokio::time::Sleep>>>,
}

pub fn sleep_until(at: Instant) -> Sleep {
    Sleep { at, on_runtime: None }
}

/// More than the clock can hold never ends.
pub async fn sleep(duration: Duration) {
    match Instant::now().checked_add(duration) {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Sleep {
    pub fn at(&self) -> Instant {
        self.at
    }
}

impl Future for Sleep {
    type Output = ();

    #[expect(clippy::disallowed_methods, reason = "this is what the others use")]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        #[cfg(unix)]
        match turn::alarm(self.at) {
            Some(true) => return Poll::Ready(()),
            Some(false) => return Poll::Pending,
            None => {}
        }
        let at = self.at;
        let sleep = self.on_runtime.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at.into())));
        sleep.as_mut().poll(context)
    }
}

/// Runs `future` until `at`. A result that is there counts.
pub async fn timeout_at<F: Future>(at: Instant, future: F) -> Result<F::Output, Elapsed> {
    match first(pin!(future), pin!(sleep_until(at))).await {
        First::Left(output) => Ok(output),
        First::Right(()) => Err(Elapsed),
    }
}

/// More than the clock can hold never ends.
pub async fn timeout<F: Future>(patience: Duration, future: F) -> Result<F::Output, Elapsed> {
    match Instant::now().checked_add(patience) {
        Some(at) => timeout_at(at, future).await,
        None => Ok(future.await),
    }
}
