//! Starts what goes on beside a call: on its lane, where it stands still between calls, or on the runtime.

#[cfg(unix)]
use super::turn;

pub fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    #[cfg(unix)]
    if turn::is_here() {
        turn::with(|turn| turn.tasks.push(Box::pin(task)));
        return;
    }
    tokio::spawn(task);
}
