//! Makes connections: resolve, connect, and say clearly what failed.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::endpoint::{Address, Origin};
use super::error::{Error, Result};
use super::exchange::Failure;
use super::http1::connection::Connection;
use super::proxy::{Proxies, Via};
use super::socket::{Stream, Transport};
use super::status::Status;
use super::tls::{Probe, Tls, alerts};
use super::tunnel;
use crate::rt::clock;
#[cfg(unix)]
use crate::rt::lane_socket::LaneSocket;
use crate::rt::resolver::Resolver;
#[cfg(unix)]
use crate::rt::turn;

/// A host that is gone is noticed by the system itself: when nothing has come for so long it is asked every few seconds, and
/// given up when it has acknowledged nothing for 30 seconds. Go asks after 30 seconds and gives up after minutes.
const KEEPALIVE: socket2::TcpKeepalive =
    socket2::TcpKeepalive::new().with_time(Duration::from_secs(20)).with_interval(Duration::from_secs(5));
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

pub struct Connector {
    resolver: Resolver,
    proxies: Proxies,
    tls: Tls,
    probe: Probe,
}

impl Connector {
    pub fn new(proxies: Proxies, tls: Tls) -> Connector {
        Connector { resolver: Resolver::default(), proxies, tls, probe: Probe::default() }
    }

    /// The proxy that is told the requests for `origin`, if any. One that is only a tunnel hears nothing of them.
    pub fn via(&self, origin: &Origin) -> Result<Option<Via>> {
        if origin.scheme.is_encrypted() { Ok(None) } else { self.proxies.via(origin) }
    }

    /// `until` is when the caller gives up; it is shared out over the addresses of a name, so that one
    /// address which swallows packets cannot use up the time of the others.
    pub async fn connect(&self, origin: &Origin, until: Option<Instant>) -> Result<Box<Connection>> {
        let stream = if origin.scheme.is_encrypted() {
            let transport = match self.proxies.via(origin)? {
                Some(via) => self.through(&via, origin, until).await?,
                None => self.transport(origin, until).await?,
            };
            Stream::Tls(self.tls.connect(origin, transport).await?)
        } else {
            Stream::Plain(self.transport(origin, until).await?)
        };
        Ok(Box::new(Connection::new(stream)))
    }

    /// What TLS has to say about a connection that broke.
    pub fn tls_failure(&self, origin: &Origin, error: &io::Error) -> Option<Error> {
        alerts::broken(origin, error, self.tls.settings())
    }

    /// A plain request that was never answered may have gone to a server that wants TLS, which then says so itself.
    pub async fn explained(&self, unexplained: Failure, origin: &Origin) -> Failure {
        let (Failure::NotSent(error) | Failure::Unknown(error)) = &unexplained;
        let is_silence = error.status() == Status::Io && error.http_status() == 0;
        let is_direct = !origin.scheme.is_encrypted() && matches!(self.via(origin), Ok(None));
        if !is_silence || !is_direct || !self.probe.speaks_tls(origin, self.transport(origin, None)).await {
            return unexplained;
        }
        match unexplained {
            Failure::NotSent(_) => Failure::NotSent(alerts::wants_tls(origin)),
            Failure::Unknown(_) => Failure::Unknown(alerts::wants_tls(origin)),
        }
    }

    /// Options of cURL for a connection to `origin`.
    pub fn curl_options(&self, origin: &Origin, quoted: fn(&str) -> String) -> String {
        let mut options = String::new();
        if let Ok(Some(via)) = self.proxies.via(origin) {
            options.push_str(&format!(" --proxy {}", quoted(&via.origin.to_string())));
        }
        if origin.scheme.is_encrypted() {
            options.push_str(&self.tls.settings().curl_options(quoted));
        }
        options
    }

    async fn through(&self, via: &Via, origin: &Origin, until: Option<Instant>) -> Result<Transport> {
        let reached = self.transport(&via.origin, until).await;
        let mut transport = reached.map_err(|error| behind_a_proxy(&error, origin))?;
        tunnel::open(&mut transport, origin, via).await.map_err(|why| failure(Status::Connect, origin, why))?;
        Ok(transport)
    }

    async fn transport(&self, origin: &Origin, until: Option<Instant>) -> Result<Transport> {
        match &origin.address {
            Address::Tcp { host, port } => self.connect_tcp(origin, host, *port, until).await,
            Address::Unix { path } => connect_unix(origin, path).await,
        }
    }

    async fn connect_tcp(&self, origin: &Origin, host: &str, port: u16, until: Option<Instant>) -> Result<Transport> {
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

async fn connect_within(address: SocketAddr, limit: Option<Duration>) -> io::Result<Transport> {
    let connecting = connect_to(address);
    let transport = match limit {
        Some(limit) => {
            clock::timeout(limit, connecting).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??
        }
        None => connecting.await?,
    };
    prepare(&transport.socket())?;
    Ok(transport)
}

fn prepare(socket: &socket2::SockRef<'_>) -> io::Result<()> {
    // Requests are written in one piece and must not wait for an acknowledgement of the one before.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}

/// With a socket of the lane that runs here, or of the runtime.
async fn connect_to(address: SocketAddr) -> io::Result<Transport> {
    #[cfg(unix)]
    if turn::is_here() {
        return LaneSocket::connect_tcp(address).await.map(Transport::from);
    }
    TcpStream::connect(address).await.map(Transport::from)
}

#[cfg(unix)]
async fn connect_unix(origin: &Origin, path: &str) -> Result<Transport> {
    let connected = match turn::is_here() {
        true => LaneSocket::connect_unix(path.as_ref()).await.map(Transport::from),
        false => UnixStream::connect(path).await.map(Transport::from),
    };
    connected.map_err(|error| failure(Status::Connect, origin, error))
}

#[cfg(not(unix))]
async fn connect_unix(origin: &Origin, _path: &str) -> Result<Transport> {
    Err(failure(Status::Unsupported, origin, "unix sockets are not available on this system"))
}

/// The proxy could not be reached; what the error concerns is the endpoint behind it.
pub fn behind_a_proxy(error: &Error, origin: &Origin) -> Error {
    failure(error.status(), origin, format_args!("its proxy failed: {}", error.message()))
}

fn failure(status: Status, origin: &Origin, why: impl std::fmt::Display) -> Error {
    let origin = origin.to_string();
    Error::new(status, format!("cannot connect to {origin}: {why}")).at(&origin)
}
