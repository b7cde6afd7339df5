//! A socket of a lane: asked directly, and waited for with all that the lane waits for.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::turn;
use crate::ffi::poll::{self, Interest};

#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_SIGPIPE: i32 = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const NO_SIGPIPE: i32 = 0;

pub struct LaneSocket {
    socket: Socket,
    /// Whether there may be more to read: the last read has filled all the room there was.
    may_have_more: bool,
}

impl LaneSocket {
    pub async fn connect_tcp(address: SocketAddr) -> io::Result<LaneSocket> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        connect(socket, &address.into()).await
    }

    pub async fn connect_unix(path: &Path) -> io::Result<LaneSocket> {
        connect(Socket::new(Domain::UNIX, Type::STREAM, None)?, &SockAddr::unix(path)?).await
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

async fn connect(socket: Socket, address: &SockAddr) -> io::Result<LaneSocket> {
    socket.set_nonblocking(true)?;
    turn::forget_news(socket.as_raw_fd());
    #[cfg(target_vendor = "apple")]
    socket.set_nosigpipe(true)?;
    match socket.connect(address) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
            let descriptor = socket.as_raw_fd();
            std::future::poll_fn(|_| match turn::take_news(descriptor, Interest::Write) {
                true => Poll::Ready(()),
                false => wait(descriptor, Interest::Write),
            })
            .await;
            if let Some(error) = socket.take_error()? {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    Ok(LaneSocket { socket, may_have_more: false })
}

fn wait<T>(descriptor: RawFd, interest: Interest) -> Poll<T> {
    turn::want(descriptor, interest);
    Poll::Pending
}

impl AsyncRead for LaneSocket {
    /// An answer takes its time, so that the first question would be for nothing.
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let lane = self.get_mut();
        if !lane.may_have_more && !turn::take_news(lane.descriptor(), Interest::Read) {
            return wait(lane.descriptor(), Interest::Read);
        }
        loop {
            let room = buffer.remaining();
            match poll::receive(&lane.socket, buffer) {
                Ok(received) => {
                    lane.may_have_more = received == room;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    lane.may_have_more = false;
                    return wait(lane.descriptor(), Interest::Read);
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for LaneSocket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.socket.send_with_flags(bytes, NO_SIGPIPE) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return wait(self.descriptor(), Interest::Write);
                }
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown(std::net::Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::super::clock;
    use super::super::driver::Driver;
    use super::*;

    // A descriptor that is closed is the next one that is made.
    #[cfg(target_os = "linux")]
    #[test]
    fn news_of_a_closed_socket_are_not_taken_for_those_of_the_next_one() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        socket2::SockRef::from(&listener).listen(0).expect("a short queue");
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
        let _in_the_queue: Vec<_> = std::iter::from_fn(|| connect().ok()).take(10).collect();
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let mut ours = Some(ours);
        let connecting = async {
            let descriptor = ours.as_ref().map(AsRawFd::as_raw_fd).expect("open");
            let mut has_waited = false;
            let one_turn = std::future::poll_fn(|_| match std::mem::replace(&mut has_waited, true) {
                true => Poll::Ready(()),
                false => wait::<()>(descriptor, Interest::Write),
            });
            one_turn.await;
            drop(ours.take());
            clock::timeout(Duration::from_millis(100), LaneSocket::connect_tcp(address)).await.is_err()
        };
        let mut driver = Driver::new().expect("a driver");
        assert!(driver.block_on(|| connecting, &mut |_| {}), "nobody has accepted it");
    }
}
