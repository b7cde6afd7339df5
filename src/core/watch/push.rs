//! A watcher that brings its events to a callback, one after another, where the application wants its callbacks.
//! Nothing is taken from the queue of events before it is delivered: a slow callback slows the watch itself down.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Reader, Watcher};
use crate::core::error::{Error, Result};
use crate::core::response::Response;
use crate::core::status::Status;
use crate::rt::callback_place::CallbackPlace;
use crate::rt::callback_thread::Reserved;
use crate::rt::clock;
use crate::rt::steps::{Steps, next_step};

/// Gives an event back that it could not hold, to get it once more.
pub trait Callback: FnMut(Result<Response>) -> Option<Response> + Send {}

impl<F: FnMut(Result<Response>) -> Option<Response> + Send> Callback for F {}

impl Watcher {
    /// Delivers from now on; a watcher delivers or is read, for good.
    pub fn start(self: &Arc<Watcher>, place: CallbackPlace, callback: impl Callback + 'static) -> Result<()> {
        // Close either waits for this or is seen by it.
        let _running = self.client.enter()?;
        self.refuse_when_over(None, Instant::now())?;
        let reader = Reader::enter(&self.is_being_read)?;
        let reserved = place.reserve()?;
        self.begin()?;
        reader.stay();
        let delivery = deliver(self.clone(), place.clone(), reserved, callback);
        // Not awaited in another future, which would take its place twice.
        Steps::begin(place, self.client.trust_of_tasks().guard(delivery));
        Ok(())
    }

    /// Why no event will come any more, where the application has not ended the watch itself.
    fn last_word(&self) -> Option<Result<Response>> {
        if self.is_ended.load(Ordering::Acquire) {
            return None;
        }
        let by_itself = || Error::new(Status::Internal, format!("the watch of {} has ended by itself", self.key));
        let reason = self.client.refuse_when_closed().and_then(|()| self.client.trust().refuse_when_lost());
        Some(Err(reason.err().unwrap_or_else(by_itself)))
    }

    fn call(&self, event: Option<Result<Response>>, callback: &mut impl Callback) -> Called {
        // Entered before the question, so that `stop` either waits for this callback or is seen by it.
        let _reading = self.reading.enter();
        let is_last = event.is_none() || self.stopped.is_cancelled();
        let event = if is_last { self.last_word() } else { event };
        let mut kept = None;
        if let Some(event) = event {
            let _calling = self.calling_here();
            kept = callback(event);
        }
        match kept {
            _ if is_last => Called::Last,
            None => Called::Next,
            Some(event) => {
                self.put_back(event);
                Called::Again
            }
        }
    }

    /// The application's thread must not wait, so that it is told on the internal one when the time is over.
    async fn pause(&self) {
        let (over, waiting) = oneshot::channel::<()>();
        let waits = self.client.spawn(|_| async move {
            clock::sleep(PAUSE_FOR_MEMORY).await;
            drop(over);
        });
        if waits.is_ok() {
            let _ = waiting.await;
        }
    }
}

/// How a callback ended.
enum Called {
    Next,
    /// It could not hold the event.
    Again,
    Last,
}

/// Memory that is lacking is not there a moment later.
const PAUSE_FOR_MEMORY: Duration = Duration::from_secs(1);

async fn deliver(
    watcher: Arc<Watcher>,
    place: CallbackPlace,
    _reserved: Option<Reserved>,
    mut callback: impl Callback,
) {
    let _ending = EndWithDelivery(watcher.clone());
    loop {
        let event = {
            // Side by side and not one inside the other: thousands of watches rest here.
            let mut event = pin!(watcher.events.take());
            let (mut stopped, mut gone) = (pin!(watcher.stopped.cancelled()), pin!(place.gone()));
            poll_fn(|waker| match event.as_mut().poll(waker) {
                Poll::Ready(event) => Poll::Ready(event),
                Poll::Pending if stopped.as_mut().poll(waker).is_ready() => Poll::Ready(None),
                // No step can follow in a place that is gone.
                Poll::Pending => gone.as_mut().poll(waker).map(|()| None),
            })
            .await
        };
        match watcher.call(event, &mut callback) {
            Called::Next => next_step().await,
            // In a box, because it is rare.
            Called::Again => Box::pin(watcher.pause()).await,
            Called::Last => return,
        }
    }
}

/// Without anybody to tell there is nothing to watch, also when the task is dropped in the middle.
struct EndWithDelivery(Arc<Watcher>);

impl Drop for EndWithDelivery {
    fn drop(&mut self) {
        self.0.stopped.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::client::Client;
    use crate::core::config::Config;

    #[test]
    fn a_second_close_waits_for_the_callback_too() {
        let client = Arc::new(Client::new(Config::default()).expect("a client"));
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        client.callbacks().push(Box::new(move || receiver.recv().unwrap_or_default()));
        assert!(client.close(Some(std::time::Duration::from_millis(100))).is_err());
        assert!(client.close(Some(std::time::Duration::from_millis(100))).is_err(), "the callback still runs");
        drop(sender);
    }
}
