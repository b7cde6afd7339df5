//! Addresses on 127.0.0.1: free ones, reserved ones, ones that refuse and ones that never answer.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// A port that belongs to this object until it is dropped, for a server in another process to listen on.
///
/// The port stays bound by a socket that does not listen. Both sides set `SO_REUSEADDR` (Go's listeners do by
/// default), so the server may bind the port and listen as often as it likes, while the kernel gives it to nobody who
/// asks for "any port". So the port survives a kill and a restart, and connections in between are refused.
#[derive(Debug)]
pub struct ReservedPort {
    socket: Socket,
}

impl ReservedPort {
    /// Reserves a port that was free.
    #[expect(clippy::new_without_default, reason = "taking a port from the kernel is no default value")]
    pub fn new() -> Self {
        Self::on(Ipv4Addr::LOCALHOST)
    }

    /// Reserves a port of that address, which belongs to the network namespace of this thread.
    pub(crate) fn on(address: Ipv4Addr) -> Self {
        let socket = tcp_socket();
        socket.set_reuse_address(true).expect("set SO_REUSEADDR");
        bind_to_any_port_of(&socket, address);
        Self { socket }
    }

    /// The port's number.
    pub fn port(&self) -> u16 {
        local_address(&self.socket).port()
    }

    /// `http://127.0.0.1:PORT`, or with the address that it was reserved on.
    pub fn endpoint(&self) -> String {
        endpoint_of(local_address(&self.socket))
    }
}

/// A port that nobody listened on a moment ago; prefer [`ReservedPort`] where the port must stay free.
pub fn free_port() -> u16 {
    let socket = tcp_socket();
    bind_to_any_port(&socket);
    local_address(&socket).port()
}

/// An address that refuses every connection, and that nobody else can take while this object lives.
#[derive(Debug)]
pub struct RefusedEndpoint {
    socket: Socket,
}

impl RefusedEndpoint {
    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        endpoint_of(local_address(&self.socket))
    }

    /// The address itself.
    pub fn address(&self) -> SocketAddr {
        local_address(&self.socket)
    }
}

/// An address on which connecting fails at once with "connection refused".
pub fn refused_endpoint() -> RefusedEndpoint {
    let socket = tcp_socket();
    bind_to_any_port(&socket);
    RefusedEndpoint { socket }
}

/// An address on which connecting hangs: its backlog is full, so the kernel drops each further SYN.
///
/// It looks to a client like a host behind a firewall that drops packets. Connecting neither succeeds nor fails before
/// the client's own limit while this object lives.
#[derive(Debug)]
pub struct HangingListener {
    listener: Socket,
    /// The connections that fill the backlog; nobody ever accepts them.
    _fill: Vec<TcpStream>,
}

impl HangingListener {
    /// Time after which a connection over loopback counts as hanging.
    const PATIENCE: Duration = Duration::from_millis(150);
    /// More connections than any kernel accepts for a backlog of 0.
    const MOST_FILL: usize = 32;

    /// Listens, and fills the backlog.
    #[expect(clippy::new_without_default, reason = "occupying a port is no default value")]
    pub fn new() -> Self {
        let listener = tcp_socket();
        bind_to_any_port(&listener);
        listener.listen(0).expect("listen with the shortest backlog");
        let address = local_address(&listener);
        let mut fill = vec![TcpStream::connect(address).expect("the first connection fits in the backlog")];
        while let Ok(connection) = TcpStream::connect_timeout(&address, Self::PATIENCE) {
            fill.push(connection);
            assert!(fill.len() < Self::MOST_FILL, "this kernel's backlog does not fill up");
        }
        Self { listener, _fill: fill }
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        endpoint_of(local_address(&self.listener))
    }

    /// The address itself.
    pub fn address(&self) -> SocketAddr {
        local_address(&self.listener)
    }
}

fn tcp_socket() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("make a TCP socket")
}

fn bind_to_any_port(socket: &Socket) {
    bind_to_any_port_of(socket, Ipv4Addr::LOCALHOST);
}

fn bind_to_any_port_of(socket: &Socket, address: Ipv4Addr) {
    let any = SocketAddr::from((address, 0));
    socket.bind(&any.into()).unwrap_or_else(|error| panic!("bind to a free port on {address}: {error}"));
}

fn local_address(socket: &Socket) -> SocketAddr {
    socket.local_addr().ok().and_then(|address| address.as_socket()).expect("a bound socket has an address")
}

fn endpoint_of(address: SocketAddr) -> String {
    format!("http://{address}")
}
