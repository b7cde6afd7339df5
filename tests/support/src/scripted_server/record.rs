//! What a scripted server knows: its requests, its connections and what each of them is doing.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Request;
use super::endings::{send_fin, shut};
use crate::gate::Gate;
use crate::waiting::CEILING;

/// Shared by the test, the accepting thread and the threads of the connections.
#[derive(Debug)]
pub(crate) struct Record {
    book: Mutex<Book>,
    changed: Condvar,
    /// Opens when the server is dropped.
    pub(crate) shutdown: Gate,
    /// Opens when the test releases the stalled answers.
    pub(crate) stalls: Gate,
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) requests: Vec<Request>,
    pub(crate) unfinished: Vec<Vec<u8>>,
    /// Connections accepted, and connections closed again on this side.
    pub(crate) accepted: usize,
    pub(crate) ended: usize,
    open: BTreeMap<usize, (Arc<TcpStream>, Phase)>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No byte of a request has come since the last answer.
    Idle,
    /// A request is being read or answered.
    Busy,
    /// An answer waits for something that the script or the test decides.
    Held,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self { book: Mutex::default(), changed: Condvar::new(), shutdown: Gate::new(), stalls: Gate::new() }
    }

    /// Looks at the book.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.book())
    }

    /// Looks at the book until `look` finds something; panics after the ceiling with `what` it waited for.
    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut(&Book) -> Option<T>) -> T {
        let mut found = None;
        let until_found = |book: &mut Book| {
            found = look(book);
            found.is_none()
        };
        let waited = self.changed.wait_timeout_while(self.book(), CEILING, until_found);
        drop(waited.unwrap_or_else(PoisonError::into_inner).0);
        found.unwrap_or_else(|| panic!("waited {CEILING:?} in vain for {what}: {:#?}", self.book()))
    }

    pub(crate) fn add_request(&self, request: Request) {
        self.change(|book| book.requests.push(request));
    }

    pub(crate) fn add_unfinished(&self, bytes: Vec<u8>) {
        self.change(|book| book.unfinished.push(bytes));
    }

    /// Notes an accepted connection and gives it its number.
    pub(crate) fn add_connection(&self, stream: &Arc<TcpStream>) -> usize {
        self.change(|book| {
            let number = book.accepted;
            book.accepted += 1;
            book.open.insert(number, (Arc::clone(stream), Phase::Idle));
            number
        })
    }

    pub(crate) fn set_phase(&self, number: usize, phase: Phase) {
        self.change(|book| {
            if let Some(connection) = book.open.get_mut(&number) {
                connection.1 = phase;
            }
        });
    }

    /// Closes a connection; it counts as ended only when the kernel has been told.
    pub(crate) fn end_connection(&self, number: usize, stream: Arc<TcpStream>) {
        self.change(|book| book.open.remove(&number));
        shut(&stream);
        drop(stream);
        self.change(|book| book.ended += 1);
    }

    pub(crate) fn close_idle(&self) -> usize {
        self.wait("the end of the answers that are being sent", |book| {
            if book.open.values().any(|(_, phase)| *phase == Phase::Busy) {
                return None;
            }
            // Under the lock, so that no connection begins to read a request meanwhile.
            let idle = book.open.values().filter(|(_, phase)| *phase == Phase::Idle);
            Some(idle.map(|(stream, _)| send_fin(stream)).count())
        })
    }

    pub(crate) fn shut_all_streams(&self) {
        self.with(|book| book.open.values().for_each(|(stream, _)| shut(stream)));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let outcome = change(&mut self.book());
        self.changed.notify_all();
        outcome
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
