//! Asynchronous work of a call that belongs to no client: a runtime for this one call.

use tokio::runtime::{Builder, Handle};

use super::{callback, thread};
use crate::core::error::{Error, Result};
use crate::core::status::Status;

/// The stack of the thread that stands in for a caller whose own cannot run it.
const STACK: usize = 512 << 10;

/// Runs `future` to its end on the calling thread, or on one of our own where it cannot be there.
pub fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<T> {
    callback::refuse_to_block()?;
    if can_run_a_runtime_here() {
        return drive(future);
    }
    thread::run_with_stack("etcd-client", STACK, move || drive(future))?
}

/// Not inside another one, and not when the thread's own memory is gone, as it is in an exit handler and in the destructor of
/// a C++ global.
pub fn can_run_a_runtime_here() -> bool {
    Handle::try_current().is_err_and(|error| error.is_missing_context())
}

fn drive<T>(future: impl Future<Output = T>) -> Result<T> {
    let built = Builder::new_current_thread().enable_io().enable_time().build();
    let runtime =
        built.map_err(|error| Error::new(Status::Internal, format!("cannot start a runtime for the call: {error}")))?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_works_with_and_without_a_foreign_runtime_and_not_in_a_callback() {
        assert_eq!(block_on(async { 7 }).ok(), Some(7));
        let foreign = Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(foreign.block_on(async { block_on(async { 8 }).ok() }), Some(8));
        let inside = callback::inside(|| block_on(async { 9 }));
        assert_eq!(inside.expect_err("it would block").status(), Status::WouldDeadlock);
    }
}
