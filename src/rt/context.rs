//! Go's context: a tree of cancellations and deadlines. In a forked child it is not touched, because a thread that is
//! not there may hold the locks of the tree for ever.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::core::status::Status;
use crate::ffi::process;

#[derive(Debug, Clone)]
pub struct Context(Arc<Node>);

#[derive(Debug)]
struct Node {
    /// The process that made it, or its oldest ancestor.
    process: u32,
    parent: Option<Context>,
    token: CancellationToken,
    /// The earliest of its own and its ancestors'.
    deadline: Option<Instant>,
    cancelled_at: OnceLock<Instant>,
    /// Made by the library for one call that can be cancelled by itself.
    is_of_a_call: bool,
}

impl Context {
    /// A context without a deadline of its own.
    pub fn new(parent: Option<&Context>) -> Context {
        Context::with_deadline(parent, None)
    }

    /// Zero or less has passed already; more than the clock can hold never passes.
    pub fn with_timeout_ms(parent: Option<&Context>, ms: i64) -> Context {
        let timeout = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        Context::with_deadline(parent, Instant::now().checked_add(timeout))
    }

    /// For one call that can be cancelled without its parent.
    pub fn of_a_call(parent: Option<&Context>, timeout: Option<Duration>) -> Context {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut context = Context::with_deadline(parent, deadline);
        if let Some(node) = Arc::get_mut(&mut context.0) {
            node.is_of_a_call = true;
        }
        context
    }

    /// What it was that was cancelled, in words.
    pub fn what_was_cancelled(&self) -> &'static str {
        if self.0.is_of_a_call && self.0.cancelled_at.get().is_some() { "the call" } else { "the context" }
    }

    fn with_deadline(parent: Option<&Context>, deadline: Option<Instant>) -> Context {
        if let Some(parent) = parent.filter(|parent| parent.is_inherited()) {
            return Context::inherited(parent.0.process);
        }
        let inherited = parent.and_then(Context::deadline);
        let deadline = match (deadline, inherited) {
            (Some(own), Some(inherited)) => Some(own.min(inherited)),
            (own, inherited) => own.or(inherited),
        };
        let token = parent.map_or_else(CancellationToken::new, |parent| parent.0.token.child_token());
        let process = parent.map_or_else(std::process::id, |parent| parent.0.process);
        let cancelled_at = OnceLock::new();
        let parent = parent.cloned();
        Context(Arc::new(Node { process, parent, token, deadline, cancelled_at, is_of_a_call: false }))
    }

    /// The child of a context that another process made: of no use either, and not tied to its tree.
    fn inherited(process: u32) -> Context {
        let token = CancellationToken::new();
        let cancelled_at = OnceLock::new();
        Context(Arc::new(Node { process, parent: None, token, deadline: None, cancelled_at, is_of_a_call: false }))
    }

    /// Whether it was made before a fork, by the process that this one is a child of.
    pub fn is_inherited(&self) -> bool {
        self.0.process != process::id()
    }

    pub fn cancel(&self) {
        if self.is_inherited() {
            return;
        }
        self.0.cancelled_at.get_or_init(Instant::now);
        self.0.token.cancel();
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// What came first, cancellation or deadline, stays the status for ever, as in Go.
    pub fn status(&self) -> Status {
        if self.is_inherited() {
            return Status::Forked;
        }
        let deadline_passed = |at: Instant| self.0.deadline.is_some_and(|deadline| deadline <= at);
        if self.0.token.is_cancelled() {
            let cancelled_at = self.earliest_cancellation().unwrap_or_else(Instant::now);
            return if deadline_passed(cancelled_at) { Status::DeadlineExceeded } else { Status::Canceled };
        }
        if self.0.deadline.is_some() && deadline_passed(Instant::now()) { Status::DeadlineExceeded } else { Status::Ok }
    }

    fn earliest_cancellation(&self) -> Option<Instant> {
        let mut earliest = None;
        let mut node = Some(self);
        while let Some(context) = node {
            let here = context.0.cancelled_at.get().copied();
            earliest = [earliest, here].into_iter().flatten().min();
            node = context.0.parent.as_ref();
        }
        earliest
    }

    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + '_ {
        self.0.token.cancelled()
    }
}

/// A long chain of contexts is taken apart in a loop; recursion would overflow a small stack.
impl Drop for Node {
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(Context(node)) = parent {
            parent = Arc::into_inner(node).and_then(|mut node| node.parent.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelling_a_parent_cancels_its_children_and_not_the_reverse() {
        let parent = Context::new(None);
        let child = Context::new(Some(&parent));
        let sibling = Context::new(Some(&parent));
        child.cancel();
        assert_eq!((parent.status(), child.status(), sibling.status()), (Status::Ok, Status::Canceled, Status::Ok));
        parent.cancel();
        assert_eq!(sibling.status(), Status::Canceled);
    }

    #[test]
    fn a_child_never_outlives_its_parents_deadline() {
        let parent = Context::with_timeout_ms(None, 10);
        let child = Context::with_timeout_ms(Some(&parent), 10_000);
        assert_eq!(child.deadline(), parent.deadline());
    }

    #[test]
    fn what_came_first_stays() {
        let passed = Context::with_timeout_ms(None, 0);
        passed.cancel();
        assert_eq!(passed.status(), Status::DeadlineExceeded);
        let cancelled = Context::with_timeout_ms(None, 20);
        cancelled.cancel();
        while cancelled.deadline().is_some_and(|deadline| deadline > Instant::now()) {
            std::thread::yield_now();
        }
        assert_eq!(cancelled.status(), Status::Canceled);
    }

    #[test]
    fn what_another_process_made_has_no_use_and_no_tie_to_its_tree() {
        let inherited = Context::inherited(process::id().wrapping_add(1));
        let child = Context::with_timeout_ms(Some(&inherited), 0);
        inherited.cancel();
        assert!(child.is_inherited() && !inherited.0.token.is_cancelled());
        assert_eq!((inherited.status(), child.status()), (Status::Forked, Status::Forked));
        assert!(!Context::new(None).is_inherited());
    }

    #[test]
    fn absurd_timeouts_do_no_harm() {
        assert_eq!(Context::with_timeout_ms(None, i64::MIN).status(), Status::DeadlineExceeded);
        assert_eq!(Context::with_timeout_ms(None, i64::MAX).status(), Status::Ok);
    }

    #[test]
    fn a_chain_of_a_million_contexts_is_freed_without_recursion() {
        let mut context = Context::new(None);
        for _ in 0..1_000_000 {
            let node = Node {
                process: process::id(),
                parent: Some(context),
                token: CancellationToken::new(),
                deadline: None,
                cancelled_at: OnceLock::new(),
                is_of_a_call: false,
            };
            context = Context(Arc::new(node));
        }
        drop(context);
    }
}
