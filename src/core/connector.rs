//! Makes connections: resolve, connect, and say clearly what failed.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::connection::{Connection, Stream};
use super::endpoint::{Address, Origin};
use super::error::{Error, Result};
use super::proxy::{Proxies, Via};
use super::status::Status;
use crate::rt::resolver::Resolver;

/// Go's dialer uses the same.
const KEEPALIVE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub struct Connector {
    resolver: Resolver,
    proxies: Proxies,
}

impl Connector {
    pub fn new(proxies: Proxies) -> Connector {
        Connector { resolver: Resolver::default(), proxies }
    }

    /// The proxy on the way to `origin`, if any.
    pub fn via(&self, origin: &Origin) -> Result<Option<Via>> {
        self.proxies.via(origin)
    }

    /// `until` is when the caller gives up; it is shared out over the addresses of a name, so that one
    /// address which swallows packets cannot use up the time of the others.
    pub async fn connect(&self, origin: &Origin, until: Option<Instant>) -> Result<Connection> {
        if origin.scheme.is_encrypted() {
            return Err(failure(Status::Unsupported, origin, "TLS is not part of this version"));
        }
        let stream = match &origin.address {
            Address::Tcp { host, port } => Stream::Tcp(self.connect_tcp(origin, host, *port, until).await?),
            Address::Unix { path } => connect_unix(origin, path).await?,
        };
        Connection::open(stream).await.map_err(|error| failure(Status::Connect, origin, error))
    }

    async fn connect_tcp(&self, origin: &Origin, host: &str, port: u16, until: Option<Instant>) -> Result<TcpStream> {
        let resolved = self.resolver.resolve(host, port).await;
        let addresses =
            resolved.map_err(|error| failure(Status::Dns, origin, format_args!("cannot resolve '{host}': {error}")))?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for (position, address) in addresses.iter().enumerate() {
            match connect_within(*address, share(until, addresses.len().saturating_sub(position))).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(failure(Status::Connect, origin, last))
    }
}

/// The last address needs no limit of its own: the caller has one.
fn share(until: Option<Instant>, addresses_left: usize) -> Option<Duration> {
    let left = u32::try_from(addresses_left).ok().filter(|left| *left > 1)?;
    until?.saturating_duration_since(Instant::now()).checked_div(left)
}

async fn connect_within(address: SocketAddr, limit: Option<Duration>) -> io::Result<TcpStream> {
    let connecting = TcpStream::connect(address);
    let stream = match limit {
        Some(limit) => tokio::time::timeout(limit, connecting).await??,
        None => connecting.await?,
    };
    // Requests are written in one piece and must not wait for an acknowledgement of the one before.
    stream.set_nodelay(true)?;
    socket2::SockRef::from(&stream)
        .set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    Ok(stream)
}

#[cfg(unix)]
async fn connect_unix(origin: &Origin, path: &str) -> Result<Stream> {
    UnixStream::connect(path).await.map(Stream::Unix).map_err(|error| failure(Status::Connect, origin, error))
}

#[cfg(not(unix))]
async fn connect_unix(origin: &Origin, _path: &str) -> Result<Stream> {
    Err(failure(Status::Unsupported, origin, "unix sockets are not available on this system"))
}

fn failure(status: Status, origin: &Origin, why: impl std::fmt::Display) -> Error {
    let origin = origin.to_string();
    Error::new(status, format!("cannot connect to {origin}: {why}")).at(&origin)
}
