//! Watchers. A task on the internal runtime follows the key through the cluster; a reader takes what it found.

pub mod catch_up;
pub mod documents;
pub mod follower;
pub mod opening;
pub mod position;
pub mod push;
pub mod resync;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use self::follower::Follower;
use super::client::Client;
use super::error::{Error, Result};
use super::response::Response;
use super::status::Status;
use super::v2::watch_request::Watched;
use crate::rt::callback;
use crate::rt::context::Context;
use crate::rt::event_queue::EventQueue;
use crate::rt::park;
use crate::rt::race::{First, first};
use crate::rt::running::Running;

/// A member that says nothing for so long is asked whether it is alive.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

pub type Events = EventQueue<Result<Response>>;

#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// 0 means from now on.
    pub after_index: u64,
    pub recursive: bool,
    /// Hand over the whole state where the history is gone.
    pub resync: bool,
    /// Many events in one answer, instead of one as in Go.
    pub stream: bool,
    /// How long a member may be silent before it is asked whether it is alive; None never asks, as in Go.
    pub idle_timeout: Option<Duration>,
}

impl Default for WatchOptions {
    fn default() -> WatchOptions {
        let idle_timeout = Some(DEFAULT_IDLE_TIMEOUT);
        WatchOptions { after_index: 0, recursive: false, resync: false, stream: true, idle_timeout }
    }
}

pub struct Watcher {
    client: Arc<Client>,
    key: String,
    watched: Watched,
    options: WatchOptions,
    events: Arc<Events>,
    /// Cancelled by stop, by the last free, and by the close of the client.
    stopped: CancellationToken,
    has_started: Mutex<bool>,
    /// By the application, and not with its client.
    is_ended: AtomicBool,
    is_being_read: AtomicBool,
    /// Calls and callbacks that stop has to wait for.
    reading: Running,
    /// The thread that is inside a callback of this watcher.
    calling: Mutex<Option<usize>>,
}

/// Tells the reader when the task ends, however it ends.
struct CloseAtEnd(Arc<Events>);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Watcher {
    /// No network traffic: the watch begins with the first `next`.
    pub fn new(client: Arc<Client>, key: &str, options: WatchOptions) -> Result<Watcher> {
        client.refuse_when_closed()?;
        let shared = client.shared();
        let watched = Watched::new(&shared.config.keys.prefix, key, options.recursive)?;
        let stopped = shared.closed.token().child_token();
        Ok(Watcher {
            client,
            key: key.to_owned(),
            watched,
            options,
            events: Arc::default(),
            stopped,
            has_started: Mutex::default(),
            is_ended: AtomicBool::new(false),
            is_being_read: AtomicBool::new(false),
            reading: Running::default(),
            calling: Mutex::default(),
        })
    }

    /// The next event. An error ends this call and not the watch: the next call goes on where this one was.
    pub fn next(&self, context: Option<&Context>) -> Result<Response> {
        callback::refuse_to_block()?;
        let _reading = self.reading.enter();
        let _running = self.client.running().enter();
        let started = Instant::now();
        self.refuse_when_over(context, started)?;
        let _reader = Reader::enter(&self.is_being_read)?;
        self.begin()?;
        let deadline = context.and_then(Context::deadline);
        match park::wait_until(self.wait(context), deadline) {
            Some(Some(event)) => event,
            None | Some(None) => {
                self.refuse_when_over(context, started)?;
                self.client.trust().refuse_when_lost()?;
                Err(Error::new(Status::Internal, format!("the watch of {} has ended by itself", self.key)))
            }
        }
    }

    /// For one who could not hold the event that `next` gave: the next call gives it again.
    pub fn put_back(&self, event: Response) {
        let weight = event.weight();
        self.events.put_back(Ok(event), weight);
    }

    /// None when something else than an event ends the wait.
    async fn wait(&self, context: Option<&Context>) -> Option<Result<Response>> {
        let interrupted = async {
            let mut stopped = std::pin::pin!(self.stopped.cancelled());
            match context {
                Some(context) => {
                    let mut cancelled = std::pin::pin!(context.cancelled());
                    first(stopped.as_mut(), cancelled.as_mut()).await;
                }
                None => stopped.await,
            }
        };
        let mut interrupted = std::pin::pin!(interrupted);
        let mut event = std::pin::pin!(self.events.take());
        match first(event.as_mut(), interrupted.as_mut()).await {
            First::Left(event) => event,
            First::Right(()) => None,
        }
    }

