//! What the call on this thread's lane waits for. A lane polls everything in each turn, so whoever waits says so anew in each
//! turn: nothing has to be registered, taken back or woken by itself. What asks only those of its parts that were woken has
//! no place on a lane.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::time::Instant;

use crate::ffi::poll::{Interest, Wanted};

pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

pub struct Turn {
    /// When it began.
    pub now: Instant,
    pub wanted: Vec<Wanted>,
    /// The sockets that the turn before has waited for.
    pub found: Vec<Wanted>,
    /// When something follows from the passing of time.
    pub alarm: Option<Instant>,
    /// What goes on beside the call.
    pub tasks: Vec<Task>,
}

impl Default for Turn {
    fn default() -> Turn {
        Turn { now: Instant::now(), wanted: Vec::new(), found: Vec::new(), alarm: None, tasks: Vec::new() }
    }
}

thread_local! {
    /// Without a destructor, so that it is there to the very end of the thread; whoever puts a turn here takes it back.
    static HERE: RefCell<ManuallyDrop<Option<Turn>>> = const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Puts a turn in place; gives what was there.
pub fn replace(turn: Option<Turn>) -> Option<Turn> {
    HERE.with(|here| std::mem::replace(&mut **here.borrow_mut(), turn))
}

/// None where no lane runs.
pub fn with<T>(change: impl FnOnce(&mut Turn) -> T) -> Option<T> {
    HERE.with(|here| here.borrow_mut().as_mut().map(change))
}

pub fn is_here() -> bool {
    HERE.with(|here| here.borrow().is_some())
}

/// Waits for news of a socket.
pub fn want(descriptor: RawFd, interest: Interest) {
    with(|turn| turn.wanted.push(Wanted::new(descriptor, interest)));
}

/// Whether the last wait has brought news of it, which are told once.
pub fn take_news(descriptor: RawFd, interest: Interest) -> bool {
    let take = |wanted: &mut Wanted| wanted.is(descriptor, interest) && wanted.take_news();
    with(|turn| turn.found.iter_mut().any(take)).unwrap_or(false)
}

/// A socket that is new may have the descriptor of one that was closed in this turn.
pub fn forget_news(descriptor: RawFd) {
    with(|turn| turn.found.retain(|wanted| !wanted.is_of(descriptor)));
}

/// Waits for a time: whether it has come; None where no lane runs.
pub fn alarm(at: Instant) -> Option<bool> {
    with(|turn| {
        let has_come = at <= turn.now;
        if !has_come {
            turn.alarm = Some(turn.alarm.map_or(at, |alarm| alarm.min(at)));
        }
        has_come
    })
}
