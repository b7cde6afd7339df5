//! The ways in which a connection ends.
//!
//! None of them relies on closing the descriptor: a child process that another test starts just then has a copy of it
//! for a moment, and only the last copy's close tells the other side.

use std::mem;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::SockRef;

use crate::waiting::wait_until;

/// The kernel's number for "a FIN was sent, and nobody has acknowledged it".
const TCP_FIN_WAIT1: u8 = 4;

/// The family of the address that leads nowhere.
const AF_UNSPEC: libc::sa_family_t = 0;

/// Sends a FIN and ends the stream's blocked reads and writes.
pub(crate) fn shut(stream: &TcpStream) {
    // It fails only when the connection has ended already.
    let _ = stream.shutdown(Shutdown::Both);
}

/// Sends a RST, whatever has been sent or received before.
pub(crate) fn send_reset(stream: &TcpStream) {
    // For the close that follows, should the kernel not disconnect.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    let nowhere = libc::sockaddr { sa_family: AF_UNSPEC, sa_data: [0; 14] };
    let length = libc::socklen_t::try_from(mem::size_of_val(&nowhere)).expect("a small struct");
    // Connecting to nowhere ends a connection with a RST; it fails only when the connection has ended already.
    // SAFETY: `nowhere` is valid for reads of `length` bytes, and the descriptor is open for the whole call.
    unsafe { libc::connect(stream.as_raw_fd(), &nowhere, length) };
}

/// Sends a FIN, waits until the other side's kernel has it, and ends the blocked reads of the stream's thread.
///
/// On a busy machine even loopback delivers late, and a client that looks for the FIN just then would not find it.
pub(crate) fn send_fin(stream: &TcpStream) {
    // It fails only when the connection has ended already.
    let _ = stream.shutdown(Shutdown::Write);
    wait_until("the client's kernel acknowledges the FIN", || tcp_state(stream) != TCP_FIN_WAIT1);
    shut(stream);
}

fn tcp_state(stream: &TcpStream) -> u8 {
    // SAFETY: tcp_info is plain data for which all zeroes is a valid value.
    let mut info: libc::tcp_info = unsafe { mem::zeroed() };
    let mut length = libc::socklen_t::try_from(mem::size_of::<libc::tcp_info>()).expect("a small struct");
    // SAFETY: `info` is valid for writes of `length` bytes, and the descriptor is open for the whole call.
    let answer = unsafe {
        let place = (&raw mut info).cast();
        libc::getsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, place, &mut length)
    };
    assert_eq!(answer, 0, "cannot ask for the connection's state: {}", std::io::Error::last_os_error());
    info.tcpi_state
}