    /// A context error beats everything, also an event that is there: it stays for the next call.
    fn refuse_when_over(&self, context: Option<&Context>, started: Instant) -> Result<()> {
        let waited = format!("after {} ms of waiting for an event of {}", started.elapsed().as_millis(), self.key);
        match context.map_or(Status::Ok, Context::status) {
            Status::Ok => {}
            Status::DeadlineExceeded => {
                return Err(Error::new(Status::DeadlineExceeded, format!("the deadline passed {waited}")));
            }
            status => return Err(Error::new(status, format!("the context was cancelled {waited}"))),
        }
        self.client.refuse_when_closed()?;
        match self.stopped.is_cancelled() {
            true => Err(Error::new(Status::Closed, format!("the watcher of {} was stopped", self.key))),
            false => Ok(()),
        }
    }

    /// The first reader starts the task. Where it cannot be started, the next one tries again.
    fn begin(&self) -> Result<()> {
        let mut has_started = self.has_started.lock().unwrap_or_else(PoisonError::into_inner);
        if *has_started {
            return Ok(());
        }
        let (shared, events) = (self.client.shared().clone(), self.events.clone());
        let (key, watched, options) = (self.key.clone(), self.watched.clone(), self.options.clone());
        let stopped = self.stopped.clone();
        self.client.spawn(move |pool| {
            let closing = CloseAtEnd(events.clone());
            let trust = shared.trust.clone();
            let mut follower = Follower::new(shared, pool.unbounded(), &key, watched, options, events);
            async move {
                // Inside the closing, so that a reader whom it wakes finds the panic.
                let _closing = closing;
                // Each where it stays: a future that is handed on takes its place twice.
                let mut stopped = std::pin::pin!(stopped.cancelled());
                first(stopped.as_mut(), std::pin::pin!(trust.guard(follower.run()))).await;
            }
        })?;
        *has_started = true;
        Ok(())
    }

    /// Ends the watch without waiting for anything.
    pub fn end(&self) {
        self.is_ended.store(true, Ordering::Release);
        self.stopped.cancel();
    }

    /// Ends the watch; a `next` that waits returns at once. Waits until it has, or until a callback of this watcher has returned;
    /// not for the one that it is called in.
    pub fn stop(&self, timeout: Option<Duration>) -> Result<()> {
        self.end();
        if self.calling() == Some(callback::this_thread()) {
            return Ok(());
        }
        let now = Instant::now();
        let until =
            if callback::is_inside() { Some(now) } else { timeout.and_then(|timeout| now.checked_add(timeout)) };
        match self.reading.wait_until_none(until) {
            0 => Ok(()),
            _ if callback::is_inside() => {
                let text = "the watcher is stopped, but to wait for a call to it inside a callback could take for ever";
                Err(Error::new(Status::WouldDeadlock, text))
            }
            _ => Err(Error::new(Status::DeadlineExceeded, "the watcher is stopped, but a call to it had not returned")),
        }
    }

    fn calling(&self) -> Option<usize> {
        *self.calling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until what this gives is dropped, this thread is inside a callback of this watcher.
    fn calling_here(&self) -> Calling<'_> {
        self.set_calling(Some(callback::this_thread()));
        Calling(self)
    }

    fn set_calling(&self, thread: Option<usize>) {
        *self.calling.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }
}

struct Calling<'a>(&'a Watcher);

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.0.set_calling(None);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.end();
    }
}

/// One reader at a time.
struct Reader<'a>(&'a AtomicBool);

impl Reader<'_> {
    fn enter(is_being_read: &AtomicBool) -> Result<Reader<'_>> {
        match is_being_read.swap(true, Ordering::Acquire) {
            false => Ok(Reader(is_being_read)),
            true => Err(Error::new(
                Status::Busy,
                "another thread waits for the next event of this watcher, or a callback gets them",
            )),
        }
    }

    /// Nobody else reads from now on.
    fn stay(self) {
        std::mem::forget(self);
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
