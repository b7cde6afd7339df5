//! A future in every order of complete, callback, wait and take.

use std::sync::Arc;

use etcd_test_model::completion::{Completion, Taken};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

fn counting(count: &Arc<AtomicUsize>) -> Box<dyn FnOnce() + Send> {
    let count = count.clone();
    Box::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    })
}

#[test]
fn a_callback_is_told_once_whether_it_or_the_result_comes_first() {
    loom::model(|| {
        let (completion, told) = (Arc::new(Completion::default()), Arc::new(AtomicUsize::new(0)));
        let completing = completion.clone();
        let completer = thread::spawn(move || completing.complete(7));
        assert_eq!(completion.on_ready(counting(&told)), Ok(()));
        assert_eq!(completer.join().expect("no panic"), None);
        assert_eq!(told.load(Ordering::SeqCst), 1);
        assert_eq!(completion.take(), Taken::Result(7));
    });
}

#[test]
fn of_two_results_one_counts_and_the_callback_is_told_once() {
    loom::model(|| {
        let (completion, told) = (Arc::new(Completion::default()), Arc::new(AtomicUsize::new(0)));
        let completing = completion.clone();
        let other = thread::spawn(move || completing.complete(1).is_none());
        let registering = (completion.clone(), counting(&told));
        let registrar = thread::spawn(move || registering.0.on_ready(registering.1));
        let mine = completion.complete(2).is_none();
        assert!(mine ^ other.join().expect("no panic"));
        assert_eq!(registrar.join().expect("no panic"), Ok(()));
        assert_eq!(told.load(Ordering::SeqCst), 1);
        assert_eq!(completion.take(), Taken::Result(if mine { 2 } else { 1 }));
    });
}

#[test]
fn of_two_callbacks_one_is_registered() {
    loom::model(|| {
        let (completion, told) = (Arc::new(Completion::default()), Arc::new(AtomicUsize::new(0)));
        let registering = (completion.clone(), counting(&told));
        let registrar = thread::spawn(move || registering.0.on_ready(registering.1));
        let mine = completion.on_ready(counting(&told));
        completion.complete(7);
        let other = registrar.join().expect("no panic");
        assert_ne!(mine, other, "one of the two");
        assert_eq!(told.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_result_is_taken_once_however_many_wait_for_it() {
    loom::model(|| {
        let completion = Arc::new(Completion::default());
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let completion = completion.clone();
                thread::spawn(move || {
                    assert!(completion.wait(None));
                    completion.take()
                })
            })
            .collect();
        completion.complete(7);
        let mut taken: Vec<_> = takers.into_iter().map(|taker| taker.join().expect("no panic")).collect();
        taken.sort_by_key(|taken| *taken == Taken::Already);
        assert_eq!(taken, [Taken::Result(7), Taken::Already]);
    });
}
