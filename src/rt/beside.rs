//! Starts what goes on beside a call: on its lane, where it stands still between calls, or on the runtime.

use std::pin::Pin;

#[cfg(unix)]
use super::turn;

pub fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    spawn_boxed(Box::pin(task));
}

/// Compiled once, and not for each kind of task.
#[expect(clippy::disallowed_methods, reason = "this is what the others use")]
fn spawn_boxed(task: Pin<Box<dyn Future<Output = ()> + Send>>) {
    #[cfg(unix)]
    if turn::is_here() {
        turn::with(|turn| turn.tasks.push(task));
        return;
    }
    tokio::spawn(task);
}
