//! Where a callback of the application runs: in its own loop, or on the client's thread for callbacks.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::callback_queue::{CallbackQueue, Job, Patience};
use super::callback_thread::{CallbackThread, Reserved};
use super::steps::Place;
use crate::core::error::Result;
use crate::ffi::readiness::Readiness;

/// A queue of the application, which it polls.
#[derive(Default)]
pub struct HostQueue {
    queue: CallbackQueue<Readiness>,
    freed: CancellationToken,
}

impl HostQueue {
    pub fn poll(&self, patience: Patience, most: u64) -> u64 {
        self.queue.poll(patience, most)
    }

    pub fn wakeup(&self) {
        self.queue.wakeup();
    }

    /// Made when it is first asked for; None where the system has none to give.
    pub fn descriptor(&self) -> Option<i32> {
        self.queue.signal(Readiness::new, Readiness::descriptor)
    }

    /// What waits is dropped here; what would come later is told, and dropped on the client's thread.
    pub fn free(&self) {
        self.queue.close();
        self.freed.cancel();
    }
}

#[derive(Clone)]
pub struct CallbackPlace {
    queue: Option<Arc<HostQueue>>,
    thread: Arc<CallbackThread>,
}

impl CallbackPlace {
    /// Without a queue, on the thread.
    pub fn new(queue: Option<Arc<HostQueue>>, thread: Arc<CallbackThread>) -> CallbackPlace {
        CallbackPlace { queue, thread }
    }

    /// Before anything is registered, so that nothing can fail afterwards: to be held until the last job is pushed.
    pub fn reserve(&self) -> Result<Option<Reserved>> {
        if self.queue.is_some() { Ok(None) } else { self.thread.reserve().map(Some) }
    }

    /// Ends when the queue is freed, after which no callback runs any more.
    pub async fn gone(&self) {
        match &self.queue {
            Some(queue) => queue.freed.cancelled().await,
            None => std::future::pending().await,
        }
    }
}

impl Place for CallbackPlace {
    fn push(&self, job: Job) {
        let Some(queue) = &self.queue else { return self.thread.push(job) };
        if let Err(undone) = queue.queue.push(job) {
            // Its queue is freed. What it holds is the application's, so it is not dropped on a thread that does I/O.
            self.thread.push(Box::new(move || drop(undone)));
        }
    }
}
