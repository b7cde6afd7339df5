//! A task that runs where callbacks run, in every order of wakes, steps and the end of its place.

use std::sync::Arc;
use std::task::{Poll, Waker};

use etcd_test_model::callback_queue::{CallbackQueue, Job, Patience};
use etcd_test_model::steps::{Place, Steps, next_step};
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

type Queue = Arc<CallbackQueue<()>>;

/// A closed queue gives the job back, and it is dropped here.
struct In(Queue);

impl Place for In {
    fn push(&self, job: Job) {
        drop(self.0.push(job));
    }
}

/// News of a number of things, as a watch has them.
#[derive(Default)]
struct News(Mutex<(usize, Option<Waker>)>);

impl News {
    fn bring(&self) {
        let waker = {
            let mut state = self.0.lock().expect("unpoisoned");
            state.0 += 1;
            // Kept, as one who waits for several things is known to each.
            state.1.clone()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    async fn take(&self) {
        std::future::poll_fn(|context| {
            let mut state = self.0.lock().expect("unpoisoned");
            if state.0 > 0 {
                state.0 -= 1;
                return Poll::Ready(());
            }
            state.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

struct Held(Arc<AtomicUsize>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task that counts two pieces of news, and its own end.
fn counting(
    news: &Arc<News>,
    seen: &Arc<AtomicUsize>,
    gone: &Arc<AtomicUsize>,
) -> impl Future<Output = ()> + Send + use<> {
    let (news, seen, held) = (news.clone(), seen.clone(), Held(gone.clone()));
    async move {
        for _ in 0..2 {
            news.take().await;
            seen.fetch_add(1, Ordering::SeqCst);
            next_step().await;
        }
        drop(held);
    }
}

fn number() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}

#[test]
fn no_wake_is_lost_while_a_step_runs() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (queue, news, seen, gone) = (Queue::default(), Arc::new(News::default()), number(), number());
        Steps::begin(In(queue.clone()), counting(&news, &seen, &gone));
        let bringing = news.clone();
        let bringer = thread::spawn(move || bringing.bring());
        news.bring();
        while gone.load(Ordering::SeqCst) == 0 {
            if queue.is_empty() {
                thread::yield_now();
            }
            queue.poll(Patience::None, 1);
        }
        bringer.join().expect("no panic");
        assert_eq!((seen.load(Ordering::SeqCst), gone.load(Ordering::SeqCst)), (2, 1));
    });
}

#[test]
fn a_task_is_dropped_once_when_its_place_goes_while_it_is_woken() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (queue, news, seen, gone) = (Queue::default(), Arc::new(News::default()), number(), number());
        Steps::begin(In(queue.clone()), counting(&news, &seen, &gone));
        let bringing = news.clone();
        let bringer = thread::spawn(move || bringing.bring());
        let polling = queue.clone();
        let poller = thread::spawn(move || polling.poll(Patience::None, 1));
        queue.close();
        bringer.join().expect("no panic");
        poller.join().expect("no panic");
        // A task that rests is told when something comes, as the library tells it that its queue is freed.
        news.bring();
        assert_eq!(gone.load(Ordering::SeqCst), 1);
        assert!(seen.load(Ordering::SeqCst) <= 1);
    });
}
