//! A door that opens once, and waiting for doors and sockets at the same time.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A door that is closed until somebody opens it, for good; clones are the same door.
///
/// It is the reading end of a pipe that hangs up when the gate opens, so that a thread can wait for it and for its
/// socket in one call, without looking again and again.
#[derive(Clone, Debug)]
pub struct Gate {
    ends: Arc<Ends>,
}

#[derive(Debug)]
struct Ends {
    reader: PipeReader,
    /// Gone once the gate is open.
    writer: Mutex<Option<PipeWriter>>,
}

impl Gate {
    /// A closed gate.
    #[expect(clippy::new_without_default, reason = "a pipe is no default value")]
    pub fn new() -> Self {
        let (reader, writer) = io::pipe().expect("make a pipe");
        Self { ends: Arc::new(Ends { reader, writer: Mutex::new(Some(writer)) }) }
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.writer().take();
    }

    /// Whether it was opened.
    pub fn is_open(&self) -> bool {
        self.writer().is_none()
    }

    /// Blocks until it is open; panics after [`crate::waiting::CEILING`].
    pub fn wait(&self) {
        let events = wait_for_any(&[(self.as_fd(), 0)], Some(crate::waiting::CEILING));
        assert!(events[0] != 0, "nobody opened the gate");
    }

    fn writer(&self) -> std::sync::MutexGuard<'_, Option<PipeWriter>> {
        self.ends.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Gate {
    /// Reports a hang-up once the gate is open.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ends.reader.as_fd()
    }
}

/// Blocks until one of the descriptors reports an event that was asked for, a hang-up or an error, or until the time
/// is over; returns what each one reported.
pub(crate) fn wait_for_any(wanted: &[(BorrowedFd<'_>, i16)], limit: Option<Duration>) -> Vec<i16> {
    let end = limit.map(|limit| Instant::now() + limit);
    let mut polled: Vec<libc::pollfd> = wanted
        .iter()
        .map(|(descriptor, events)| libc::pollfd { fd: descriptor.as_raw_fd(), events: *events, revents: 0 })
        .collect();
    loop {
        let timeout = match end {
            None => -1,
            // Rounded up, so that the last part of a millisecond is not spent in a busy loop.
            Some(end) => (end - Instant::now().min(end)).as_nanos().div_ceil(1_000_000).try_into().unwrap_or(i32::MAX),
        };
        let count = libc::nfds_t::try_from(polled.len()).expect("few descriptors");
        // SAFETY: the array is valid for reads and writes of `count` entries, and its descriptors are borrowed, so open.
        let answer = unsafe { libc::poll(polled.as_mut_ptr(), count, timeout) };
        if answer >= 0 {
            return polled.iter().map(|descriptor| descriptor.revents).collect();
        }
        let error = io::Error::last_os_error();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted, "cannot poll: {error}");
    }
}
