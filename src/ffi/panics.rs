//! Panics end at the C border: they become errors with message and place, and print nothing.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use crate::core::error::Error;
use crate::core::status::Status;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs the library's code: a panic in it becomes an error.
pub fn catch<T>(body: impl FnOnce() -> T) -> Result<T, Error> {
    let (mut body, mut result) = (Some(body), None);
    run(&mut || result = body.take().map(|body| body()))?;
    result.ok_or_else(|| Error::new(Status::Internal, "a call has not been made"))
}

/// Compiled once, and not into each of the exported functions.
#[inline(never)]
fn run(body: &mut dyn FnMut()) -> Result<(), Error> {
    silently(|| panic::catch_unwind(AssertUnwindSafe(body))).map_err(|_| {
        // At the very end of a thread it is gone.
        let last = LAST.try_with(|last| last.borrow_mut().take()).ok().flatten();
        let place = last.unwrap_or_else(|| "at an unknown place".into());
        let text = format!("a bug in libetcd_client {}: panic {place}; please report it", env!("CARGO_PKG_VERSION"));
        Error::new(Status::Panic, text)
    })
}

/// As `catch`, for a future: the panic of a poll is its result, and it is not polled again.
pub fn caught<F: Future>(future: F) -> impl Future<Output = Result<F::Output, Error>> {
    then(future, |result| result)
}

/// As `caught`; `last` makes the result out of it. No larger than its parts, since many tasks rest inside one.
pub fn then<F: Future, T>(future: F, last: impl FnOnce(Result<F::Output, Error>) -> T) -> impl Future<Output = T> {
    Caught { future, last: Some(last) }
}

struct Caught<F, L> {
    future: F,
    /// None after the end.
    last: Option<L>,
}

impl<F: Future, T, L: FnOnce(Result<F::Output, Error>) -> T> Future for Caught<F, L> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // SAFETY: the future is pinned with its struct, which never moves it; nothing that is pinned is reached otherwise.
        let (future, last) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &mut this.last)
        };
        let ended = match catch(|| future.poll(context)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => Ok(result),
            Err(panic) => Err(panic),
        };
        last.take().map_or(Poll::Pending, |last| Poll::Ready(last(ended)))
    }
}

/// Runs code of the library in which panics are recorded and not printed. Panics of the host go to its own hook.
pub fn silently<T>(body: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            DEPTH.with(|depth| depth.set(depth.get().saturating_sub(1)));
        }
    }
    install_hook();
    DEPTH.with(|depth| depth.set(depth.get().saturating_add(1)));
    let _leave = Leave;
    body()
}

/// Runs the host's code inside the library's: what panics there goes to the host's own hook.
pub fn as_the_host<T>(body: impl FnOnce() -> T) -> T {
    struct Return(u32);
    impl Drop for Return {
        fn drop(&mut self) {
            DEPTH.with(|depth| depth.set(self.0));
        }
    }
    let _return = Return(DEPTH.with(|depth| depth.replace(0)));
    body()
}

/// Nobody waits for the thread that installs it: in a child that was forked in that moment, it would be for ever.
fn install_hook() {
    static IS_INSTALLED: AtomicBool = AtomicBool::new(false);
    if IS_INSTALLED.load(Ordering::Relaxed) || IS_INSTALLED.swap(true, Ordering::Relaxed) {
        return;
    }
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| if DEPTH.with(Cell::get) > 0 { record(info) } else { previous(info) }));
}

fn record(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = text.unwrap_or("without a message");
    let place =
        info.location().map(|location| format!("at {}:{}: ", location.file(), location.line())).unwrap_or_default();
    let _ = LAST.try_with(|last| *last.borrow_mut() = Some(format!("{place}{message}")));
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::rt::park::wait_until;

    #[test]
    fn a_panic_becomes_an_error_with_its_message_and_place() {
        let error = catch(|| panic!("the sky falls")).expect_err("a panic");
        assert_eq!(error.status(), Status::Panic);
        assert!(error.message().contains("the sky falls") && error.message().contains("panics.rs:"), "{error}");
    }

    #[test]
    fn what_does_not_panic_is_passed_on() {
        assert_eq!(catch(|| 7).ok(), Some(7));
        assert_eq!(wait_until(caught(async { 7 }), None).and_then(Result::ok), Some(7));
    }

    #[test]
    fn a_future_that_panics_when_it_goes_on_becomes_an_error_too() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let mut future = Box::pin(caught(async {
            let _ = receiver.await;
            panic!("the sky falls");
        }));
        assert!(wait_until(future.as_mut(), Some(Instant::now())).is_none(), "it waits first");
        drop(sender);
        let error = wait_until(future, None).expect("an end").expect_err("a panic");
        assert!(error.message().contains("the sky falls") && error.message().contains("panics.rs:"), "{error}");
    }

    #[test]
    fn a_panic_at_the_end_of_a_thread_is_caught_as_well() {
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                assert!(catch(|| panic!("late")).is_err());
            }
        }
        thread_local! { static LATE: Late = const { Late }; }
        std::thread::spawn(|| {
            LATE.with(|_| {});
            assert!(catch(|| panic!("early")).is_err());
        })
        .join()
        .expect("no panic");
    }
}
