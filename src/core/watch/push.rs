//! A watcher that brings its events to a callback, one after another, where the application wants its callbacks.
//! Nothing is taken from the queue of events before it is delivered: a slow callback slows the watch itself down.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use super::{Reader, Watcher};
use crate::core::error::{Error, Result};
use crate::core::response::Response;
use crate::core::status::Status;
use crate::rt::callback;
use crate::rt::callback_place::CallbackPlace;
use crate::rt::steps::{Steps, next_step};

/// Gives an event back that it could not hold, to get it once more.
pub trait Callback: FnMut(Result<Response>) -> Option<Response> + Send {}

impl<F: FnMut(Result<Response>) -> Option<Response> + Send> Callback for F {}

impl Watcher {
    /// Delivers from now on; a watcher delivers or is read, for good.
    pub fn start(self: &Arc<Watcher>, place: CallbackPlace, callback: impl Callback + 'static) -> Result<()> {
        let reader = Reader::enter(&self.is_being_read)?;
        self.refuse_when_over(None, std::time::Instant::now())?;
        place.prepare()?;
        self.begin()?;
        reader.stay();
        Steps::begin(place.clone(), deliver(self.clone(), place, callback));
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

    /// Gives whether there may be more.
    fn call(&self, event: Option<Result<Response>>, callback: &mut impl Callback) -> bool {
        // Entered before the question, so that `stop` either waits for this callback or is seen by it.
        let _calling = self.reading.enter();
        let is_last = event.is_none() || self.stopped.is_cancelled();
        let event = if is_last { self.last_word() } else { event };
        if let Some(event) = event {
            self.set_calling(Some(callback::this_thread()));
            if let Some(event) = callback(event) {
                self.put_back(event);
            }
            self.set_calling(None);
        }
        !is_last
    }
}

async fn deliver(watcher: Arc<Watcher>, place: CallbackPlace, mut callback: impl Callback) {
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
        if !watcher.call(event, &mut callback) {
            return;
        }
        next_step().await;
    }
}

/// Without anybody to tell there is nothing to watch, also when the task is dropped in the middle.
struct EndWithDelivery(Arc<Watcher>);

impl Drop for EndWithDelivery {
    fn drop(&mut self) {
        self.0.stopped.cancel();
    }
}
