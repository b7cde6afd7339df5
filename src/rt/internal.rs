//! The internal runtime: one thread, started when first needed, for what has to go on without a caller
//! and for blocking calls that no lane can carry.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use super::inbox::Inbox;
use super::race::{First, first};
use super::thread::OwnThread;
use crate::core::error::{Error, Result};
use crate::core::pool::Pool;
use crate::core::status::Status;
use crate::core::trust::Trust;
use crate::ffi::panics;

#[derive(Default)]
pub struct Internal {
    state: Mutex<State>,
    has_started: AtomicBool,
    /// What a task that panics takes from the client.
    trust: Arc<Trust>,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    /// For good: whoever comes beside a close starts no thread that nobody would end.
    is_stopped: bool,
}

struct Running {
    inbox: Arc<Inbox>,
    pool: Arc<Pool>,
    stop: CancellationToken,
    thread: Arc<OwnThread>,
}

impl Internal {
    pub fn new(trust: Arc<Trust>) -> Internal {
        Internal { state: Mutex::default(), has_started: AtomicBool::new(false), trust }
    }

    /// Starts a task only where the thread runs anyway; `task` is not called otherwise.
    pub fn spawn_if_running<F: Future<Output = ()> + Send + 'static>(&self, task: impl FnOnce() -> Option<F>) {
        // Asked by every call, so without the lock.
        if !self.has_started.load(Ordering::Relaxed) {
            return;
        }
        if let Some(running) = &self.state().running
            && let Some(task) = task()
        {
            running.inbox.put(Box::pin(self.trust.guard(task)));
        }
    }

    /// Runs the whole call there and waits once, so that it costs one hop each way.
    pub fn run<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        call: impl FnOnce(Arc<Pool>) -> F,
    ) -> Result<T> {
        let (inbox, pool) = self.started()?;
        // The result goes beside the channel, so that there are not as many kinds of channels as of results.
        let (sender, receiver) = sync_channel(1);
        let result = Arc::new(Mutex::new(None));
        let place = result.clone();
        inbox.put(Box::pin(panics::then(call(pool), move |result| {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            let _ = sender.send(());
        })));
        let _ = receiver.recv();
        let result = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.unwrap_or_else(|| Err(Error::new(Status::Internal, "the internal runtime ended before the call")))
    }

    /// Starts a task that goes on without a caller, until it ends or the runtime does.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(&self, task: impl FnOnce(Arc<Pool>) -> F) -> Result<()> {
        let (inbox, pool) = self.started()?;
        inbox.put(Box::pin(self.trust.guard(task(pool))));
        Ok(())
    }

    fn started(&self) -> Result<(Arc<Inbox>, Arc<Pool>)> {
        let mut state = self.state();
        if state.is_stopped {
            return Err(Error::new(Status::Closed, "the client was closed"));
        }
        let running = match state.running.take() {
            Some(running) => running,
            None => start(&self.trust)?,
        };
        self.has_started.store(true, Ordering::Relaxed);
        let running = state.running.insert(running);
        Ok((running.inbox.clone(), running.pool.clone()))
    }

    /// Ends the thread for good; gives whether it has ended in time. Any number of threads may wait for it.
    pub fn stop(&self, until: Option<Instant>) -> bool {
        let mut state = self.state();
        state.is_stopped = true;
        let Some(running) = &state.running else { return true };
        running.stop.cancel();
        let thread = running.thread.clone();
        drop(state);
        let has_ended = thread.has_ended(until);
        if has_ended {
            let running = self.state().running.take();
            drop(running);
        }
        has_ended
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Internal {
    /// Tells the thread to end and does not wait for it.
    fn drop(&mut self) {
        if let Some(running) = self.state().running.take() {
            running.stop.cancel();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is what the others use")]
fn start(trust: &Arc<Trust>) -> Result<Running> {
    let failed = |what: &str, error: std::io::Error| {
        Error::new(Status::Internal, format!("cannot start the internal {what}: {error}"))
    };
    let stop = CancellationToken::new();
    let (stopped, inbox) = (stop.clone(), Arc::new(Inbox::default()));
    let coming = inbox.clone();
    let (starting, started) = sync_channel(1);
    // The runtime is built there, because a caller whose thread-local memory is gone, at its thread's end, cannot.
    let thread = OwnThread::start("etcd-client", move || {
        let runtime = match Builder::new_current_thread().enable_io().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(starting.send(Err(error))),
        };
        let _ = starting.send(Ok(()));
        let coming = Coming(coming);
        let serving = async {
            loop {
                coming.0.take().await.into_iter().for_each(|task| drop(tokio::spawn(task)));
            }
        };
        let _: First<(), Infallible> = runtime.block_on(first(pin!(stopped.cancelled()), pin!(serving)));
        drop(coming);
        runtime.shutdown_background();
    })
    .map_err(|error| failed("thread", error))?;
    match started.recv() {
        Ok(built) => built.map_err(|error| failed("runtime", error))?,
        Err(_) => return Err(Error::new(Status::Internal, "the internal thread has ended at its start")),
    }
    Ok(Running { inbox, pool: Arc::new(Pool::of_a_runtime(trust.clone())), stop, thread })
}

/// Whatever ends the thread, no task is left waiting for it.
struct Coming(Arc<Inbox>);

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_when_needed_runs_calls_and_stops() {
        let internal = Internal::default();
        let name = internal.run(|_| async { std::thread::current().name().map(str::to_owned) }).expect("a result");
        assert_eq!(name.as_deref(), Some("etcd-client"));
        assert!(internal.stop(None));
        assert!(internal.stop(None), "stopping twice is fine");
    }

    #[test]
    fn a_call_that_panics_there_gives_the_error_with_its_place_and_the_next_one_runs() {
        let internal = Internal::default();
        let error = internal.run::<(), _>(|_| async { panic!("the sky falls") }).expect_err("a panic");
        assert_eq!(error.status(), Status::Panic);
        assert!(error.message().contains("the sky falls") && error.message().contains("internal.rs:"), "{error}");
        assert_eq!(internal.run(|_| async { 7 }).ok(), Some(7));
        assert!(internal.stop(None));
    }

    #[test]
    fn a_task_that_panics_there_takes_the_trust() {
        let trust = Arc::new(Trust::default());
        let internal = Internal::new(trust.clone());
        internal.spawn(|_| async { panic!("the sky falls") }).expect("started");
        internal.run(|_| async {}).expect("behind the task");
        let error = trust.refuse_when_lost().expect_err("not to be trusted");
        assert!(error.message().contains("internal.rs:"), "{error}");
        assert!(internal.stop(None));
    }

    #[test]
    fn a_second_stop_waits_as_well() {
        let internal = Internal::default();
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        internal.spawn(|_| async move { receiver.recv().unwrap_or_default() }).expect("started");
        let soon = || Some(Instant::now() + std::time::Duration::from_millis(100));
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!internal.stop(soon()), "first: not in time");
        assert!(!internal.stop(soon()), "second: the thread is still there");
        drop(sender);
    }
}
