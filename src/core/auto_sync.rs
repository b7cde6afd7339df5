//! Auto-sync: one sync after another, on the caller's thread until the first failure, or in the background through all
//! of them.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::caller::Caller;
use super::client::{Client, Shared};
use super::error::{Error, Result};
use super::log::Level;
use super::pool::Pool;
use super::status::Status;
use super::sync::{sync, within};
use crate::faults::{self, Place};
use crate::rt::callback;
use crate::rt::clock;
use crate::rt::context::Context;
use crate::rt::park;

/// The first retry of a failed background sync, before jitter; it doubles up to the interval.
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// In the background nobody would notice a sync that waits for ever for a silent server.
const LONGEST_IN_BACKGROUND: Duration = Duration::from_secs(30);

/// The background auto-sync of a client, if one runs.
#[derive(Debug, Default)]
pub struct AutoSync(Mutex<Option<CancellationToken>>);

impl AutoSync {
    /// Ends the one that runs; gives the token of the next.
    fn replace(&self, next: Option<CancellationToken>) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = std::mem::replace(&mut *running, next) {
            running.cancel();
        }
    }
}

impl Client {
    /// Syncs at once and then every interval, until a sync fails, the context ends or the client is closed.
    pub fn auto_sync(&self, context: Option<&Context>, interval_ms: i64) -> Result<()> {
        let interval = positive_interval(interval_ms)?;
        callback::refuse_to_block()?;
        let _running = self.enter()?;
        loop {
            let limited = within(context, self.shared().config.request_timeout);
            self.carry_out(limited.as_ref(), Caller::sync)?;
            self.rest(context, interval)?;
        }
    }

    /// Waits without a lane: the connection is free for other calls meanwhile.
    fn rest(&self, context: Option<&Context>, interval: Duration) -> Result<()> {
        let next = Instant::now().checked_add(interval);
        let deadline = context.and_then(Context::deadline);
        let until = [next, deadline].into_iter().flatten().min();
        let mut cancelled = pin!(async {
            match context {
                Some(context) => context.cancelled().await,
                None => std::future::pending().await,
            }
        });
        let mut closed = pin!(self.shared().closed.closed());
        let either = std::future::poll_fn(|waker| match cancelled.as_mut().poll(waker).is_ready() {
            true => std::task::Poll::Ready(()),
            false => closed.as_mut().poll(waker),
        });
        park::wait_until(either, until);
        match context.map_or(Status::Ok, Context::status) {
            Status::Ok => self.refuse_when_closed(),
            status => Err(Error::new(status, "auto-sync ended: its context is over")),
        }
    }

    /// In the background; one that runs already is replaced.
    pub fn start_auto_sync(&self, interval_ms: i64) -> Result<()> {
        let interval = positive_interval(interval_ms)?;
        // Close must not end the internal runtime between the question and the start.
        let _running = self.enter()?;
        let stop = CancellationToken::new();
        self.auto_sync.replace(Some(stop.clone()));
        let shared = self.shared().clone();
        self.spawn(|pool| async move {
            let _ = stop.run_until_cancelled(sync_for_ever(shared, pool, interval)).await;
        })
    }

    /// No sync starts after this; one that runs is given up.
    pub fn stop_auto_sync(&self) {
        self.auto_sync.replace(None);
    }
}

fn positive_interval(ms: i64) -> Result<Duration> {
    match u64::try_from(ms) {
        Ok(positive) if positive > 0 => Ok(Duration::from_millis(positive)),
        _ => Err(Error::invalid_argument(
            "interval_ms",
            format_args!("{ms} is not a time between two syncs; give more than 0"),
        )),
    }
}

async fn sync_for_ever(client: Arc<Shared>, pool: Arc<Pool>, interval: Duration) {
    let log = &client.config.log;
    // The retries are spread, so that many clients do not come back at the same moment.
    let mut retries = Backoff::between(FIRST_RETRY, interval);
    while !client.closed.is_closed() {
        faults::here(Place::AutoSync, client.ring.current().list().first().map_or(&[], |first| first.url().as_bytes()));
        // Boxed, so that the task is small while it waits.
        let limited = within(None, Some(client.config.request_timeout.unwrap_or(LONGEST_IN_BACKGROUND)));
        let result = Box::pin(sync(client.clone(), pool.clone(), limited)).await;
        pool.close_old(Instant::now());
        let pause = match result {
            Ok(()) => {
                retries.reset();
                interval
            }
            Err(error) => {
                let retry = retries.next_pause();
                let ms = retry.as_millis();
                log.write(Level::Warn, &format!("auto-sync failed and tries again in {ms} ms: {}", error.message()));
                retry
            }
        };
        clock::sleep(pause).await;
    }
}
