//! A task that runs where callbacks run: each step of it is a job there. What it waits for may come from any thread.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::callback_queue::Job;
use super::sync::{Mutex, MutexGuard};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hands a step over to the thread that runs it. A job that is dropped undone ends the task.
pub trait Place: Send + Sync + 'static {
    fn push(&self, job: Job);
}

pub struct Steps<P> {
    place: P,
    state: Mutex<State>,
}

struct State {
    /// None while it runs, and after its end.
    task: Option<Task>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Resting,
    Scheduled,
    Running,
    /// It is to run again: by another step, so that others have their turn.
    RunningAndWoken,
    Ended,
}

impl<P: Place> Steps<P> {
    pub fn begin(place: P, task: impl Future<Output = ()> + Send + 'static) {
        let state = State { task: Some(Box::pin(task)), phase: Phase::Scheduled };
        Arc::new(Steps { place, state: Mutex::new(state) }).schedule();
    }

    fn schedule(self: &Arc<Steps<P>>) {
        let step = Step(Some(self.clone()));
        self.place.push(Box::new(move || step.run()));
    }

    fn run(self: &Arc<Steps<P>>) {
        let mut state = self.state();
        let Some(mut task) = state.task.take() else { return };
        state.phase = Phase::Running;
        drop(state);
        let waker = Waker::from(self.clone());
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.state().phase = Phase::Ended;
            return;
        }
        let mut state = self.state();
        state.task = Some(task);
        let again = state.phase == Phase::RunningAndWoken;
        state.phase = if again { Phase::Scheduled } else { Phase::Resting };
        drop(state);
        if again {
            self.schedule();
        }
    }

    /// Its place is gone. The task is dropped on this thread.
    fn abandon(&self) {
        let mut state = self.state();
        state.phase = Phase::Ended;
        let task = state.task.take();
        drop(state);
        drop(task);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Place> Wake for Steps<P> {
    fn wake(self: Arc<Self>) {
        let mut state = self.state();
        match state.phase {
            Phase::Resting => state.phase = Phase::Scheduled,
            Phase::Running => {
                state.phase = Phase::RunningAndWoken;
                return;
            }
            Phase::Scheduled | Phase::RunningAndWoken | Phase::Ended => return,
        }
        drop(state);
        self.schedule();
    }
}

/// One step that is to be run.
struct Step<P: Place>(Option<Arc<Steps<P>>>);

impl<P: Place> Step<P> {
    fn run(mut self) {
        if let Some(steps) = self.0.take() {
            steps.run();
        }
    }
}

impl<P: Place> Drop for Step<P> {
    fn drop(&mut self) {
        if let Some(steps) = self.0.take() {
            steps.abandon();
        }
    }
}

/// Lets others have their turn: the rest of the task is another step.
pub async fn next_step() {
    let mut has_waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::super::callback_queue::{CallbackQueue, Patience};
    use super::*;

    impl Place for Arc<CallbackQueue<()>> {
        fn push(&self, job: Job) {
            drop(CallbackQueue::push(self, job));
        }
    }

    fn run(queue: &CallbackQueue<()>) {
        queue.poll(Patience::None, u64::MAX);
    }

    #[test]
    fn a_task_runs_step_by_step_as_it_is_woken() {
        let queue = Arc::new(CallbackQueue::default());
        let (news, ran) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
        let (waiting, running) = (news.clone(), ran.clone());
        Steps::begin(queue.clone(), async move {
            for _ in 0..2 {
                waiting.notified().await;
                running.fetch_add(1, Ordering::Relaxed);
                next_step().await;
            }
        });
        for seen in [0, 1, 2, 2] {
            run(&queue);
            assert_eq!(ran.load(Ordering::Relaxed), seen);
            news.notify_one();
        }
        assert!(queue.is_empty(), "it has ended");
    }

    #[test]
    fn a_task_whose_place_is_gone_is_dropped() {
        let queue = Arc::new(CallbackQueue::default());
        let (news, held) = (Arc::new(Notify::new()), Arc::new(()));
        let (waiting, holding) = (news.clone(), held.clone());
        Steps::begin(queue.clone(), async move {
            waiting.notified().await;
            drop(holding);
        });
        run(&queue);
        assert_eq!(Arc::strong_count(&held), 2);
        queue.close();
        news.notify_one();
        assert_eq!(Arc::strong_count(&held), 1);
        let holding = held.clone();
        Steps::begin(queue, async move { drop(holding) });
        assert_eq!(Arc::strong_count(&held), 1, "never begun");
    }
}
