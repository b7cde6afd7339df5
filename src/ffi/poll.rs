//! Waiting for sockets on the calling thread, and reading them into memory that nobody has to clear first.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use tokio::io::ReadBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    Read,
    Write,
}

/// A socket that is waited for, and whether there is news of it.
#[repr(transparent)]
pub struct Wanted(libc::pollfd);

impl Wanted {
    pub fn new(descriptor: RawFd, interest: Interest) -> Wanted {
        let events = if interest == Interest::Read { libc::POLLIN } else { libc::POLLOUT };
        Wanted(libc::pollfd { fd: descriptor, events, revents: 0 })
    }

    pub fn is(&self, descriptor: RawFd, interest: Interest) -> bool {
        let wanted = Wanted::new(descriptor, interest).0;
        (self.0.fd, self.0.events) == (wanted.fd, wanted.events)
    }

    pub fn is_of(&self, descriptor: RawFd) -> bool {
        self.0.fd == descriptor
    }

    /// Nobody knows whether there is news of it.
    fn assume_news(&mut self) {
        self.0.revents = self.0.events;
    }

    /// Its end and its failure are news as well. They are told once.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.0.revents) != 0
    }
}

/// Waits until there is news of one of them, or the time is over, or a signal comes. None for `timeout` waits as long as it
/// takes. Where the system cannot wait, there may be news of all: whoever asks finds out.
pub fn wait(wanted: &mut [Wanted], timeout: Option<Duration>) -> io::Result<()> {
    if system_wait(wanted, timeout) >= 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted {
        return Ok(());
    }
    wanted.iter_mut().for_each(Wanted::assume_news);
    Err(error)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn system_wait(wanted: &mut [Wanted], timeout: Option<Duration>) -> i32 {
    let limit = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the list is as long as said, and `Wanted` is nothing but a pollfd; the limit outlives the call.
    unsafe { libc::ppoll(wanted.as_mut_ptr().cast(), wanted.len() as libc::nfds_t, limit, std::ptr::null()) }
}

/// Other systems wait in whole milliseconds: never less than was asked for.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn system_wait(wanted: &mut [Wanted], timeout: Option<Duration>) -> i32 {
    let milliseconds =
        timeout.map_or(-1, |timeout| i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
    // SAFETY: the list is as long as said, and `Wanted` is nothing but a pollfd.
    unsafe { libc::poll(wanted.as_mut_ptr().cast(), wanted.len() as libc::nfds_t, milliseconds) }
}

/// Takes what the socket has; 0 at its end.
pub fn receive(socket: &socket2::Socket, buffer: &mut ReadBuf<'_>) -> io::Result<usize> {
    // SAFETY: the kernel only writes there, so what was initialised stays so.
    let received = socket.recv(unsafe { buffer.unfilled_mut() })?;
    // SAFETY: so much has just been written.
    unsafe { buffer.assume_init(received) };
    buffer.advance(received);
    Ok(received)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::mem::MaybeUninit;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;

    #[test]
    fn news_end_the_wait_and_without_them_the_time_does() {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let (read, write) = (Interest::Read, Interest::Write);
        let mut wanted = [Wanted::new(ours.as_raw_fd(), read)];
        let (began, pause) = (Instant::now(), Duration::from_millis(5));
        wait(&mut wanted, Some(pause)).expect("waited");
        assert!(began.elapsed() >= pause && !wanted[0].take_news());
        assert!(wanted[0].is(ours.as_raw_fd(), read) && !wanted[0].is(ours.as_raw_fd(), write));
        theirs.write_all(b"news").expect("written");
        wait(&mut wanted, None).expect("waited");
        assert!(wanted[0].take_news() && !wanted[0].take_news());
    }

    #[test]
    fn what_was_received_is_in_the_buffer() {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        theirs.write_all(b"news").expect("written");
        drop(theirs);
        let socket = socket2::Socket::from(std::os::fd::OwnedFd::from(ours));
        let mut space = [MaybeUninit::uninit(); 16];
        let mut buffer = ReadBuf::uninit(&mut space);
        assert_eq!(receive(&socket, &mut buffer).expect("received"), 4);
        assert_eq!(receive(&socket, &mut buffer).expect("the end"), 0);
        assert_eq!(buffer.filled(), b"news");
    }
}
